"""Distributions that a bijection carries to a known one."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.bijections import AbstractBijection, Condition
from ansatz.distributions.abstract import AbstractDistribution, check_event

DRAWS = 1000
"""From which a mean and a variance are estimated, always the same."""


class Transformed(AbstractDistribution):
    """log p(x) = log r(f(x | c)) + log |det ∂f/∂x|: f carries events x to noise of density r.

    The `base` r is anything with `sample(key)` and `log_prob(z)`: an elementary distribution, or
    a model. Its draws are brought back by f⁻¹, so they carry gradients where those of r do.
    """

    base: Any
    bijection: AbstractBijection
    condition: Condition
    events: tuple[int, ...] = eqx.field(static=True)

    @property
    def reparameterised(self) -> bool:
        return isinstance(self.base, AbstractDistribution) and self.base.reparameterised

    @property
    def shape(self) -> tuple[int, ...]:
        return self.events

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        return self.bijection.inverse(self.base.sample(key), self.condition)[0]

    def log_prob(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        if observed is not None:
            raise ValueError("A Transformed distribution cannot integrate out what is missing.")
        noise, log_det = self.bijection.forward(x, self.condition)
        return self.base.log_prob(noise) + log_det

    def sample_and_log_prob(
        self, key: PRNGKeyArray
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        """One event and its log p, in one pass."""
        noise = self.base.sample(key)
        x, log_det = self.bijection.inverse(noise, self.condition)
        return x, self.base.log_prob(noise) - log_det

    def entropy(self) -> None:
        return None

    def mean(self) -> Float[Array, "..."]:
        """Estimated from a thousand draws, for it has no formula."""
        return jnp.mean(self._draws(), axis=0)

    def variance(self) -> Float[Array, "..."]:
        """Estimated likewise."""
        return jnp.var(self._draws(), axis=0)

    def point(self) -> Float[Array, "..."]:
        """The event that the point of the base comes from: a middle, and no mean."""
        return self.bijection.inverse(self.base.point(), self.condition)[0]

    def _draws(self) -> Float[Array, "draws ..."]:
        return jax.vmap(self.sample)(jax.random.split(jax.random.key(0), DRAWS))
