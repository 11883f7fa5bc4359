"""The head of independent binary coordinates."""

from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Bool, Float

from ansatz.distributions.bernoulli import Bernoulli
from ansatz.distributions.heads.abstract import AbstractElementwiseHead, AbstractProbabilityHead
from ansatz.distributions.heads.fitting import log_odds


class BernoulliHead(AbstractElementwiseHead, AbstractProbabilityHead):
    """Binary coordinates; the raw numbers are their logits."""

    numbers: ClassVar[int] = 1

    shape: tuple[int, ...] = eqx.field(static=True)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Bernoulli:
        return Bernoulli(raw[0])

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        return log_odds(events, observed)[None]
