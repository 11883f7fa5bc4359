"""The numbers of an event in another order."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ansatz.bijections.abstract import AbstractBijection, Condition


class Reversal(AbstractBijection):
    """The numbers of an event from the last to the first; log |det ∂y/∂x| = 0."""

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return x.ravel()[::-1].reshape(x.shape), jnp.zeros((), x.dtype)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return self.forward(y)


class Permutation(AbstractBijection):
    """y_i = x_(order i), of the numbers of an event laid out in a row; log |det ∂y/∂x| = 0."""

    order: Int[Array, " numbers"]

    @classmethod
    def drawn(cls, key: PRNGKeyArray, numbers: int) -> "Permutation":
        """Any order, each as likely as any other."""
        return cls(jax.random.permutation(key, numbers))

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return x.ravel()[self.order].reshape(x.shape), jnp.zeros((), x.dtype)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        back = jnp.argsort(self.order)
        return y.ravel()[back].reshape(y.shape), jnp.zeros((), y.dtype)
