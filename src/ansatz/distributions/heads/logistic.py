"""The head of independent logistic coordinates."""

import math
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.heads.abstract import AbstractDensityHead, AbstractElementwiseHead
from ansatz.distributions.heads.fitting import average, deviation
from ansatz.distributions.heads.positive import positive, raw_of
from ansatz.distributions.logistic import Logistic


class LogisticHead(AbstractElementwiseHead, AbstractDensityHead):
    """Logistic coordinates; the raw numbers are their locations and, through softplus, scales."""

    numbers: ClassVar[int] = 2

    shape: tuple[int, ...] = eqx.field(static=True)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Logistic:
        return Logistic(raw[0], positive(raw[1]))

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        # The variance of a logistic distribution is s² π² / 3.
        scale = deviation(events, observed) * (math.sqrt(3) / math.pi)
        return jnp.stack([average(events, observed), raw_of(scale)])
