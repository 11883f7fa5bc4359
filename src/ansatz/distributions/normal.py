"""The normal distribution."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution, check_event, check_parameters
from ansatz.distributions.divergence import closed_form


class Normal(AbstractDistribution):
    """Independent normal coordinates with location μ and scale σ > 0.

    log p(x) = −Σ [½ ((x − μ)/σ)² + log σ + ½ log 2π]
    """

    reparameterised: ClassVar[bool] = True

    location: Float[Array, "..."]
    scale: Float[Array, "..."]

    def __check_init__(self) -> None:
        check_parameters("Normal", self.location, self.scale)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.location.shape

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        noise = jax.random.normal(key, self.shape, self.location.dtype)
        return self.location + self.scale * noise

    def log_prob(self, x: Float[Array, "..."]) -> Float[Array, ""]:
        check_event(self, x)
        z = (x - self.location) / self.scale
        return -jnp.sum(z**2 / 2 + jnp.log(self.scale) + math.log(2 * math.pi) / 2)

    def entropy(self) -> Float[Array, ""]:
        return jnp.sum(jnp.log(self.scale) + math.log(2 * math.pi * math.e) / 2)

    def mean(self) -> Float[Array, "..."]:
        return self.location

    def variance(self) -> Float[Array, "..."]:
        return self.scale**2


@closed_form(Normal, Normal)
def _(p: Normal, q: Normal) -> Float[Array, ""]:
    """KL(p‖q) = Σ ½ [(σ_p/σ_q)² − 1 − 2 log(σ_p/σ_q) + ((μ_p − μ_q)/σ_q)²]."""
    log_ratio = jnp.log(p.scale) - jnp.log(q.scale)
    shift = (p.location - q.location) / q.scale
    # expm1 keeps the digits that (σ_p/σ_q)² − 1 loses when the two scales nearly agree.
    return jnp.sum(jnp.expm1(2 * log_ratio) - 2 * log_ratio + shift**2) / 2
