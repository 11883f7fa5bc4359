"""Gaussians of independent numbers, each with its own variance or all with the component's."""

import math

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


class DiagonalGaussians(AbstractComponents):
    """p_k(x) = prod_j N(x_j; m_kj, v_kj).

    Variances have a second axis of length one where a component has one for all numbers
    (spherical).
    """

    mean: Float[Array, "K d"]
    variances: Float[Array, "K v"]

    @property
    def spherical(self) -> bool:
        return self.variances.shape[1] < self.mean.shape[1]

    @property
    def freedom(self) -> int:
        return self.mean.size + self.variances.size

    def covariance(self) -> Float[Array, "K d d"]:
        return jax.vmap(jnp.diag)(self._each())

    def log_prob(self, x: Vector) -> Float[Array, " K"]:
        return jnp.sum(self._terms(x), 1)

    def moments(self, x: Float[Array, "n d"], responsibility: Float[Array, "n K"]) -> Moments:
        away = x[:, None] - self.mean[None]
        weighted = responsibility[..., None] * away
        return Moments(
            jnp.sum(responsibility, 0), jnp.sum(weighted, 0), jnp.sum(weighted * away, 0)
        )

    def completed(self, x: Vector, observed: Bool[Array, " d"]) -> Completed:
        """What is missing says nothing, and has each component's own mean and variance."""
        seen = observed[None]
        return Completed(
            jnp.sum(jnp.where(seen, self._terms(x), 0), 1),
            jnp.where(seen, x[None] - self.mean, 0),
            jnp.where(seen, 0, self._each()),
        )

    def completed_moments(
        self, completed: Completed, responsibility: Float[Array, "n K"]
    ) -> Moments:
        weighted = responsibility[..., None] * completed.offset
        second = weighted * completed.offset + responsibility[..., None] * completed.scatter
        return Moments(jnp.sum(responsibility, 0), jnp.sum(weighted, 0), jnp.sum(second, 0))

    def most_likely(self, moments: Moments, floor: float) -> "DiagonalGaussians":
        shift = moments.shift()
        variances = moments.spread() - shift**2
        if self.spherical:
            variances = jnp.mean(variances, 1, keepdims=True)
        empty = (moments.count <= 0)[:, None]
        variances = jnp.where(empty, self.variances, jnp.maximum(variances, floor))
        return DiagonalGaussians(self.mean + shift, variances)

    def expected_log_prob(self, moments: Moments, about: Float[Array, "K d"]) -> Float[Array, ""]:
        move = self.mean - about
        count = moments.count[:, None]
        second = moments.second - 2 * moments.first * move + count * move**2
        variances = self._each()
        return -jnp.sum(second / variances + count * jnp.log(2 * math.pi * variances)) / 2

    def at_floor(self, floor: float) -> Bool[Array, " K"]:
        return jnp.min(self.variances, 1) <= floor * (1 + 1e-5)

    def draw(self, key: PRNGKeyArray, k: Int[Array, ""]) -> Vector:
        noise = jax.random.normal(key, self.mean.shape[1:], self.mean.dtype)
        return self.mean[k] + jnp.sqrt(self._each()[k]) * noise

    def draw_given(
        self, key: PRNGKeyArray, k: Int[Array, ""], x: Vector, observed: Bool[Array, " d"]
    ) -> Vector:
        return jnp.where(observed, x, self.draw(key, k))

    def given(self, x: Vector, places: tuple[int, ...]) -> "DiagonalGaussians":
        return self.marginal(others(self.mean.shape[1], places))

    def marginal(self, places: tuple[int, ...]) -> "DiagonalGaussians":
        at = jnp.array(places)
        return DiagonalGaussians(self.mean[:, at], self._each()[:, at])

    def _each(self) -> Float[Array, "K d"]:
        return jnp.broadcast_to(self.variances, self.mean.shape)

    def _terms(self, x: Vector) -> Float[Array, "K d"]:
        """log N(x_j; m_kj, v_kj)."""
        variances = self._each()
        return -((x[None] - self.mean) ** 2 / variances + jnp.log(2 * math.pi * variances)) / 2
