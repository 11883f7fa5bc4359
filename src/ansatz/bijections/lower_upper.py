"""Linear maps that are learnt, as a product of triangles."""

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
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
        inner = solve_triangular(lower, y.ravel(), lower=True, unit_diagonal=True)
        turned = solve_triangular(upper, inner)
        x = self.permutation.inverse(turned)[0]
        return x.reshape(y.shape), -jnp.sum(self.log_scale)
