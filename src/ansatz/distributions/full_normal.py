"""The normal distribution with all covariances."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution, check_event
from ansatz.distributions.divergence import closed_form
from ansatz.distributions.normal import Normal


class FullNormal(AbstractDistribution):
    """A normal distribution with location μ and covariance L Lᵀ.

    log p(x) = −½ |L⁻¹ (x − μ)|² − Σ log L_ii − ½ d log 2π

    The factor L is lower-triangular with a positive diagonal, of shape (d, d) where d is how many
    coordinates an event has: an event of any shape is taken apart row by row. What is above the
    diagonal is not looked at.
    """

    reparameterised: ClassVar[bool] = True

    location: Float[Array, "..."]
    factor: Float[Array, "d d"]

    def __check_init__(self) -> None:
        d = jnp.size(self.location)
        if jnp.shape(self.factor) != (d, d):
            raise ValueError(
                f"The location of a FullNormal has shape {jnp.shape(self.location)}, so that its "
                f"factor needs shape ({d}, {d}), but it has shape {jnp.shape(self.factor)}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return self.location.shape

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        noise = jax.random.normal(key, (self.location.size,), self.location.dtype)
        return self.location + (jnp.tril(self.factor) @ noise).reshape(self.shape)

    def log_prob(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        deviation, factor, count = x - self.location, self.factor, jnp.asarray(x.size, x.dtype)
        if observed is not None:
            deviation = jnp.where(observed, deviation, 0)
            factor = _marginal_factor(factor, observed.ravel())
            count = jnp.sum(observed, dtype=x.dtype)
        z = solve_triangular(factor, deviation.ravel(), lower=True)
        return (
            -jnp.sum(z**2) / 2 - _half_log_determinant(factor) - count * math.log(2 * math.pi) / 2
        )

    def entropy(self) -> Float[Array, ""]:
        constant = self.location.size * math.log(2 * math.pi * math.e) / 2
        return _half_log_determinant(self.factor) + constant

    def mean(self) -> Float[Array, "..."]:
        return self.location

    def variance(self) -> Float[Array, "..."]:
        return jnp.sum(jnp.tril(self.factor) ** 2, 1).reshape(self.shape)

    def point(self) -> Float[Array, "..."]:
        return self.mean()


def _half_log_determinant(factor: Array) -> Array:
    """½ log det(L Lᵀ) = Σ log L_ii."""
    return jnp.sum(jnp.log(jnp.diagonal(factor)))


def _marginal_factor(
    factor: Float[Array, "d d"], observed: Bool[Array, " d"]
) -> Float[Array, "d d"]:
    """The factor of the covariance in which unobserved coordinates are unit noise of their own.

    They then add nothing to log p, and the shape stays. With M the projection on the observed
    coordinates that covariance is A Aᵀ with A = [M L, 1 − M], and Aᵀ = Q R gives its factor Rᵀ:
    the covariance itself, whose digits are half lost, is never formed.
    """
    rows = jnp.where(observed[:, None], jnp.tril(factor), 0)
    noise = jnp.diag(jnp.where(observed, 0, 1).astype(factor.dtype))
    upper = jnp.linalg.qr(jnp.concatenate([rows, noise], 1).T, mode="r")
    # A factor is unique once its diagonal is positive.
    return (upper * jnp.sign(jnp.diagonal(upper))[:, None]).T


def _kl(
    whitened: Float[Array, "d d"], log_ratio: Float[Array, " d"], shift: Float[Array, " d"]
) -> Float[Array, ""]:
    """½ Σ_ij W_ij² − ½ d − Σ log W_ii + ½ |w|² with W = L_q⁻¹ L_p and w = L_q⁻¹ (μ_p − μ_q).

    `log_ratio` is log W_ii from the factors' own diagonals: as for independent coordinates,
    no digits are then lost between two distributions that nearly agree.
    """
    outside = jnp.sum(jnp.tril(whitened, -1) ** 2)
    return (jnp.sum(jnp.expm1(2 * log_ratio) - 2 * log_ratio + shift**2) + outside) / 2


@closed_form(FullNormal, FullNormal)
def _(p: FullNormal, q: FullNormal) -> Float[Array, ""]:
    log_ratio = jnp.log(jnp.diagonal(p.factor)) - jnp.log(jnp.diagonal(q.factor))
    whitened = solve_triangular(q.factor, jnp.tril(p.factor), lower=True)
    shift = solve_triangular(q.factor, (p.location - q.location).ravel(), lower=True)
    return _kl(whitened, log_ratio, shift)


@closed_form(FullNormal, Normal)
def _(p: FullNormal, q: Normal) -> Float[Array, ""]:
    scale = q.scale.ravel()
    log_ratio = jnp.log(jnp.diagonal(p.factor)) - jnp.log(scale)
    shift = (p.location - q.location).ravel() / scale
    return _kl(p.factor / scale[:, None], log_ratio, shift)


@closed_form(Normal, FullNormal)
def _(p: Normal, q: FullNormal) -> Float[Array, ""]:
    scale = p.scale.ravel()
    log_ratio = jnp.log(scale) - jnp.log(jnp.diagonal(q.factor))
    shift = solve_triangular(q.factor, (p.location - q.location).ravel(), lower=True)
    return _kl(solve_triangular(q.factor, jnp.diag(scale), lower=True), log_ratio, shift)
