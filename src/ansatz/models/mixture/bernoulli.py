"""Products of Bernoulli distributions."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ansatz.models.mixture.components import (
    AbstractComponents,
    Completed,
    Moments,
    Vector,
    others,
)


class Bernoullis(AbstractComponents):
    """p_k(x) = prod_j m_kj^x_j (1 - m_kj)^(1 - x_j) on x in {0, 1}^d."""

    mean: Float[Array, "K d"]

    @property
    def freedom(self) -> int:
        return self.mean.size

    def covariance(self) -> Float[Array, "K d d"]:
        return jax.vmap(jnp.diag)(self.mean * (1 - self.mean))

    def log_prob(self, x: Vector) -> Float[Array, " K"]:
        return self._log_prob(x, 1 - x)

    def moments(self, x: Float[Array, "n d"], responsibility: Float[Array, "n K"]) -> Moments:
        count = jnp.sum(responsibility, 0)
        first = responsibility.T @ x - count[:, None] * self.mean
        return Moments(count, first, jnp.zeros((len(count), 0), x.dtype))

    def completed(self, x: Vector, observed: Bool[Array, " d"]) -> Completed:
        """What is missing says nothing, and is expected to be each component's own mean."""
        return Completed(
            self._log_prob(jnp.where(observed, x, 0), jnp.where(observed, 1 - x, 0)),
            jnp.where(observed[None], x[None] - self.mean, 0),
            jnp.zeros((len(self.mean), 0), x.dtype),
        )

    def completed_moments(
        self, completed: Completed, responsibility: Float[Array, "n K"]
    ) -> Moments:
        first = jnp.sum(responsibility[..., None] * completed.offset, 0)
        return Moments(jnp.sum(responsibility, 0), first, jnp.zeros((len(first), 0), first.dtype))

    def most_likely(self, moments: Moments, floor: float) -> "Bernoullis":
        return Bernoullis(jnp.clip(self.mean + moments.shift(), floor, 1 - floor))

    def expected_log_prob(self, moments: Moments, about: Float[Array, "K d"]) -> Float[Array, ""]:
        ones = moments.first + moments.count[:, None] * about
        zeros = moments.count[:, None] - ones
        return jnp.sum(ones * jnp.log(self.mean) + zeros * jnp.log1p(-self.mean))

    def at_floor(self, floor: float) -> Bool[Array, " K"]:
        # A number that a component never sees, or always, is nothing out of the ordinary.
        return jnp.zeros(len(self.mean), bool)

    def draw(self, key: PRNGKeyArray, k: Int[Array, ""]) -> Vector:
        uniform = jax.random.uniform(key, self.mean.shape[1:], self.mean.dtype)
        return (uniform < self.mean[k]).astype(self.mean.dtype)

    def draw_given(
        self, key: PRNGKeyArray, k: Int[Array, ""], x: Vector, observed: Bool[Array, " d"]
    ) -> Vector:
        return jnp.where(observed, x, self.draw(key, k))

    def given(self, x: Vector, places: tuple[int, ...]) -> "Bernoullis":
        return self.marginal(others(self.mean.shape[1], places))

    def marginal(self, places: tuple[int, ...]) -> "Bernoullis":
        return Bernoullis(self.mean[:, jnp.array(places)])

    def _log_prob(self, ones: Vector, zeros: Vector) -> Float[Array, " K"]:
        return jnp.log(self.mean) @ ones + jnp.log1p(-self.mean) @ zeros
