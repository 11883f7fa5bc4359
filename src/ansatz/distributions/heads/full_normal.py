"""The head of a normal distribution with all covariances."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ansatz.distributions.full_normal import FullNormal
from ansatz.distributions.heads.abstract import AbstractDensityHead, check_events, check_raw
from ansatz.distributions.heads.fitting import average, deviation
from ansatz.distributions.heads.positive import positive, raw_of


class FullNormalHead(AbstractDensityHead):
    """A normal distribution; the raw numbers are its location and the factor of its covariance.

    Of d coordinates there are d numbers of the location, d of the factor's diagonal, through
    softplus, and d(d − 1)/2 below it, row by row.
    """

    shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def size(self) -> int:
        d = math.prod(self.shape)
        return 2 * d + d * (d - 1) // 2

    def __call__(self, raw: Float[Array, " size"]) -> FullNormal:
        check_raw(self, raw)
        d = math.prod(self.shape)
        location, diagonal, below = jnp.split(raw, (d, 2 * d))
        factor = jnp.diag(positive(diagonal)).at[np.tril_indices(d, -1)].set(below)
        return FullNormal(location.reshape(self.shape), factor)

    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        check_events(self, events, observed)
        n, d = len(events), math.prod(self.shape)
        events = events.reshape(n, d)
        observed = jnp.ones((n, d), bool) if observed is None else observed.reshape(n, d)
        location, scale = average(events, observed), deviation(events, observed)
        z = jnp.where(observed, (events - location[None]) / scale[None], 0)
        factor = scale[:, None] * _factor(z, observed.astype(events.dtype))
        diagonal = raw_of(jnp.diagonal(factor))
        return jnp.concatenate([location, diagonal, factor[np.tril_indices(d, -1)]])


def _factor(z: Float[Array, "n d"], observed: Float[Array, "n d"]) -> Float[Array, "d d"]:
    """The factor of the correlations of standardised events, each of the pairs observed in both.

    Such a matrix may have eigenvalues of zero, or below where numbers are missing; they are
    lifted to what a factor in this type can hold.
    """
    pairs = observed.T @ observed
    correlation = (z.T @ z) / jnp.maximum(pairs, 1)
    correlation = jnp.where(jnp.eye(len(correlation), dtype=bool), 1, correlation)
    values, vectors = jnp.linalg.eigh(correlation)
    lifted = jnp.maximum(values, jnp.finfo(z.dtype).eps ** 0.5)
    covariance = (vectors * lifted[None]) @ vectors.T
    scale = jnp.sqrt(jnp.diagonal(covariance))
    return jnp.linalg.cholesky(covariance / (scale[:, None] * scale[None]))
