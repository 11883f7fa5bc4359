"""Parts of a whole, as those of it share that are there: two densities on a simplex.

With n parts that are there, f lies where Σ f = 1, and a density is one of the first n − 1 of them.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, PRNGKeyArray

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


class NormalShares(eqx.Module):
    """Shares f of exp(y) in their sum, y normal about m with scales s, of those that are there.

    With w = 1/s², y = ln f − m and ȳ its mean under the weights w, integrating over what may be
    added to all y leaves the logistic-normal density

        log p(f) = ½ ln 2π − ½ ln Σ w − Σ [ln f + ln s + ½ ln 2π + ½ w (y − ȳ)²].
    """

    location: Float[Array, "*of many"]
    scale: Float[Array, "*of many"]

    def sample(self, key: PRNGKeyArray, there: Bool[Array, "*of many"]) -> Float[Array, "*of many"]:
        """Zeros where nothing is there."""
        noise = jax.random.normal(key, self.location.shape, self.location.dtype)
        return _softmax(self.location + self.scale * noise, there)

    def log_prob(
        self, logs: Float[Array, "*of many"], there: Bool[Array, "*of many"]
    ) -> Float[Array, "*of"]:
        """log p(f) + Σ ln f, from logarithms to which anything may be added."""
        some = jnp.any(there, -1)
        weight = jnp.where(there, self.scale**-2, 0)
        total = jnp.where(some, jnp.sum(weight, -1), 1)
        y = jnp.where(there, logs - self.location, 0)
        mean = jnp.sum(weight * y, -1) / total
        each = jnp.log(self.scale) + HALF_LOG_TAU + weight * (y - mean[..., None]) ** 2 / 2
        return jnp.where(some, HALF_LOG_TAU - jnp.log(total) / 2, 0) - jnp.sum(
            jnp.where(there, each, 0), -1
        )

    def size(self) -> Float[Array, "*of many"]:
        """ln E exp(y)."""
        return self.location + self.scale**2 / 2


class GammaShares(eqx.Module):
    """Shares f of independent gamma variables g in their sum, of those that are there.

    Shapes a and rates b give the scaled Dirichlet density, with A = Σ a,

        log p(f) = ln Γ(A) + Σ [a ln (b f) − ln Γ(a) − ln f] − A ln Σ b f.

    Deposits in layers of a calorimeter fluctuate nearly so, with a tail towards nothing.
    """

    shape: Float[Array, " many"]
    log_rate: Float[Array, " many"]

    def sample(self, key: PRNGKeyArray, there: Bool[Array, " many"]) -> Float[Array, " many"]:
        """Zeros where nothing is there."""
        return _softmax(jax.random.loggamma(key, self.shape) - self.log_rate, there)

    def log_prob(
        self, logs: Float[Array, " many"], there: Bool[Array, " many"]
    ) -> Float[Array, ""]:
        """log p(f) + Σ ln f, from logarithms to which anything may be added."""
        some = jnp.any(there)
        shape = jnp.where(there, self.shape, 0)
        total = jnp.where(some, jnp.sum(shape), 1)
        u = jnp.where(there, logs + self.log_rate, -jnp.inf)
        whole = jax.nn.logsumexp(jnp.where(some, u, 0))
        each = shape * (jnp.where(there, u, 0) - whole) - gammaln(jnp.where(there, shape, 1))
        return jnp.where(some, gammaln(total), 0) + jnp.sum(jnp.where(there, each, 0))

    def size(self) -> Float[Array, " many"]:
        """ln E g."""
        return jnp.log(self.shape) - self.log_rate


def _softmax(
    logits: Float[Array, "*of many"], there: Bool[Array, "*of many"]
) -> Float[Array, "*of many"]:
    """exp(l) / Σ exp(l) over those that are there; zeros where nothing is."""
    largest = jnp.max(jnp.where(there, logits, -jnp.inf), -1, keepdims=True)
    largest = jnp.where(jnp.isfinite(largest), largest, 0)
    raised = jnp.where(there, jnp.exp(logits - largest), 0)
    total = jnp.sum(raised, -1, keepdims=True)
    return raised / jnp.where(total > 0, total, 1)
