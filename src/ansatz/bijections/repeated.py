"""Many bijections of one kind, one after another."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition


class Repeated(AbstractBijection):
    """The composition y = fₙ(… f₂(f₁(x))) of bijections that differ in their arrays alone.

    Every array of `layers` has a leading axis, one layer for each place, as `eqx.filter_vmap` of
    a constructor makes them. A layer is compiled once, however many there are.
    """

    layers: AbstractBijection

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        arrays, rest = eqx.partition(self.layers, eqx.is_array)

        def one(x: Array, arrays: AbstractBijection) -> tuple[Array, Array]:
            return eqx.combine(arrays, rest).forward(x, condition)

        y, log_dets = jax.lax.scan(one, x, arrays)
        return y, jnp.sum(log_dets)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        arrays, rest = eqx.partition(self.layers, eqx.is_array)

        def one(y: Array, arrays: AbstractBijection) -> tuple[Array, Array]:
            return eqx.combine(arrays, rest).inverse(y, condition)

        x, log_dets = jax.lax.scan(one, y, arrays, reverse=True)
        return x, jnp.sum(log_dets)
