"""The Laplace distribution."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import check_parameters
from ansatz.distributions.divergence import closed_form
from ansatz.distributions.elementwise import AbstractElementwise


class Laplace(AbstractElementwise):
    """Independent Laplace coordinates with location μ and scale s > 0.

    log p(x) = −Σ [|x − μ|/s + log 2s]

    The best location of many events is their median, and the best scale their mean absolute
    deviation from it.
    """

    reparameterised: ClassVar[bool] = True
    inside: ClassVar[float] = 0.0

    location: Float[Array, "..."]
    scale: Float[Array, "..."]

    def __check_init__(self) -> None:
        check_parameters("Laplace", self.location, self.scale)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.location.shape

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        noise = jax.random.laplace(key, self.shape, self.location.dtype)
        return self.location + self.scale * noise

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return -(jnp.abs(x - self.location) / self.scale + jnp.log(self.scale) + math.log(2))

    def entropies(self) -> Float[Array, "*shape"]:
        return jnp.log(self.scale) + (1 + math.log(2))

    def mean(self) -> Float[Array, "..."]:
        return self.location

    def variance(self) -> Float[Array, "..."]:
        return 2 * self.scale**2

    def point(self) -> Float[Array, "..."]:
        return self.mean()


@closed_form(Laplace, Laplace)
def _(p: Laplace, q: Laplace) -> Float[Array, "*shape"]:
    """ρ (d + e⁻ᵈ) − 1 − log ρ with ρ = s_p/s_q and d = |μ_p − μ_q|/s_p."""
    log_ratio = jnp.log(p.scale) - jnp.log(q.scale)
    distance = jnp.abs(p.location - q.location) / p.scale
    # Both brackets vanish together with the divergence, so that no digits are lost there.
    moved = p.scale / q.scale * (distance + jnp.expm1(-distance))
    return moved + (jnp.expm1(log_ratio) - log_ratio)
