"""Gaussians with all covariances, each with its own or all with the same."""

import math

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ansatz.models.mixture.components import (
    AbstractComponents,
    Completed,
    Moments,
    Vector,
    others,
)


class FullGaussians(AbstractComponents):
    """p_k = N(m_k, V_k^T diag(v_k) V_k), the rows of V_k being the principal axes of p_k.

    Axes and variances have a leading axis of length one where all components share them (tied).

        log p_k(x) = -1/2 sum_i (V_k (x - m_k))_i^2 / v_ki - 1/2 sum_i log 2 pi v_ki
    """

    mean: Float[Array, "K d"]
    axes: Float[Array, "C d d"]
    variances: Float[Array, "C d"]

    @property
    def tied(self) -> bool:
        return len(self.axes) < len(self.mean)

    @property
    def freedom(self) -> int:
        components, d = self.mean.shape
        return components * d + len(self.axes) * d * (d + 1) // 2

    def covariance(self) -> Float[Array, "K d d"]:
        d = self.mean.shape[1]
        return jnp.broadcast_to(self._covariance(), (len(self.mean), d, d))

    def log_prob(self, x: Vector) -> Float[Array, " K"]:
        # Whitened about a point among the means: of the difference x - m_k no digit is lost to
        # an origin that is far away.
        whitening = self.axes / jnp.sqrt(self.variances)[..., None]
        centre = self._centre()
        at = jnp.einsum("cij,j->ci", whitening, x - centre)
        means = (whitening @ (self.mean - centre[None])[..., None])[..., 0]
        return -jnp.sum((at - means) ** 2, -1) / 2 - self._half_log_determinant()

    def moments(self, x: Float[Array, "n d"], responsibility: Float[Array, "n K"]) -> Moments:
        # sum r (x - m)(x - m)^T = sum r (x - m)(x - c)^T - [sum r (x - m)] (m - c)^T: one large
        # product of matrices, with c among the means.
        weighted = responsibility[..., None] * (x[:, None] - self.mean[None])
        centre = self._centre()
        first = jnp.sum(weighted, 0)
        product = jnp.einsum("nki,nj->kij", weighted, x - centre[None])
        second = product - first[:, :, None] * (self.mean - centre[None])[:, None]
        return Moments(jnp.sum(responsibility, 0), first, _symmetric(second))

    def completed(self, x: Vector, observed: Bool[Array, " d"]) -> Completed:
        """With S the covariance and S_oo that of what was observed,

        E[x] = m + S_.o S_oo^-1 (x_o - m_o) and Cov[x] = S - S_.o S_oo^-1 S_o.
        """
        gain, log_prob, offset = self._solved(x, observed)
        covariance = self._covariance()
        rest = covariance - gain @ jnp.where(observed[None, :, None], covariance, 0)
        missing = ~observed
        both = (missing[:, None] & missing[None])[None]
        scatter = jnp.where(both, _symmetric(rest), 0)
        return Completed(
            log_prob, offset, jnp.broadcast_to(scatter, (len(self.mean), *scatter.shape[1:]))
        )

    def completed_moments(
        self, completed: Completed, responsibility: Float[Array, "n K"]
    ) -> Moments:
        weighted = responsibility[..., None] * completed.offset
        second = jnp.einsum("nki,nkj->kij", weighted, completed.offset)
        second += jnp.einsum("nk,nkij->kij", responsibility, completed.scatter)
        return Moments(jnp.sum(responsibility, 0), jnp.sum(weighted, 0), second)

    def most_likely(self, moments: Moments, floor: float) -> "FullGaussians":
        shift = moments.shift()
        covariance = moments.spread() - shift[:, :, None] * shift[:, None]
        if self.tied:
            share = moments.count / jnp.sum(moments.count)
            covariance = jnp.einsum("k,kij->ij", share, covariance)[None]
        found = self.of(self.mean + shift, covariance, floor)
        if self.tied:
            return found
        empty = moments.count <= 0
        return FullGaussians(
            found.mean,
            jnp.where(empty[:, None, None], self.axes, found.axes),
            jnp.where(empty[:, None], self.variances, found.variances),
        )

    @classmethod
    def of(
        cls, mean: Float[Array, "K d"], covariance: Float[Array, "C d d"], floor: float = 0.0
    ) -> "FullGaussians":
        """From covariances; variances along the principal axes are at least the floor.

        Of all covariances whose eigenvalues are no smaller it is the most likely one.
        """
        variances, vectors = jnp.linalg.eigh(covariance)
        return cls(mean, vectors.swapaxes(-1, -2), jnp.maximum(variances, floor))

    def expected_log_prob(self, moments: Moments, about: Float[Array, "K d"]) -> Float[Array, ""]:
        move = self.mean - about
        cross = moments.first[:, :, None] * move[:, None]
        second = moments.second - cross - cross.swapaxes(1, 2)
        second += moments.count[:, None, None] * move[:, :, None] * move[:, None]
        components, d = self.mean.shape
        axes = jnp.broadcast_to(self.axes, (components, d, d))
        along = jnp.einsum("kia,kab,kib->ki", axes, second, axes)
        return -jnp.sum(along / self.variances) / 2 - jnp.sum(
            moments.count * self._half_log_determinant()
        )

    def at_floor(self, floor: float) -> Bool[Array, " K"]:
        lowest = jnp.min(self.variances, 1) <= floor * (1 + 1e-5)
        return jnp.broadcast_to(lowest, len(self.mean))

    def draw(self, key: PRNGKeyArray, k: Int[Array, ""]) -> Vector:
        c = 0 if len(self.axes) == 1 else k
        noise = jax.random.normal(key, self.mean.shape[1:], self.mean.dtype)
        return self.mean[k] + (jnp.sqrt(self.variances[c]) * noise) @ self.axes[c]

    def draw_given(
        self, key: PRNGKeyArray, k: Int[Array, ""], x: Vector, observed: Bool[Array, " d"]
    ) -> Vector:
        # A draw y of the joint distribution, moved by what is expected of x - y: no covariance of
        # what is missing need be factorised.
        joint = self.draw(key, k)
        gain = self._solved(x, observed)[0]
        gain = gain[0 if len(self.axes) == 1 else k]
        return jnp.where(observed, x, joint + gain @ jnp.where(observed, x - joint, 0))

    def given(self, x: Vector, places: tuple[int, ...]) -> "FullGaussians":
        rest, at = jnp.array(others(self.mean.shape[1], places)), jnp.array(places)
        covariance = self._covariance()
        upon = covariance[:, rest[:, None], at[None]]
        gain = jnp.linalg.solve(
            covariance[:, at[:, None], at[None]], upon.swapaxes(1, 2)
        ).swapaxes(1, 2)
        left = covariance[:, rest[:, None], rest[None]] - gain @ upon.swapaxes(1, 2)
        offset = x[None] - self.mean[:, at]
        return FullGaussians.of(
            self.mean[:, rest] + (gain @ offset[..., None])[..., 0], _symmetric(left)
        )

    def marginal(self, places: tuple[int, ...]) -> "FullGaussians":
        at = jnp.array(places)
        return FullGaussians.of(self.mean[:, at], self._covariance()[:, at[:, None], at[None]])

    def _covariance(self) -> Float[Array, "C d d"]:
        return jnp.einsum("cia,ci,cib->cab", self.axes, self.variances, self.axes)

    def _half_log_determinant(self) -> Float[Array, " C"]:
        """1/2 log det(2 pi S)."""
        return jnp.sum(jnp.log(2 * math.pi * self.variances), 1) / 2

    def _centre(self) -> Vector:
        return jnp.mean(self.mean, 0)

    def _solved(
        self, x: Vector, observed: Bool[Array, " d"]
    ) -> tuple[Float[Array, "C d d"], Float[Array, " K"], Float[Array, "K d"]]:
        """S_.o S_oo^-1 with zeros for what is missing, log p(x_o), and E[x | x_o] - m."""
        covariance = self._covariance()
        both = (observed[:, None] & observed[None])[None]
        eye = jnp.eye(len(x), dtype=x.dtype)[None]
        # What is missing has unit variance of its own, so that the shape stays; a few units of
        # the last digit keep a covariance at the edge of rounding positive.
        inner = jnp.where(both, covariance, eye) * (1 + 8 * jnp.finfo(x.dtype).eps * eye)
        factor = jnp.linalg.cholesky(inner)
        inverse = solve_triangular(factor, jnp.broadcast_to(eye, inner.shape), lower=True)
        away = jnp.where(observed[None], x[None] - self.mean, 0)
        white = (inverse @ away[..., None])[..., 0]
        determinant = jnp.sum(jnp.log(jnp.diagonal(factor, axis1=1, axis2=2)), 1)
        count = jnp.sum(observed, dtype=x.dtype)
        log_prob = -jnp.sum(white**2, 1) / 2 - determinant - count * math.log(2 * math.pi) / 2
        upon = jnp.where(observed[None, None], covariance, 0)
        gain = jnp.where(
            observed[None, None], upon @ (inverse.swapaxes(1, 2) @ inverse), 0
        )
        offset = jnp.where(observed[None], away, (gain @ away[..., None])[..., 0])
        return gain, log_prob, offset


def _symmetric(matrices: Float[Array, "C d d"]) -> Float[Array, "C d d"]:
    return (matrices + matrices.swapaxes(1, 2)) / 2
