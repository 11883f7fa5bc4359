"""The normal distribution."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import check_parameters
from ansatz.distributions.divergence import closed_form
from ansatz.distributions.elementwise import AbstractElementwise


class Normal(AbstractElementwise):
    """Independent normal coordinates with location μ and scale σ > 0.

    log p(x) = −Σ [½ ((x − μ)/σ)² + log σ + ½ log 2π]
    """

    reparameterised: ClassVar[bool] = True
    inside: ClassVar[float] = 0.0

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

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        z = (x - self.location) / self.scale
        return -(z**2 / 2 + jnp.log(self.scale) + math.log(2 * math.pi) / 2)

    def entropies(self) -> Float[Array, "*shape"]:
        return jnp.log(self.scale) + math.log(2 * math.pi * math.e) / 2

    def mean(self) -> Float[Array, "..."]:
        return self.location

    def variance(self) -> Float[Array, "..."]:
        return self.scale**2

    def point(self) -> Float[Array, "..."]:
        return self.mean()


@closed_form(Normal, Normal)
def _(p: Normal, q: Normal) -> Float[Array, "*shape"]:
    """½ [(σ_p/σ_q)² − 1 − 2 log(σ_p/σ_q) + ((μ_p − μ_q)/σ_q)²]."""
    log_ratio = jnp.log(p.scale) - jnp.log(q.scale)
    shift = (p.location - q.location) / q.scale
    # expm1 keeps the digits that (σ_p/σ_q)² − 1 loses when the two scales nearly agree.
    return (jnp.expm1(2 * log_ratio) - 2 * log_ratio + shift**2) / 2
