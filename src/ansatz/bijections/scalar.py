"""Increasing maps of single numbers, whose parameters a net may give."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class AbstractScalarMap(eqx.Module):
    """y_i = t(x_i; raw_i) with t increasing in x: each number by itself, with its own parameters.

    Any real numbers will do for the parameters; where they are zero the map is the identity, so
    that a flow whose nets start near zero starts near nothing.
    """

    @property
    @abc.abstractmethod
    def numbers(self) -> int:
        """How many parameters a number has."""

    @abc.abstractmethod
    def forward(
        self, x: Float[Array, "*shape"], raw: Float[Array, "numbers *shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        """y and log ∂y/∂x, number by number."""

    @abc.abstractmethod
    def inverse(
        self, y: Float[Array, "*shape"], raw: Float[Array, "numbers *shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        """x and log ∂x/∂y, number by number."""


class Shift(AbstractScalarMap):
    """y = x + u t: volumes do not change (Dinh, Krueger and Bengio, 2015).

    The `unit` u is not learnt. With the deviation of every number for its unit, a first step of an
    optimiser moves none of them by much more than that, also those that hardly vary.
    """

    numbers: ClassVar[int] = 1
    unit: Float[Array, "..."] | None = None

    def forward(
        self, x: Float[Array, "*shape"], raw: Float[Array, "numbers *shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        return x + self._shift(raw), jnp.zeros_like(x)

    def inverse(
        self, y: Float[Array, "*shape"], raw: Float[Array, "numbers *shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        return y - self._shift(raw), jnp.zeros_like(y)

    def _shift(self, raw: Float[Array, "numbers *shape"]) -> Float[Array, "*shape"]:
        return raw[0] if self.unit is None else jax.lax.stop_gradient(self.unit) * raw[0]


class ShiftAndScale(AbstractScalarMap):
    """y = eˢ x + t with s = a tanh(r / a) (Dinh, Sohl-Dickstein and Bengio, 2017).

    |s| < a = `steepest`: no single layer can blow a number up beyond all bounds, which on events
    it has not learnt from would make the inverse lose its digits.
    """

    numbers: ClassVar[int] = 2
    steepest: ClassVar[float] = 3.0

    def forward(
        self, x: Float[Array, "*shape"], raw: Float[Array, "numbers *shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        s = self._log_slope(raw)
        return x * jnp.exp(s) + raw[0], s

    def inverse(
        self, y: Float[Array, "*shape"], raw: Float[Array, "numbers *shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        s = self._log_slope(raw)
        return (y - raw[0]) * jnp.exp(-s), -s

    def _log_slope(self, raw: Float[Array, "numbers *shape"]) -> Float[Array, "*shape"]:
        return self.steepest * jnp.tanh(raw[1] / self.steepest)
