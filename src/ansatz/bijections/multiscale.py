"""Fields at several scales: space becomes channels, and half of them is done."""

from math import prod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition
from ansatz.protocol.errors import OptionError


class Channelled(AbstractBijection):
    """An event as a field with channels last, (*space, channels); log |det ∂y/∂x| = 0."""

    shape: tuple[int, ...] = eqx.field(static=True)
    """Of the event."""
    axis: int | None = eqx.field(static=True)
    """Where it has its channels, if it has any."""

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        y = x[..., None] if self.axis is None else jnp.moveaxis(x, self.axis, -1)
        return y, jnp.zeros((), x.dtype)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        x = y[..., 0] if self.axis is None else jnp.moveaxis(y, -1, self.axis)
        return x, jnp.zeros((), y.dtype)


class Squeeze(AbstractBijection):
    """Two neighbours along every axis of space become channels of one; log |det ∂y/∂x| = 0."""

    def forward(
        self, x: Float[Array, "*space channels"], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        *space, channels = x.shape
        check_even(tuple(space))
        n = len(space)
        pairs = x.reshape(*(part for length in space for part in (length // 2, 2)), channels)
        order = (*range(0, 2 * n, 2), *range(1, 2 * n, 2), 2 * n)
        y = pairs.transpose(order).reshape(*(length // 2 for length in space), -1)
        return y, jnp.zeros((), x.dtype)

    def inverse(
        self, y: Float[Array, "*space channels"], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        *space, channels = y.shape
        n = len(space)
        pairs = y.reshape(*space, *(2,) * n, channels // 2**n)
        order = [axis for k in range(n) for axis in (k, n + k)]
        x = pairs.transpose(*order, 2 * n).reshape(*(2 * length for length in space), -1)
        return x, jnp.zeros((), y.dtype)


class MultiScale(AbstractBijection):
    """Levels that each hand half of their channels on to the next (Dinh and others, 2017).

    z = [the first half of f₁(x), the first half of f₂(rest), ..., all of the last], in a row. A
    level maps a field to a field with an even number of channels; `shapes` are what it gives.
    """

    levels: tuple[AbstractBijection, ...]
    shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        total, done = jnp.zeros((), x.dtype), []
        for k, level in enumerate(self.levels):
            x, log_det = level.forward(x, condition)
            total = total + log_det
            if k < len(self.levels) - 1:
                ready, x = jnp.split(x, 2, axis=-1)
                done.append(ready.ravel())
        return jnp.concatenate([*done, x.ravel()]), total

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        total = jnp.zeros((), y.dtype)
        last = prod(self.shapes[-1])
        y, rest = jnp.split(y, [y.size - last])
        x = rest.reshape(self.shapes[-1])
        for k in reversed(range(len(self.levels))):
            if k < len(self.levels) - 1:
                half = (*self.shapes[k][:-1], self.shapes[k][-1] // 2)
                y, ready = jnp.split(y, [y.size - prod(half)])
                x = jnp.concatenate([ready.reshape(half), x], axis=-1)
            x, log_det = self.levels[k].inverse(x, condition)
            total = total + log_det
        return x, total


def check_even(space: tuple[int, ...]) -> None:
    """Refuse a field that cannot be squeezed."""
    if any(length % 2 for length in space):
        raise OptionError(
            f"A field of {' x '.join(map(str, space))} cannot be squeezed by two along every axis: "
            "give fewer --levels, or events of even lengths."
        )
