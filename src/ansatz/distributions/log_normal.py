"""The log-normal distribution."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import check_parameters
from ansatz.distributions.divergence import closed_form, kl_terms
from ansatz.distributions.elementwise import AbstractElementwise
from ansatz.distributions.normal import Normal


class LogNormal(AbstractElementwise):
    """Independent positive coordinates whose logarithm is normal, with location μ and scale σ.

    log p(x) = Σ [log N(log x; μ, σ) − log x]  for x > 0
    """

    reparameterised: ClassVar[bool] = True
    inside: ClassVar[float] = 1.0

    location: Float[Array, "..."]
    scale: Float[Array, "..."]

    def __check_init__(self) -> None:
        check_parameters("LogNormal", self.location, self.scale)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.location.shape

    def logarithm(self) -> Normal:
        """The distribution of log x."""
        return Normal(self.location, self.scale)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        return jnp.exp(self.logarithm().sample(key))

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        possible = x > 0
        log_x = jnp.log(jnp.where(possible, x, self.inside))
        return jnp.where(possible, self.logarithm().log_probs(log_x) - log_x, -jnp.inf)

    def entropies(self) -> Float[Array, "*shape"]:
        return self.logarithm().entropies() + self.location

    def mean(self) -> Float[Array, "..."]:
        return jnp.exp(self.location + self.scale**2 / 2)

    def variance(self) -> Float[Array, "..."]:
        return jnp.expm1(self.scale**2) * self.mean() ** 2

    def point(self) -> Float[Array, "..."]:
        return self.mean()


@closed_form(LogNormal, LogNormal)
def _(p: LogNormal, q: LogNormal) -> Float[Array, "..."] | None:
    """The divergence of the logarithms, since both are seen through one bijection."""
    return kl_terms(p.logarithm(), q.logarithm())
