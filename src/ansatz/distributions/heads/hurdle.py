"""The head of independent coordinates that are often exactly zero."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.heads.abstract import AbstractElementwiseHead, Measure
from ansatz.distributions.heads.fitting import average, deviation, log_odds
from ansatz.distributions.heads.positive import positive, raw_of
from ansatz.distributions.hurdle import Hurdle
from ansatz.distributions.log_normal import LogNormal


class HurdleHead(AbstractElementwiseHead):
    """Coordinates that are zero or log-normal.

    The raw numbers are the logits of a hit and, of the logarithm of a hit, the location and,
    through softplus, the scale.
    """

    numbers: ClassVar[int] = 3
    measure: ClassVar[Measure] = "mixed"

    shape: tuple[int, ...] = eqx.field(static=True)

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        return x > 0

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Hurdle:
        return Hurdle(raw[0], LogNormal(raw[1], positive(raw[2])))

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        hits = events > 0
        logs = jnp.log(jnp.where(hits, events, 1))
        seen = hits if observed is None else hits & observed
        scale = raw_of(deviation(logs, seen))
        odds = log_odds(hits.astype(events.dtype), observed)
        return jnp.stack([odds, average(logs, seen), scale])
