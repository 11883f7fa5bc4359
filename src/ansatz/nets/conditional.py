"""A distribution whose parameters a network computes from what is given."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution, AbstractHead


class ConditionalNet(eqx.Module):
    """p(y | x, c): a net maps (x, c) to raw numbers, a head makes them a distribution of y."""

    net: Any
    head: AbstractHead

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> AbstractDistribution:
        """The distribution of y; the key is for nets that draw at random, as dropout does."""
        return self.head(self.net(x, condition, key=key))
