"""Linear maps that are learnt, as a product of triangles."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.bijections.abstract import AbstractBijection, Condition
from ansatz.bijections.permutation import Permutation


class LowerUpper(AbstractBijection):
    """y = L U P x: a permutation P, then triangles; log |det ∂y/∂x| = Σ log_scale.

    L has ones on its diagonal and U has exp(log_scale) on its own, so that any values of the
    parameters give an invertible map and its determinant costs nothing (Kingma and Dhariwal,
    2018).
    """

    below: Float[Array, "numbers numbers"]
    """Of which the part below the diagonal counts."""
    above: Float[Array, "numbers numbers"]
    """Of which the part above the diagonal counts."""
    log_scale: Float[Array, " numbers"]
    permutation: Permutation

    @classmethod
    def drawn(cls, key: PRNGKeyArray, numbers: int, dtype: str = "float32") -> "LowerUpper":
        """A random permutation alone."""
        zeros = jnp.zeros((numbers, numbers), dtype)
        return cls(zeros, zeros, zeros[0], Permutation.drawn(key, numbers))

    def _triangles(self) -> tuple[Array, Array]:
        lower = jnp.tril(self.below, -1) + jnp.eye(len(self.below), dtype=self.below.dtype)
        return lower, jnp.triu(self.above, 1) + jnp.diag(jnp.exp(self.log_scale))

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        lower, upper = self._triangles()
        turned = self.permutation.forward(x.ravel())[0]
        return (lower @ (upper @ turned)).reshape(x.shape), jnp.sum(self.log_scale)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        lower, upper = self._triangles()
        # From the last number to the first, an upper triangle is a lower one.
        flipped = _inverse_of_lower(upper[::-1, ::-1])[::-1, ::-1]
        turned = flipped @ (_inverse_of_lower(lower) @ y.ravel())
        x = self.permutation.inverse(turned)[0]
        return x.reshape(y.shape), -jnp.sum(self.log_scale)


def _inverse_of_lower(lower: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """L⁻¹, row by row and once for a whole batch: r_i = (e_i − Σ_(j<i) L_ij r_j) / L_ii."""

    def one(i: Array, inverse: Array) -> Array:
        row = -lower[i] @ inverse
        return inverse.at[i].set(row.at[i].add(1) / lower[i, i])

    return jax.lax.fori_loop(0, len(lower), one, jnp.zeros_like(lower))
