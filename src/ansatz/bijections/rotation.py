"""Orthogonal maps that are learnt."""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.bijections.abstract import AbstractBijection, Condition


class Rotation(AbstractBijection):
    """y = Q x with Q orthogonal, a product of Householder reflections; log |det ∂y/∂x| = 0.

    Q = Π_i (I − 2 v_i v_iᵀ / v_iᵀv_i) stays orthogonal whatever the rows v_i of `axes` are, so
    they can be learnt freely. With as many reflections as there are numbers every orthogonal map
    with det Q = (−1)ⁿ is within reach, and Gaussian rows draw one at random.
    """

    axes: Float[Array, "reflections numbers"]

    @classmethod
    def drawn(cls, key: PRNGKeyArray, numbers: int, dtype: str = "float32") -> "Rotation":
        """A random one."""
        return cls(jax.random.normal(key, (numbers, numbers), dtype))

    def matrix(self) -> Float[Array, "numbers numbers"]:
        """Q = I − Vᵀ T⁻¹ V with T the upper triangle of V Vᵀ, its diagonal halved.

        All reflections at once (Bischof and Van Loan, 1987): one triangular system in place of
        a loop. It is the same for a whole batch.
        """
        v = self.axes / jnp.linalg.norm(self.axes, axis=1, keepdims=True)
        gram = v @ v.T
        triangle = jnp.triu(gram, 1) + jnp.eye(len(v), dtype=v.dtype) / 2
        return jnp.eye(v.shape[1], dtype=v.dtype) - v.T @ solve_triangular(triangle, v)

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return (self.matrix() @ x.ravel()).reshape(x.shape), jnp.zeros((), x.dtype)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return (self.matrix().T @ y.ravel()).reshape(y.shape), jnp.zeros((), y.dtype)
