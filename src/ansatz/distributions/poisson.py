"""The Poisson distribution."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.distributions.divergence import closed_form
from ansatz.distributions.elementwise import AbstractElementwise

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
"""log k! = k log k − k + ½ log 2πk + Σ c_i/k^(2i+1), to 1e-13 for k ≥ 12."""

ENTROPY = (-1 / 12, -1 / 24, -19 / 360, -9 / 80, -863 / 2520, -1375 / 1008, -33953 / 5040)
"""H = ½ log 2πeλ + Σ c_i/λ^(i+1): Stirling's series, averaged with the central moments."""

LARGE = 40.0
"""Rates from here on have an entropy from the series, to 1e-11; below, it is a sum."""


class Poisson(AbstractElementwise):
    """Independent counts 0, 1, 2, … with rate λ > 0, in the type of the rate.

    log p(x) = Σ [x log λ − λ − log x!]
    """

    reparameterised: ClassVar[bool] = False
    inside: ClassVar[float] = 0.0

    rate: Float[Array, "..."]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.rate.shape

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        few, many = self.rate < 10, (self.rate >= 10) & jnp.isfinite(self.rate)
        # A loop waits for the coordinates that are its own, and for none that would never end.
        below = _few(key, jnp.where(few, self.rate, 0))
        above = _many(key, jnp.where(many, self.rate, 10), many)
        return jnp.where(few, below, jnp.where(many, above, self.rate))

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        possible = (x >= 0) & (x == jnp.floor(x))
        return jnp.where(possible, _log_mass(jnp.where(possible, x, 0), self.rate), -jnp.inf)

    def entropies(self) -> Float[Array, "*shape"]:
        # The chance of 120 counts or more is below 1e-24 here.
        counts = jnp.arange(120, dtype=self.rate.dtype)
        few = self.rate < LARGE
        small, large = jnp.where(few, self.rate, LARGE), jnp.where(few, LARGE, self.rate)
        logs = jax.vmap(lambda k: _log_mass(jnp.full_like(small, k), small))(counts)
        series = jnp.polyval(jnp.asarray((*ENTROPY[::-1], 0.0), large.dtype), 1 / large)
        asymptotic = jnp.log(large) / 2 + math.log(2 * math.pi * math.e) / 2 + series
        return jnp.where(few, -jnp.sum(jnp.exp(logs) * logs, 0), asymptotic)

    def mean(self) -> Float[Array, "..."]:
        return self.rate

    def variance(self) -> Float[Array, "..."]:
        return self.rate

    def point(self) -> Float[Array, "..."]:
        return self.mean()


def _log_mass(k: Array, rate: Array) -> Array:
    """log p(k) = −D(k‖λ) − log [k! e^k / k^k].

    The terms k log λ and log k! are both of the order of k log k. Their difference, taken first,
    keeps the digits of large counts: float32 would else be wrong by more than 1 at a million.
    """
    return -_deviance(k, rate) - _log_surprise(k)


def _deviance(k: Array, rate: Array) -> Array:
    """D(k‖λ) = k log(k/λ) − k + λ, the divergence of two rates."""
    excess = (k - rate) / rate
    return k * jnp.log1p(jnp.where(k > 0, excess, 0)) - (k - rate)


def _log_surprise(k: Array) -> Array:
    """log [k! e^k / k^k] for whole k, which is −log p(k) at the rate k; about ½ log 2πk."""
    small, large = jnp.clip(k, 1, 12), jnp.maximum(k, 12)
    series = jnp.polyval(jnp.asarray(STIRLING[::-1], k.dtype), 1 / large**2) / large
    exact = jax.lax.lgamma(small + 1) - small * (jnp.log(small) - 1)
    asymptotic = (math.log(2 * math.pi) + jnp.log(large)) / 2 + series
    return jnp.where(k < 12, jnp.where(k > 0, exact, 0), asymptotic)


def _few(key: PRNGKeyArray, rate: Array) -> Array:
    """Counts at rates below 10: how many events of unit rate happen before the time λ."""

    def wait(state: tuple[PRNGKeyArray, Array, Array]) -> tuple[PRNGKeyArray, Array, Array]:
        key, time, count = state
        key, key_u = jax.random.split(key)
        # u may be 0 but not 1: no two events happen at once, however small the rate.
        time = time - jnp.log(jax.random.uniform(key_u, rate.shape, rate.dtype))
        return key, time, count + (time < rate).astype(rate.dtype)

    state = (key, jnp.zeros_like(rate), jnp.zeros_like(rate))
    return jax.lax.while_loop(lambda state: jnp.any(state[1] < rate), wait, state)[2]


def _many(key: PRNGKeyArray, rate: Array, wanted: Bool[Array, "..."]) -> Array:
    """Counts at rates from 10 on, by rejection from the whole part of a Cauchy distribution.

    Its width is √(2λ). The masses at λ + y √(2λ) are at most 1.1 / (1 + y²) times 1/√(2πλ), so
    that every other draw is accepted.
    """

    def draw(
        state: tuple[PRNGKeyArray, Array, Bool[Array, "..."]],
    ) -> tuple[PRNGKeyArray, Array, Bool[Array, "..."]]:
        key, accepted, waiting = state
        key, key_y, key_u = jax.random.split(key, 3)
        y = jax.random.cauchy(key_y, rate.shape, rate.dtype)
        k = jnp.floor(rate + y * jnp.sqrt(rate) * math.sqrt(2))
        log_ratio = _log_mass(jnp.maximum(k, 0), rate) + jnp.log(rate) / 2
        u = jax.random.uniform(key_u, rate.shape, rate.dtype)
        height = (1 + y**2) * jnp.exp(log_ratio) * math.sqrt(2 * math.pi)
        good = (k >= 0) & (u * 1.1 < height)
        return key, jnp.where(waiting & good, k, accepted), waiting & ~good

    state = (key, jnp.zeros_like(rate), wanted)
    return jax.lax.while_loop(lambda state: jnp.any(state[2]), draw, state)[1]


@closed_form(Poisson, Poisson)
def _(p: Poisson, q: Poisson) -> Float[Array, "*shape"]:
    """λ_p log(λ_p/λ_q) − λ_p + λ_q."""
    return _deviance(p.rate, q.rate)
