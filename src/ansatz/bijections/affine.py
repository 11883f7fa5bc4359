"""Shift and scale."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition


class Affine(AbstractBijection):
    """The map y = shift + scale · x, coordinate by coordinate; log |det ∂y/∂x| = Σ log |scale|.

    `shift` and `scale` are arrays of the event's shape, or scalars or smaller arrays that
    broadcast to it: the sum runs over every coordinate of the event in each case. No scale
    may be zero; negative ones reverse their coordinate.
    """

    shift: Float[Array, "..."]
    scale: Float[Array, "..."]

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        shift, scale = self._over(x)
        return shift + scale * x, jnp.sum(jnp.log(jnp.abs(scale)))

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        shift, scale = self._over(y)
        return (y - shift) / scale, -jnp.sum(jnp.log(jnp.abs(scale)))

    def _over(self, event: Array) -> tuple[Array, Array]:
        """Shift and scale, one value for each coordinate of `event`."""
        spread = []
        for name, value in [("shift", self.shift), ("scale", self.scale)]:
            try:
                spread.append(jnp.broadcast_to(value, event.shape))
            except ValueError as error:
                raise ValueError(
                    f"The {name} of an Affine has shape {value.shape}, which does not broadcast "
                    f"to the event's shape {event.shape}. A bijection acts on one event; use "
                    "`jax.vmap` for a batch."
                ) from error
        return spread[0], spread[1]
