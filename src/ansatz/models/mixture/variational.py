"""The variational mixture: weights, means and covariances are random, and nobody is needed who
has no events.

Mean-field coordinate ascent (Attias, 2000; Bishop, 2006, section 10.2): with the prior

    w ~ Dirichlet(a, ..., a),   S_k^-1 ~ Wishart(1, d),   m_k ~ N(0, S_k)

on events of mean zero and variance one, q(z, w, m, S) = q(z) q(w) prod_k q(m_k, S_k) has factors
of the same kinds, whose parameters the moments give.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln
from jaxtyping import Array, Float

from ansatz.models.mixture.components import Moments
from ansatz.models.mixture.full import FullGaussians
from ansatz.models.mixture.learning import AbstractLearning
from ansatz.models.mixture.model import Mixture


class Posterior(NamedTuple):
    """q(w) = Dirichlet(a), q(m_k, S_k) = N(m_k; mean, S_k / b_k) Wishart(S_k^-1; W_k, v_k).

    The mean and E[S_k^-1] = v_k W_k are those of the model's own components.
    """

    concentration: Float[Array, " K"]
    """a."""
    precision: Float[Array, " K"]
    """b."""
    degrees: Float[Array, " K"]
    """v."""


class Variational(AbstractLearning):
    """The bound on log p(x) with all parameters integrated out.

    The model's weights and means are those expected, its covariances the inverses of the expected
    inverses. They tell all of q, for a posterior is its prior and as many events as a component
    has: the count N_k is w_k (n + K a) - a.
    """

    concentration: float
    """a of the prior: below one it would rather have few components than many."""
    events: float | Float[Array, ""]
    """n."""

    def posterior(self, model: Mixture) -> Posterior:
        """The parameters of q that the model stands for."""
        components, d = model.components.mean.shape
        total = self.events + components * self.concentration
        concentration = model.weights * total
        count = jnp.maximum(concentration - self.concentration, 0)
        return Posterior(concentration, 1 + count, d + count)

    def log_weights(self, model: Mixture) -> Float[Array, " K"]:
        """E[log w_k + log N(x; m_k, S_k)] - log N(x; mean, (v W)^-1), the same for every x."""
        q, d = self.posterior(model), model.components.mean.shape[1]
        log_determinant = _digammas(q.degrees, d) + d * jnp.log(2 / q.degrees)
        weights = digamma(q.concentration) - digamma(jnp.sum(q.concentration))
        return weights + log_determinant / 2 - d / (2 * q.precision)

    def maximise(self, model: Mixture, moments: Moments) -> Mixture:
        count = moments.count
        d = model.components.mean.shape[1]
        shift = moments.shift()
        seen = model.components.mean + shift
        scatter = moments.second - (count[:, None] * shift)[:, :, None] * shift[:, None]
        pull = (count / (1 + count))[:, None, None] * seen[:, :, None] * seen[:, None]
        inverse = jnp.eye(d, dtype=seen.dtype)[None] + scatter + pull
        total = jnp.sum(count) + len(count) * self.concentration
        return Mixture(
            (count + self.concentration) / total,
            FullGaussians.of(
                (count / (1 + count))[:, None] * seen, inverse / (d + count)[:, None, None]
            ),
            model.shape,
        )

    def penalty(self, model: Mixture) -> Float[Array, ""]:
        """KL(q(w, m, S) || p(w, m, S))."""
        q, prior = self.posterior(model), self.concentration
        components, d = model.components.mean.shape
        total = jnp.sum(q.concentration)
        weights = (
            gammaln(total)
            - gammaln(jnp.asarray(components * prior, total.dtype))
            - jnp.sum(gammaln(q.concentration) - gammaln(jnp.asarray(prior, total.dtype)))
            + jnp.sum((q.concentration - prior) * (digamma(q.concentration) - digamma(total)))
        )
        gaussians = model.components
        assert isinstance(gaussians, FullGaussians)
        # v W, the inverse of the model's covariance, and log det W.
        white = (gaussians.axes @ gaussians.mean[..., None])[..., 0] ** 2 / gaussians.variances
        log_w = -jnp.sum(jnp.log(gaussians.variances), 1) - d * jnp.log(q.degrees)
        means = d / q.precision - d + d * jnp.log(q.precision) + jnp.sum(white, 1)
        expected = _digammas(q.degrees, d) + d * math.log(2) + log_w
        trace = jnp.sum(1 / gaussians.variances, 1)
        one = jnp.full(1, d, total.dtype)
        covariances = (
            (q.degrees - d) * expected / 2
            - q.degrees * d / 2
            + trace / 2
            - _log_normalisation(one, d)
            + _log_normalisation(q.degrees, d)
            - q.degrees * log_w / 2
        )
        return weights + jnp.sum(means / 2 + covariances)


def _digammas(degrees: Float[Array, " K"], d: int) -> Float[Array, " K"]:
    """sum_i digamma((v + 1 - i) / 2) for i from 1 to d."""
    return jnp.sum(digamma((degrees[:, None] - jnp.arange(d, dtype=degrees.dtype)[None]) / 2), 1)


def _log_normalisation(degrees: Float[Array, " K"], d: int) -> Float[Array, " K"]:
    """The part of log B(W, v) without W: -log(2^(v d / 2) Gamma_d(v / 2))."""
    halves = (degrees[:, None] - jnp.arange(d, dtype=degrees.dtype)[None]) / 2
    gammas = jnp.sum(gammaln(halves), 1) + d * (d - 1) / 4 * math.log(math.pi)
    return -(degrees * d / 2 * math.log(2) + gammas)
