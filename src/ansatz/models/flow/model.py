"""The flow."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, PRNGKeyArray

from ansatz.bijections import AbstractBijection
from ansatz.distributions import Transformed
from ansatz.models.flow.extended import Extended
from ansatz.protocol.capabilities import Condition, Density, Measure, Sampler, Scalar


class Flow(Sampler, Density):
    """p(x | c) = r(f(x | c)) |det ∂f/∂x|: a bijection f carries events to noise of density r.

    It samples by f⁻¹ and knows its density exactly. `flow(c)` is the distribution under one
    condition, which does both in one pass. Of an `extended` flow events are single numbers, to
    which one of noise is added.
    """

    base: Any
    bijection: AbstractBijection
    shape: tuple[int, ...] = eqx.field(static=True)
    extended: bool = eqx.field(static=True)

    def __call__(self, condition: Condition = None) -> Transformed | Extended:
        """p(x | c)."""
        if not self.extended:
            return Transformed(self.base, self.bijection, condition, self.shape)
        return Extended(Transformed(self.base, self.bijection, condition, (2,)), self.shape)

    @property
    def measure(self) -> Measure:
        return "density"

    def continuous(self, event: Array) -> Bool[Array, "..."]:
        return jnp.ones(self.shape, bool)

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Array:
        return self(condition).sample(key)

    def log_prob(self, event: Array, condition: Condition = None) -> Scalar:
        return self(condition).log_prob(event)

    def sample_and_log_prob(
        self, key: PRNGKeyArray, condition: Condition = None
    ) -> tuple[Array, Scalar]:
        """One event and its log p(x | c), in one pass."""
        return self(condition).sample_and_log_prob(key)

    def noise(self, event: Array, condition: Condition = None) -> Array:
        """f(x | c), which the base says is likely or not."""
        return self.bijection.forward(event, condition)[0]
