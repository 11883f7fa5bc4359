"""The continuous Bernoulli distribution."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.divergence import closed_form
from ansatz.distributions.elementwise import AbstractElementwise

BERNOULLI_NUMBERS = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
)  # fmt: skip
ORDERS = 2 * np.arange(1, len(BERNOULLI_NUMBERS) + 1)
SERIES = np.array(BERNOULLI_NUMBERS) / [math.factorial(order) for order in ORDERS]
"""B_2k/(2k)! for 2k in `ORDERS`: at |l| < 1 the rest of a series in l²ᵏ is below 1e-15."""


class ContinuousBernoulli(AbstractElementwise):
    """Independent coordinates in [0, 1] whose log-density is linear, with slope l, the logit.

    log p(x) = Σ [l (x − ½) − A(l)],  A(l) = log ∫ e^(l (x − ½)) dx = log [sinh(l/2) / (l/2)]

    It is what a Bernoulli log-probability of grey values becomes when it is normalised
    (Loaiza-Ganem and Cunningham, 2019). The derivatives of A are E x − ½ and Var x.
    """

    reparameterised: ClassVar[bool] = True
    inside: ClassVar[float] = 0.5

    logits: Float[Array, "..."]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.logits.shape

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        """The inverse of the cumulative distribution, log(1 + u (eˡ − 1))/l, at a uniform u."""
        a, eps = self.logits, jnp.finfo(self.logits.dtype).eps
        # Half an epsilon keeps u and 1 − u inside (0, 1), where the logarithm is finite.
        u = jax.random.uniform(key, a.shape, a.dtype, minval=eps / 2)
        # Below the bound the logarithm's own gradient would lose as many digits as the series.
        flat = jnp.abs(a) < eps**0.2
        steep = jnp.where(flat, 1, jnp.abs(a))
        # Falling densities are drawn, and mirrored where they should rise: nothing overflows.
        mirrored = a > 0
        x = jnp.log1p(jnp.where(mirrored, 1 - u, u) * jnp.expm1(-steep)) / -steep
        return jnp.where(
            flat, _nearly_uniform(u, jnp.where(flat, a, 0)), jnp.where(mirrored, 1 - x, x)
        )

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        log_density = self.logits * (x - 0.5) - _log_normaliser(self.logits)
        return jnp.where((x >= 0) & (x <= 1), log_density, -jnp.inf)

    def entropies(self) -> Float[Array, "*shape"]:
        # A(l) − l A'(l), in which two terms |l|/2 cancel.
        flat, a = _flat_and_steep(self.logits)
        return jnp.where(
            jnp.abs(self.logits) < 1,
            flat**2 * _series((1 - ORDERS) / ORDERS, flat),
            1 + _log_decay(a) + a * jnp.exp(-a) / jnp.expm1(-a),
        )

    def mean(self) -> Float[Array, "..."]:
        return _mean(self.logits)

    def variance(self) -> Float[Array, "..."]:
        return _variance(self.logits)

    def point(self) -> Float[Array, "..."]:
        return self.mean()


@jax.custom_jvp
def _log_normaliser(logits: Array) -> Array:
    """A(l), whose derivative is E x − ½."""
    flat, a = _flat_and_steep(logits)
    series = flat**2 * _series(1 / ORDERS, flat)
    return jnp.where(jnp.abs(logits) < 1, series, a / 2 + _log_decay(a))


@jax.custom_jvp
def _mean(logits: Array) -> Array:
    """1/(1 − e⁻ˡ) − 1/l, whose derivative is the variance."""
    flat, a = _flat_and_steep(logits)
    series = 0.5 + flat * _series(np.ones(len(ORDERS)), flat)
    below = 1 / a + jnp.exp(-a) / jnp.expm1(-a)
    above = 1 - below
    return jnp.where(jnp.abs(logits) < 1, series, jnp.where(logits > 0, above, below))


def _variance(logits: Array) -> Array:
    """1/l² − 1/(4 sinh²(l/2))."""
    flat, a = _flat_and_steep(logits)
    steep = 1 / a**2 - jnp.exp(-a) / jnp.expm1(-a) ** 2
    return jnp.where(jnp.abs(logits) < 1, _series(ORDERS - 1, flat), steep)


_log_normaliser.defjvps(lambda dl, _value, logits: (_mean(logits) - 0.5) * dl)
_mean.defjvps(lambda dl, _value, logits: _variance(logits) * dl)


def _flat_and_steep(logits: Array) -> tuple[Array, Array]:
    """l where the series in l hold and 0 elsewhere, |l| where the formulae do and 1 elsewhere."""
    flat = jnp.abs(logits) < 1
    return jnp.where(flat, logits, 0), jnp.where(flat, 1, jnp.abs(logits))


def _log_decay(a: Array) -> Array:
    """log [(1 − e⁻ᵃ)/a]."""
    return jnp.log(-jnp.expm1(-a)) - jnp.log(a)


def _series(factors: np.ndarray, logits: Array) -> Array:
    """Σ f_k B_2k/(2k)! l^(2k − 2)."""
    return jnp.polyval(jnp.asarray((factors * SERIES)[::-1], logits.dtype), logits**2)


def _nearly_uniform(u: Array, logits: Array) -> Array:
    """log(1 + u (eˡ − 1))/l for small l: the cumulants κ_n of a coin of bias u in Σ κ_n lⁿ⁻¹/n!."""
    v, skew = u * (1 - u), 1 - 2 * u
    cumulants = (u, v, v * skew, v * (1 - 6 * v))
    terms = [kappa * logits**n / math.factorial(n + 1) for n, kappa in enumerate(cumulants)]
    return jnp.sum(jnp.stack(terms), 0)


@closed_form(ContinuousBernoulli, ContinuousBernoulli)
def _(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Float[Array, "*shape"]:
    """A(b) − A(a) − (b − a) A'(a) for logits a of p and b of q."""
    a, b = p.logits, q.logits
    return _log_normaliser(b) - _log_normaliser(a) - (b - a) * (_mean(a) - 0.5)
