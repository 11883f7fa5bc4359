"""Kernel physics distance: the maximum mean discrepancy of features under a polynomial kernel.

Kansal and others (2023), after the kernel inception distance (Binkowski and others, 2018).
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from ansatz.evaluate.drawn import drawn
from ansatz.evaluate.estimate import Estimate
from ansatz.protocol.watch import Watch, unseen

BATCHES, SIZE = 10, 10_000
ROWS = 512
"""Of a kernel matrix at a time."""

Features = Float[np.ndarray, "_ features"]


def mmd_squared(x: Features, y: Features) -> float:
    """Unbiased MMD^2 with k(x, y) = (x·y / d + 1)^4 in d dimensions:

    mean over i ≠ j of k(x_i, x_j) + the same for y - 2 times the mean of all k(x_i, y_j).
    """
    a, b = (_lifted(points) for points in (x, y))
    n, m = len(a), len(b)
    within = _sum_within(a) / (n * (n - 1)) + _sum_within(b) / (m * (m - 1))
    return float(within - 2 * sum(_sum_to_fourth(part @ b.T) for part in _parts(a)) / (n * m))


def kernel_physics_distance(
    reference: Features,
    generated: Features,
    generator: np.random.Generator,
    *,
    batches: int = BATCHES,
    size: int = SIZE,
    replace: bool = True,
    watch: Watch = unseen,
) -> Estimate:
    """The median MMD^2 of batches, and half the range from their 16th to 84th percentile.

    With replacement, as the field quotes it, an event drawn twice adds to the mean over pairs
    what k(x, x) exceeds it by, a part in n of it.
    """

    def values() -> Iterator[Float[np.ndarray, " 1"]]:
        for _ in range(batches):
            pair = [
                features[drawn(len(features), size, replace, generator)]
                for features in (reference, generated)
            ]
            yield np.array([mmd_squared(*pair)])

    found = np.concatenate(list(watch(values(), batches, "Kernel distances of batches")))
    low, middle, high = np.percentile(found, [16, 50, 84])
    return Estimate(float(middle), float(high - low) / 2)


def _lifted(points: Features) -> Float[np.ndarray, "_ lifted"]:
    """Points whose inner products are x·y / d + 1."""
    n, d = points.shape
    return np.concatenate([points / np.sqrt(d), np.ones((n, 1))], 1)


def _parts(a: Float[np.ndarray, "_ lifted"]) -> Iterator[Float[np.ndarray, "_ lifted"]]:
    return (a[start : start + ROWS] for start in range(0, len(a), ROWS))


def _sum_to_fourth(products: Float[np.ndarray, "rows columns"]) -> float:
    np.multiply(products, products, out=products)
    flat = products.ravel()
    return float(flat @ flat)


def _sum_within(a: Float[np.ndarray, "_ lifted"]) -> float:
    """The sum of the kernel over all pairs i ≠ j; a pair of different parts is computed once."""
    total = 0.0
    for start in range(0, len(a), ROWS):
        part, after = a[start : start + ROWS], a[start + ROWS :]
        total += _sum_to_fourth(part @ part.T) + 2 * _sum_to_fourth(part @ after.T)
    return total - float(np.sum(np.sum(a**2, 1) ** 4))
