"""A number with its statistical error."""

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean over events and its standard error."""

    value: float
    error: float


def weighted_mean(values: np.ndarray, weights: np.ndarray | None = None) -> Estimate:
    """m = sum w v / sum w, with the error sqrt(n/(n-1) sum w^2 (v - m)^2) / |sum w|."""
    values = np.asarray(values, np.float64)
    w = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    total, n = w.sum(), len(values)
    mean = float(np.sum(w * values) / total)
    if n < 2:
        return Estimate(mean, float("inf"))
    spread = np.sqrt(np.sum((w * (values - mean)) ** 2) * n / (n - 1))
    return Estimate(mean, float(spread / abs(total)))
