"""Maximum mean discrepancy with a Gaussian kernel, and how often chance exceeds it.

Gretton and others (2012).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist, squareform

PERMUTATIONS = 500

Rows = Float[np.ndarray, "_ numbers"]


class Discrepancy(NamedTuple):
    """What tells two sets of points apart, and how much of it is chance."""

    squared: float
    """The unbiased estimate of MMD^2, which may be negative."""
    spread: float
    """Its standard deviation where both are drawn from the points of both."""
    p_value: float
    """How often sets drawn from the points of both are as far apart: (1 + those) / (1 + all)."""


def discrepancy(
    reference: Rows, other: Rows, *, seed: int, permutations: int = PERMUTATIONS
) -> Discrepancy:
    """MMD^2 = mean over i ≠ j of k(x_i, x_j) + the same for y - 2 times the mean of all k(x_i, y_j)

    with k(x, y) = exp(-|x - y|^2 / 2 h^2) and h the median distance between any two points.
    """
    n, m = len(reference), len(other)
    squared = squareform(pdist(np.concatenate([reference, other]), "sqeuclidean"))
    above = squared[np.triu_indices(n + m, 1)]
    width = float(np.median(above[above > 0])) if (above > 0).any() else 1.0
    kernel = np.exp(-squared / (2 * width))
    np.fill_diagonal(kernel, 0)
    generator = np.random.Generator(np.random.Philox(seed))
    # Each column says which points are taken for the reference; the first is how it is.
    taken = np.zeros((n + m, 1 + permutations))
    taken[:n, 0] = 1
    for column in range(1, 1 + permutations):
        taken[generator.permutation(n + m)[:n], column] = 1
    product = kernel @ taken
    within = np.sum(taken * product, 0)
    rows = product.sum(0)
    between = rows - within
    rest = kernel.sum() - within - 2 * between
    found = within / (n * (n - 1)) + rest / (m * (m - 1)) - 2 * between / (n * m)
    beyond = int(np.sum(found[1:] >= found[0]))
    spread = float(found[1:].std(ddof=1))
    return Discrepancy(float(found[0]), spread, (1 + beyond) / (1 + permutations))
