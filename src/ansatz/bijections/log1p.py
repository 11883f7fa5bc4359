"""The logarithm for counts, energies and other values that may be zero."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition


class Log1p(AbstractBijection):
    """The map y = log(1 + x) for x > −1; log |det ∂y/∂x| = −Σ y."""

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        y = jnp.log1p(x)
        return y, -jnp.sum(y)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return jnp.expm1(y), jnp.sum(y)
