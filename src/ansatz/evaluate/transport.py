"""How far points have to be carried: Wasserstein distances along single directions."""

import numpy as np
from jaxtyping import Float

from ansatz.evaluate.estimate import Estimate, weighted_mean

DIRECTIONS = 200
LEVELS = 1000
"""Quantiles at which sets of different size are compared."""

Rows = Float[np.ndarray, "_ numbers"]


def along_columns(reference: Rows, other: Rows) -> Float[np.ndarray, " numbers"]:
    """W_1 of every column: the mean distance of quantiles, ∫ |F^-1(u) - G^-1(u)| du.

    Of sets of one size it is that of the sorted numbers.
    """
    if len(reference) == len(other):
        return np.mean(np.abs(np.sort(reference, 0) - np.sort(other, 0)), 0)
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    ends = (np.quantile(rows, levels, axis=0) for rows in (reference, other))
    return np.mean(np.abs(np.subtract(*ends)), 0)


def sliced(reference: Rows, other: Rows, *, seed: int, directions: int = DIRECTIONS) -> Estimate:
    """The mean of W_1 over directions drawn at random; its error is that of so many directions."""
    generator = np.random.Generator(np.random.Philox(seed))
    drawn = generator.standard_normal((reference.shape[1], directions))
    drawn /= np.linalg.norm(drawn, axis=0)
    return weighted_mean(along_columns(reference @ drawn, other @ drawn))
