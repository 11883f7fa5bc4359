"""The restricted Boltzmann machine, whose visible units see only hidden ones."""

import math
from collections.abc import Sequence
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.dense import DenseKernel, Side
from ansatz.models.boltzmann.kernel import State
from ansatz.models.boltzmann.lattices import bipartite
from ansatz.models.boltzmann.machine import BoltzmannMachine, event_shape, numbers
from ansatz.models.boltzmann.units import (
    VALUES,
    Units,
    check_values,
    log_odds,
    log_states,
    mean_bias,
    unit_mean,
    valued,
)
from ansatz.protocol.capabilities import Codec, Condition, Scalar
from ansatz.protocol.errors import DataError, OptionError


class RestrictedMachine(AbstractMachine, Codec):
    """E(v, h) = -b·v - c·h - v·W h over visible units v and hidden units h.

    Smolensky (1986), Hinton (2002). Given one side the units of the other are independent, and
    the free energy is F(v) = -b·v - sum_j log sum_h exp((c + W^T v)_j h).

    With a `log_scale`, visible units are real numbers (Cho, Ilin and Raiko, 2011):
    E(v, h) = sum_i (v_i - b_i)^2 / 2 sigma_i^2 - c·h - (v / sigma^2)·W h,
    so that v given h is normal about b + W h with variances sigma^2.
    The visible units are the nodes 0, 1, ..., and the hidden ones follow.
    """

    visible_bias: Float[Array, " visible"]
    hidden_bias: Float[Array, " hidden"]
    weight: Float[Array, "visible hidden"]
    log_scale: Float[Array, " visible"] | None
    visible: tuple[int, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    units: Units = eqx.field(static=True)
    sweeps: int = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        visible_bias: Shaped[Array, "..."] | np.ndarray,
        hidden_bias: Shaped[Array, "..."] | np.ndarray,
        weight: Shaped[Array, "..."] | np.ndarray,
        *,
        log_scale: Shaped[Array, "..."] | np.ndarray | None = None,
        shape: tuple[int, ...] | None = None,
        given: int = 0,
        units: Units = "binary",
        sweeps: int = 1000,
        dtype: str = "float32",
    ) -> "RestrictedMachine":
        """The machine with these parameters; `shape` is how an event shows the visible units.

        The last `given` of those show a condition instead.
        """
        visible, hidden = len(visible_bias), len(hidden_bias)
        return cls(
            visible_bias=numbers(visible_bias, (visible,), "visible biases", dtype),
            hidden_bias=numbers(hidden_bias, (hidden,), "hidden biases", dtype),
            weight=numbers(weight, (visible, hidden), "weights", dtype),
            log_scale=None
            if log_scale is None
            else numbers(log_scale, (visible,), "log scales", dtype),
            visible=tuple(range(visible)),
            shape=event_shape(shape, visible - given),
            units=units,
            sweeps=sweeps,
        )

    @property
    def nodes(self) -> int:
        return len(self.visible_bias) + len(self.hidden_bias)

    @property
    def dtype(self) -> jnp.dtype:
        return self.weight.dtype

    @property
    def gaussian(self) -> bool:
        """Whether visible units are real numbers."""
        return self.log_scale is not None

    def kernel(self, clamped: tuple[int, ...] = ()) -> DenseKernel:
        return self._kernel(clamped, "hidden")

    def exact_kernel(self, clamped: tuple[int, ...] = ()) -> DenseKernel:
        held = sum(i < len(self.visible) for i in clamped)
        visible, hidden = len(self.visible) - held, len(self.hidden) - (len(clamped) - held)
        larger: Side = "visible" if self.gaussian or visible > hidden else "hidden"
        return self._kernel(clamped, "hidden" if not visible else larger)

    def _kernel(self, clamped: tuple[int, ...], first: Side) -> DenseKernel:
        return DenseKernel(
            self.visible_bias,
            self.hidden_bias,
            self.weight,
            self.log_scale,
            self.units,
            first,
            clamped,
        )

    def at(self, beta: float | Scalar) -> "RestrictedMachine":
        inverse = jnp.asarray(beta, self.dtype)
        hidden_bias = inverse * self.hidden_bias
        if self.log_scale is None:
            visible_bias, weight = inverse * self.visible_bias, inverse * self.weight
            return replace(self, visible_bias=visible_bias, hidden_bias=hidden_bias, weight=weight)
        # A Gaussian unit is the narrower, and keeps its mean.
        narrower = self.log_scale - jnp.log(inverse) / 2
        return replace(self, hidden_bias=hidden_bias, log_scale=narrower)

    def independent(self, bias: Float[Array, " node"]) -> "RestrictedMachine":
        count = len(self.visible)
        nothing = jnp.zeros_like(self.weight)
        return replace(self, visible_bias=bias[:count], hidden_bias=bias[count:], weight=nothing)

    def log_independent(self, bias: Float[Array, " node"], free: np.ndarray) -> Scalar:
        if self.log_scale is None:
            return jnp.sum(log_states(bias[free], self.units))
        count = len(self.visible)
        widths = self.log_scale[free[free < count]]
        normal = jnp.sum(widths) + len(widths) * jnp.log(2 * jnp.pi) / 2
        return normal + jnp.sum(log_states(bias[free[free >= count]], self.units))

    def under(self, condition: Float[Array, " condition"]) -> tuple["RestrictedMachine", Scalar]:
        count = len(self.visible) - len(self.given)
        held = self.upped(condition).astype(self.dtype)
        machine = replace(
            self,
            visible_bias=self.visible_bias[:count],
            hidden_bias=self.hidden_bias + held @ self.weight[count:],
            weight=self.weight[:count],
            visible=self.visible[:count],
        )
        return machine, -self.visible_bias[count:] @ held

    def start(self, key: PRNGKeyArray, chains: int, bias: Float[Array, " node"]) -> State:
        key_units, key_normal = jax.random.split(key)
        up = jax.nn.sigmoid(log_odds(bias, self.units))[:, None]
        uniform = jax.random.uniform(key_units, (self.nodes, chains), self.dtype)
        state = valued(uniform < up, self.units, self.dtype)
        if self.log_scale is None:
            return state
        count = len(self.visible)
        noise = jax.random.normal(key_normal, (count, chains), self.dtype)
        normal = bias[:count, None] + jnp.exp(self.log_scale)[:, None] * noise
        return jnp.concatenate([normal, state[count:]])

    def check(
        self, values: Shaped[Array, "..."] | np.ndarray, what: str, nodes: Sequence[int]
    ) -> None:
        given = np.asarray(values)
        discrete = np.array([not self.gaussian or i >= len(self.visible) for i in nodes], bool)
        axis = 0 if given.ndim == 2 and len(given) == len(nodes) else -1
        check_values(np.compress(discrete, given, axis), self.units, what)
        if not np.isfinite(given).all():
            raise DataError(f"{what} must be finite.")

    def base_bias(self, events: Shaped[Array, "event ..."] | np.ndarray) -> Float[Array, " node"]:
        rows = np.asarray(events).reshape(len(events), -1)
        shown = rows.mean(0) if self.gaussian else mean_bias(rows, self.units)
        hidden = jnp.zeros(len(self.hidden), self.dtype)
        return jnp.concatenate([jnp.asarray(shown, self.dtype), hidden])

    def encode(
        self, event: Float[Array, "..."], condition: Condition = None
    ) -> Float[Array, " hidden"]:
        """E[h | v]; for units 0 and 1 the probabilities of being up."""
        v = self.joined(event, condition)
        pull = (v if self.log_scale is None else v * jnp.exp(-2 * self.log_scale)) @ self.weight
        return unit_mean(self.hidden_bias + pull, self.units)

    def decode(
        self, code: Float[Array, " hidden"], condition: Condition = None
    ) -> Float[Array, "..."]:
        """E[v | h]."""
        pull = self.visible_bias + self.weight @ code
        mean = pull if self.gaussian else unit_mean(pull, self.units)
        return mean[: math.prod(self.shape)].reshape(self.shape)

    def log_conditionals(self, event: Float[Array, "..."]) -> Float[Array, " visible"]:
        if self.gaussian:
            raise OptionError("Pseudo-likelihood is for units of two values, not Gaussian ones.")
        v = event.ravel()
        low, high = VALUES[self.units]
        flip = (low + high) - 2 * v
        pull = self.hidden_bias + v @ self.weight
        flipped = pull[None] + flip[:, None] * self.weight
        now = jnp.sum(log_states(pull, self.units))
        there = jnp.sum(log_states(flipped, self.units), axis=1) + flip * self.visible_bias
        return -jax.nn.softplus(there - now)

    def general(self) -> BoltzmannMachine:
        """The same distribution as a machine on a bipartite graph."""
        if self.gaussian:
            raise OptionError("A machine on a graph has units of two values, not Gaussian ones.")
        return BoltzmannMachine.of(
            bipartite(*self.weight.shape),
            jnp.concatenate([self.visible_bias, self.hidden_bias]),
            self.weight.ravel(),
            visible=self.visible,
            shape=self.shape,
            given=len(self.given),
            units=self.units,
            sweeps=self.sweeps,
            dtype=str(self.dtype),
        )
