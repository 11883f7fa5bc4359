"""Bins for a column of numbers, and weighted densities over them."""

import numpy as np

LEAST, MOST = 10, 40
"""Bins of numbers that are not whole; between these there are 2 n^(1/3) for n numbers."""
WHOLE = 60
"""Whole numbers within so many of each other have a bin each."""
TAIL = 0.005
"""Fraction of the numbers left out on either side, so that a few far ones hide nothing."""


def bins(values: np.ndarray, categories: tuple[str, ...] = ()) -> np.ndarray:
    """The edges of bins in which `values` can be looked at.

    Codes of categories and whole numbers lie in the middle of bins of width one. Others have
    equal bins from the quantile `TAIL` to that of 1 - `TAIL` and a tenth of that range beyond,
    where a model may put what the data do not have.
    """
    if categories:
        return np.arange(len(categories) + 1) - 0.5
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return np.array([-0.5, 0.5])
    low, high = values.min(), values.max()
    if high - low <= WHOLE and (values == np.rint(values)).all():
        return np.arange(low, high + 2) - 0.5
    inner = np.quantile(values, [TAIL, 1 - TAIL])
    if inner[0] < inner[1]:
        low, high = inner
    # A range lost in rounding has no bins.
    margin = max((high - low) / 10, 1e-6 * max(abs(low), abs(high), 1e-300))
    count = int(np.clip(np.rint(2 * len(values) ** (1 / 3)), LEAST, MOST))
    return np.linspace(low - margin, high + margin, count + 1)


def density(values: np.ndarray, edges: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """h_b = sum of w_i over x_i in bin b / (width of b * sum of all w_i).

    What lies outside the bins counts in the sum of all; NaN counts nowhere.
    """
    w = _weights(values, weights)
    heights = np.histogram(np.asarray(values, np.float64), edges, weights=w)[0]
    return _shared(heights, np.diff(edges), w)


def density_of_pair(
    u: np.ndarray,
    v: np.ndarray,
    u_edges: np.ndarray,
    v_edges: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """The same in two dimensions: bins of u down, bins of v across."""
    w = _weights(u + v, weights)
    pairs = (np.asarray(u, np.float64), np.asarray(v, np.float64))
    heights = np.histogram2d(*pairs, bins=(u_edges, v_edges), weights=w)[0]
    return _shared(heights, np.outer(np.diff(u_edges), np.diff(v_edges)), w)


def _shared(heights: np.ndarray, sizes: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Each bin's share of all weights, by its size; of nothing there is no share."""
    total = w.sum()
    return heights / (sizes * total) if total else np.zeros_like(heights)


def _weights(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    w = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    return np.where(np.isnan(values), 0.0, w)
