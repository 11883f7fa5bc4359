"""The logistic distribution."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import check_parameters
from ansatz.distributions.elementwise import AbstractElementwise


class Logistic(AbstractElementwise):
    """Independent logistic coordinates with location μ and scale s > 0.

    log p(x) = Σ [log σ(z) + log σ(−z) − log s],  z = (x − μ)/s,  σ(z) = 1/(1 + e⁻ᶻ)

    Its cumulative distribution is σ(z), so that its tails fall like e^(−|z|): an outlier costs
    in proportion to its distance, not to the distance squared as for a normal distribution.
    """

    reparameterised: ClassVar[bool] = True
    inside: ClassVar[float] = 0.0

    location: Float[Array, "..."]
    scale: Float[Array, "..."]

    def __check_init__(self) -> None:
        check_parameters("Logistic", self.location, self.scale)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.location.shape

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        dtype = self.location.dtype
        # A uniform number is a multiple of the machine epsilon. Half an epsilon added makes the
        # tails symmetric, and keeps out the value next to zero that `jax.random.logistic` maps
        # to z = −87 in float32 about once in ten million draws.
        u = jax.random.uniform(key, self.shape, dtype, minval=jnp.finfo(dtype).eps / 2)
        return self.location + self.scale * (jnp.log(u) - jnp.log1p(-u))

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        z = (x - self.location) / self.scale
        return -(jax.nn.softplus(z) + jax.nn.softplus(-z) + jnp.log(self.scale))

    def entropies(self) -> Float[Array, "*shape"]:
        return jnp.log(self.scale) + 2

    def mean(self) -> Float[Array, "..."]:
        return self.location

    def variance(self) -> Float[Array, "..."]:
        return (self.scale * math.pi) ** 2 / 3

    def point(self) -> Float[Array, "..."]:
        return self.mean()
