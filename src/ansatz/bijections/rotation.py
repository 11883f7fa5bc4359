"""Orthogonal maps that are learnt."""

import jax
import jax.numpy as jnp
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
        """Q, once for a whole batch.

        One reflection after another: on processors a triangular system, which holds all of them
        at once (Bischof and Van Loan, 1987), took a hundred times as long.
        """
        axes = self.axes / jnp.linalg.norm(self.axes, axis=1, keepdims=True)

        def reflect(q: Array, v: Array) -> tuple[Array, None]:
            return q - 2 * jnp.outer(q @ v, v), None

        identity = jnp.eye(axes.shape[1], dtype=axes.dtype)
        return jax.lax.scan(reflect, identity, axes)[0]

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return (self.matrix() @ x.ravel()).reshape(x.shape), jnp.zeros((), x.dtype)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        return (self.matrix().T @ y.ravel()).reshape(y.shape), jnp.zeros((), y.dtype)
