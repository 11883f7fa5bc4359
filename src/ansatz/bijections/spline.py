"""Monotone rational-quadratic splines."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.scalar import AbstractScalarMap
from ansatz.protocol.errors import OptionError

LEAST = 1e-3
"""The least slope at a knot, and the least width and height of a bin as a share of the interval."""


class Spline(AbstractScalarMap):
    """y = t(x) on [−B, B] in K bins, and y = x outside (Durkan and others, 2019).

    In a bin of the width w and the height h, with slopes d₀ and d₁ at its ends, s = h / w and
    u = (x − x₀) / w,

        y = y₀ + h (s u² + d₀ u (1 − u)) / (s + (d₁ + d₀ − 2 s) u (1 − u)).

    The parameters of a number are K raw widths, K raw heights and the K − 1 raw slopes between;
    at ±B the slope is one.
    """

    bins: int = eqx.field(static=True)
    bound: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        if self.bins < 1 or self.bins * LEAST >= 1:
            raise OptionError(f"A spline has from 1 to {1 / LEAST - 1:.0f} bins, not {self.bins}.")
        if not self.bound > 0:
            raise OptionError(f"The bound of a spline must be positive; it is {self.bound}.")

    @property
    def numbers(self) -> int:
        return 3 * self.bins - 1

    def forward(
        self, x: Float[Array, "*shape"], raw: Float[Array, "numbers *shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        bin = self._bin(x, raw, by_image=False)
        u = (self._within(x) - bin.left) / bin.width
        mixed = u * (1 - u)
        below = bin.slope + bin.excess * mixed
        y = bin.bottom + bin.height * (bin.slope * u**2 + bin.start * mixed) / below
        inside = jnp.abs(x) < self.bound
        return jnp.where(inside, y, x), jnp.where(inside, bin.log_slope(u, below), 0)

    def inverse(
        self, y: Float[Array, "*shape"], raw: Float[Array, "numbers *shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        bin = self._bin(y, raw, by_image=True)
        # u solves a u² + b u + c = 0, by the form of the root that does not cancel.
        rise = self._within(y) - bin.bottom
        a = bin.height * (bin.slope - bin.start) + rise * bin.excess
        b = bin.height * bin.start - rise * bin.excess
        c = -bin.slope * rise
        u = 2 * c / (-b - jnp.sqrt(jnp.maximum(b**2 - 4 * a * c, 0)))
        x = bin.left + u * bin.width
        below = bin.slope + bin.excess * u * (1 - u)
        inside = jnp.abs(y) < self.bound
        return jnp.where(inside, x, y), jnp.where(inside, -bin.log_slope(u, below), 0)

    def _within(self, value: Array) -> Array:
        """What lies outside stays at the ends, where no formula overflows."""
        return jnp.clip(value, -self.bound, self.bound)

    def _bin(self, value: Array, raw: Array, *, by_image: bool) -> "_Bin":
        """The bin in which each number lies, or its image."""
        k = self.bins
        widths, heights = (
            2 * self.bound * (LEAST + (1 - LEAST * k) * jax.nn.softmax(part, axis=0))
            for part in (raw[:k], raw[k : 2 * k])
        )
        # At raw zero the slope is one.
        slopes = LEAST + jax.nn.softplus(raw[2 * k :] + math.log(math.expm1(1 - LEAST)))
        ones = jnp.ones((1, *value.shape), value.dtype)
        slopes = jnp.concatenate([ones, slopes, ones])
        lefts, bottoms = (
            jnp.cumsum(sizes, axis=0) - sizes - self.bound for sizes in (widths, heights)
        )
        edges = bottoms if by_image else lefts
        place = jnp.sum((edges[1:] <= value[None]).astype(jnp.int32), axis=0)
        # A sum over all bins of which one counts: on processors a gather takes far longer.
        chosen = jnp.arange(k).reshape(k, *(1,) * value.ndim) == place[None]

        def at(parts: Array) -> Array:
            return jnp.sum(jnp.where(chosen, parts, 0), axis=0)

        return _Bin(*map(at, (lefts, bottoms, widths, heights, slopes[:-1], slopes[1:])))


class _Bin(eqx.Module):
    """One bin for each number."""

    left: Array
    bottom: Array
    width: Array
    height: Array
    start: Array
    """The slope at its left end."""
    end: Array

    @property
    def slope(self) -> Array:
        return self.height / self.width

    @property
    def excess(self) -> Array:
        return self.end + self.start - 2 * self.slope

    def log_slope(self, u: Array, below: Array) -> Array:
        """log s² (d₁ u² + 2 s u (1 − u) + d₀ (1 − u)²) / (s + (d₁ + d₀ − 2 s) u (1 − u))²."""
        mixed = u * (1 - u)
        above = self.end * u**2 + 2 * self.slope * mixed + self.start * (1 - u) ** 2
        return 2 * jnp.log(self.slope) + jnp.log(above) - 2 * jnp.log(below)
