"""The head of independent counts."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.heads.abstract import AbstractElementwiseHead, AbstractProbabilityHead
from ansatz.distributions.heads.fitting import average
from ansatz.distributions.heads.positive import positive, raw_of
from ansatz.distributions.poisson import Poisson


class PoissonHead(AbstractElementwiseHead, AbstractProbabilityHead):
    """Counts; the raw numbers are, through softplus, their rates."""

    numbers: ClassVar[int] = 1

    shape: tuple[int, ...] = eqx.field(static=True)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Poisson:
        return Poisson(positive(raw[0]))

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        # What never counts starts at one in a thousand, where gradients still move it.
        return raw_of(jnp.maximum(average(events, observed, 1.0), 1e-3))[None]
