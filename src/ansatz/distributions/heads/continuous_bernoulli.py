"""The head of independent coordinates between 0 and 1."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.continuous_bernoulli import ContinuousBernoulli
from ansatz.distributions.heads.abstract import AbstractDensityHead, AbstractElementwiseHead
from ansatz.distributions.heads.fitting import average


class ContinuousBernoulliHead(AbstractElementwiseHead, AbstractDensityHead):
    """Coordinates in [0, 1]; the raw numbers are the slopes of their log-densities, the logits."""

    numbers: ClassVar[int] = 1

    shape: tuple[int, ...] = eqx.field(static=True)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> ContinuousBernoulli:
        return ContinuousBernoulli(raw[0])

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        """The logits whose mean is that of the events, by bisection."""
        # A slope of 100 has a mean of one hundredth, or ninety-nine: steep enough to start with.
        target = average(events, observed, 0.5)
        low, high = jnp.full_like(target, -100), jnp.full_like(target, 100)

        def halve(_: Array, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = bracket
            middle = (low + high) / 2
            rises = ContinuousBernoulli(middle).mean() < target
            return jnp.where(rises, middle, low), jnp.where(rises, high, middle)

        # A bracket of 200 halved so often is below the rounding of a double.
        low, high = jax.lax.fori_loop(0, 60, halve, (low, high))
        return ((low + high) / 2)[None]
