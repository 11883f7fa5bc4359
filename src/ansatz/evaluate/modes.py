"""Modes that samples visit, of a distribution whose components are known."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ansatz.data.toys import AbstractToy
from ansatz.evaluate.estimate import Estimate, weighted_mean

REACH = 3.0
"""Noises from the core of a component within which a sample belongs to it."""


class Modes(NamedTuple):
    """Where samples lie."""

    counts: Int[np.ndarray, " components"]
    """Samples within reach of each component, and closer to it than to any other."""
    share: Estimate
    """The part of all samples that are within reach of one."""

    def visited(self, least: int) -> int:
        """How many components have so many samples at least."""
        return int(np.sum(self.counts >= least))


def count_modes(samples: Float[np.ndarray, "_ 2"], toy: AbstractToy, reach: float = REACH) -> Modes:
    """Each sample belongs to the component whose core is nearest, if it is within reach."""
    away = toy.away(samples)
    within = away.min(1) < reach
    counts = np.bincount(away.argmin(1)[within], minlength=away.shape[1])
    return Modes(counts, weighted_mean(within))
