"""One bijection after another."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition


class Chain(AbstractBijection):
    """The composition y = fₙ(… f₂(f₁(x))): the first of the tuple acts first.

    Its log-determinant is the sum of its members', each taken where the member acts. The
    empty chain is the identity.
    """

    bijections: tuple[AbstractBijection, ...] = eqx.field(converter=tuple)

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        total = jnp.zeros((), x.dtype)
        for bijection in self.bijections:
            x, log_det = bijection.forward(x, condition)
            total = total + log_det
        return x, total

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        total = jnp.zeros((), y.dtype)
        for bijection in reversed(self.bijections):
            y, log_det = bijection.inverse(y, condition)
            total = total + log_det
        return y, total
