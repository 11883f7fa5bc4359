"""The head of independent Laplace coordinates."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.heads.abstract import AbstractDensityHead, AbstractElementwiseHead
from ansatz.distributions.heads.fitting import average, median, or_one
from ansatz.distributions.heads.positive import positive, raw_of
from ansatz.distributions.laplace import Laplace


class LaplaceHead(AbstractElementwiseHead, AbstractDensityHead):
    """Laplace coordinates; the raw numbers are their locations and, through softplus, scales."""

    numbers: ClassVar[int] = 2

    shape: tuple[int, ...] = eqx.field(static=True)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Laplace:
        return Laplace(raw[0], positive(raw[1]))

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        location = median(events, observed)
        scale = or_one(average(jnp.abs(events - location[None]), observed), location)
        return jnp.stack([location, raw_of(scale)])
