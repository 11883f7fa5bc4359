"""Block Gibbs sampling between the two sides of a restricted machine, by matrix products."""

from typing import Literal, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ansatz.models.boltzmann.kernel import (
    AbstractKernel,
    Beta,
    Parts,
    Rule,
    State,
    of_bits,
    ups,
)
from ansatz.models.boltzmann.units import Units, log_states, valued

Side = Literal["visible", "hidden"]
Block: TypeAlias = Float[Array, "unit chain"]


class Sides(NamedTuple):
    """The visible and the hidden units of many chains."""

    visible: Float[Array, "visible chain"]
    hidden: Float[Array, "hidden chain"]


class DenseKernel(AbstractKernel):
    """The pull on a whole side is one product of the weights with the other side.

    `first` is the side that is changed first and summed out. Visible units are Gaussian where
    there is a `log_scale`.
    """

    visible_bias: Float[Array, " visible"]
    hidden_bias: Float[Array, " hidden"]
    weight: Float[Array, "visible hidden"]
    log_scale: Float[Array, " visible"] | None
    units: Units = eqx.field(static=True)
    first: Side = eqx.field(static=True)
    clamped: tuple[int, ...] = eqx.field(static=True)

    def lay(self, state: State) -> Sides:
        count = len(self.visible_bias)
        return Sides(state[:count], state[count:])

    def restore(self, laid: Sides) -> State:
        return jnp.concatenate(laid)

    def sweep(self, laid: Sides, key: PRNGKeyArray, beta: Beta, rule: Rule = "gibbs") -> Sides:
        key_first, key_second = jax.random.split(key)
        laid = self._change(laid, self.first, key_first, beta, rule)
        return self._change(laid, self._second, key_second, beta, rule)

    def redraw_first(self, laid: Sides, key: PRNGKeyArray, beta: Beta) -> Sides:
        return self._change(laid, self.first, key, beta, "gibbs")

    def parts(self, laid: Sides) -> Parts:
        free = self._free(self.first)
        held = getattr(laid, self.first)
        if len(free) == len(held):
            # All of it at zero pulls at nothing: no product of weights is needed.
            return Parts(self._alone(laid), self._field(laid, self.first))
        emptied = laid._replace(**{self.first: held.at[free].set(0)})
        rest = self.energies(emptied)
        if self.first == "visible" and self.log_scale is not None:
            rest -= jnp.sum((self.visible_bias**2 * self._precision)[free]) / 2
        return Parts(rest, self._field(laid, self.first)[free])

    def log_sum(self, parts: Parts, beta: Beta) -> Float[Array, " chain"]:
        inverse = jnp.broadcast_to(jnp.asarray(beta, parts.rest.dtype), parts.rest.shape)
        if self.first == "visible" and self.log_scale is not None:
            free = self._free("visible")
            scale, centre = self.log_scale[free], self.visible_bias[free]
            # The integral over v of exp(-beta [(v - b)^2 / 2 sigma^2 - v f]).
            pull = jnp.exp(2 * scale)[:, None] * parts.field**2 / 2
            shift = jnp.sum(centre[:, None] * parts.field + pull, axis=0)
            width = jnp.sum(scale) + len(free) * (jnp.log(2 * jnp.pi) - jnp.log(inverse)) / 2
            return inverse * (shift - parts.rest) + width
        sums = log_states(inverse[None] * parts.field, self.units)
        return jnp.sum(sums, axis=0) - inverse * parts.rest

    @property
    def enumerated(self) -> int:
        return len(self._free(self._second))

    def numbered(self, held: Sides, index: Int[Array, " number"]) -> Sides:
        sides = {}
        for side in ("visible", "hidden"):
            own = getattr(held, side)
            wide = jnp.broadcast_to(own, (len(own), len(index)))
            free = self._free(side)
            if side == self.first:
                sides[side] = wide.at[free].set(0)
            else:
                bits = of_bits(index, len(free), self.units, own.dtype)
                sides[side] = wide.at[free].set(bits)
        return Sides(**sides)

    def energies(self, laid: Sides) -> Float[Array, " chain"]:
        v, h = laid
        bias, pull = self.hidden_bias[:, None], self.weight.T @ self._scaled(v)
        energy = -jnp.sum(h * (bias + pull), axis=0)
        if self.log_scale is None:
            return energy - self.visible_bias @ v
        return energy + self._precision @ (v - self.visible_bias[:, None]) ** 2 / 2

    def _alone(self, laid: Sides) -> Float[Array, " chain"]:
        """The energy of the second side without the first."""
        if self.first == "visible":
            return -self.hidden_bias @ laid.hidden
        if self.log_scale is None:
            return -self.visible_bias @ laid.visible
        return self._precision @ (laid.visible - self.visible_bias[:, None]) ** 2 / 2

    @property
    def _second(self) -> Side:
        return "hidden" if self.first == "visible" else "visible"

    @property
    def _precision(self) -> Float[Array, " visible"]:
        assert self.log_scale is not None
        return jnp.exp(-2 * self.log_scale)

    def _free(self, side: Side) -> np.ndarray:
        """The units of a side that are not clamped."""
        visible = len(self.visible_bias)
        start, count = (0, visible) if side == "visible" else (visible, len(self.hidden_bias))
        held = {i - start for i in self.clamped}
        return np.array([i for i in range(count) if i not in held], int)

    def _scaled(self, v: Block) -> Block:
        return v if self.log_scale is None else v * self._precision[:, None]

    def _field(self, laid: Sides, side: Side) -> Block:
        """The pull on a side; on Gaussian units that beyond their own bias."""
        if side == "hidden":
            return self.hidden_bias[:, None] + self.weight.T @ self._scaled(laid.visible)
        pull = self.weight @ laid.hidden
        return self.visible_bias[:, None] + pull if self.log_scale is None else self._scaled(pull)

    def _change(self, laid: Sides, side: Side, key: PRNGKeyArray, beta: Beta, rule: Rule) -> Sides:
        free, old = self._free(side), getattr(laid, side)
        if not len(free):
            return laid
        if side == "visible" and self.log_scale is not None:
            noise = jax.random.normal(key, old.shape, old.dtype)
            inverse = jnp.broadcast_to(jnp.asarray(beta, old.dtype), old.shape[1:])[None]
            wide = jnp.exp(self.log_scale)[:, None] / jnp.sqrt(inverse)
            new = self.visible_bias[:, None] + self.weight @ laid.hidden + wide * noise
        else:
            up = ups(key, old, self._field(laid, side), beta, self.units, rule)
            new = valued(up, self.units, old.dtype)
        if len(free) < len(old):
            new = old.at[free].set(new[free])
        return laid._replace(**{side: new})
