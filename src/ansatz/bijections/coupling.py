"""Couplings: half of an event moves, as a net says that sees the other half."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ansatz.bijections.abstract import AbstractBijection, Condition
from ansatz.bijections.scalar import AbstractScalarMap
from ansatz.protocol.errors import OptionError


class Coupling(AbstractBijection):
    """y = [a, t(b; net(a, c))] for x = [a, b]: the first half stays and says how the second moves.

    The event is laid out in a row and cut in the middle; of an odd number the larger part moves.
    log |det ∂y/∂x| = Σ log t′. The net maps (a, c) to `map.numbers` times as many numbers as b
    has, and need not be invertible, for a is known in both directions.
    """

    map: AbstractScalarMap
    net: Any

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        stays, moves = _halves(x)
        y, log_slopes = self.map.forward(moves, self._raw(stays, moves, condition))
        return jnp.concatenate([stays, y]).reshape(x.shape), jnp.sum(log_slopes)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        stays, moves = _halves(y)
        x, log_slopes = self.map.inverse(moves, self._raw(stays, moves, condition))
        return jnp.concatenate([stays, x]).reshape(y.shape), jnp.sum(log_slopes)

    def _raw(self, stays: Array, moves: Array, condition: Condition) -> Array:
        return self.net(stays, condition).reshape(self.map.numbers, len(moves))


class MaskedCoupling(AbstractBijection):
    """y = x where the mask is true, and t(x; net(mask · x, c)) where it is false.

    The net sees a whole event with zeros in place of what moves, and gives `map.numbers` numbers
    for every number of it: (*event shape, numbers) in a row. So a net that knows of neighbours,
    as a convolutional one does, may be used on any pattern.
    """

    mask: Bool[Array, "..."]
    """What stays."""
    map: AbstractScalarMap
    net: Any

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        y, log_slopes = self.map.forward(x, self._raw(x, condition))
        return jnp.where(self.mask, x, y), jnp.sum(jnp.where(self.mask, 0, log_slopes))

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        x, log_slopes = self.map.inverse(y, self._raw(y, condition))
        return jnp.where(self.mask, y, x), jnp.sum(jnp.where(self.mask, 0, log_slopes))

    def _raw(self, event: Array, condition: Condition) -> Array:
        raw = self.net(jnp.where(self.mask, event, 0), condition)
        return jnp.moveaxis(raw.reshape(*event.shape, self.map.numbers), -1, 0)


def _halves(event: Array) -> tuple[Array, Array]:
    """What stays and what moves."""
    row = event.ravel()
    if len(row) < 2:
        raise OptionError(
            "A coupling needs an event of 2 numbers or more, for one part says how the other moves."
        )
    return row[: len(row) // 2], row[len(row) // 2 :]


def by_index(shape: tuple[int, ...]) -> np.ndarray:
    """True at every second number of an event laid out in a row, the first included."""
    mask = np.arange(int(np.prod(shape))) % 2 == 0
    return _checked(mask.reshape(shape), "by index")


def by_channel(shape: tuple[int, ...]) -> np.ndarray:
    """True in the first half of the last axis, the smaller one."""
    mask = np.arange(shape[-1]) < shape[-1] // 2
    return _checked(np.broadcast_to(mask, shape), "by channel")


def checkerboard(shape: tuple[int, ...]) -> np.ndarray:
    """True where the places along all axes but the last, the channels, add up to an even number."""
    places = np.indices(shape[:-1]).sum(0) % 2 == 0
    return _checked(np.broadcast_to(places[..., None], shape), "of a checkerboard")


def _checked(mask: np.ndarray, which: str) -> np.ndarray:
    """The mask, unless nothing would stay or nothing would move."""
    if mask.all() or not mask.any():
        left = "move" if mask.all() else "stay"
        raise OptionError(
            f"The mask {which} leaves nothing to {left} of an event of shape {mask.shape}: choose "
            "another mask, or events of more numbers."
        )
    return mask
