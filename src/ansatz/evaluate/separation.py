"""The separation power of two histograms."""

import numpy as np

NOTHING = 1e-16


def separation(reference: np.ndarray, other: np.ndarray) -> float:
    """S = sum_b (p_b - q_b)^2 / (p_b + q_b) / 2 with counts normalised to p and q: from 0 to 1.

    For histograms of n and m draws from one distribution over B bins, 4 S nm / (n + m) has a
    chi-squared distribution with B - 1 degrees of freedom, and S is (B - 1)(1/n + 1/m) / 4 by
    chance. A histogram without entries has nothing in common with one that has some.
    """
    p, q = (np.asarray(counts, np.float64) for counts in (reference, other))
    if not (p.any() and q.any()):
        return float(p.any() != q.any())
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) ** 2 / (p + q + NOTHING)) / 2)
