"""Separation power, and features of one size."""

import numpy as np
import pytest
from scipy import stats

from ansatz.evaluate.scaling import scales
from ansatz.evaluate.separation import separation


def plainly(reference, other):
    total = 0.0
    for a, b in zip(reference, other, strict=True):
        p, q = a / sum(reference), b / sum(other)
        total += (p - q) ** 2 / (p + q + 1e-16)
    return total / 2


def test_it_is_the_sum_over_bins():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 50, (2, 30))
    one[:3] = other[:2] = 0
    assert separation(one, other) == pytest.approx(plainly(one, other), rel=1e-12)
    assert separation(3 * one, 7 * other) == pytest.approx(separation(other, one), rel=1e-12)


def test_its_ends():
    counts = np.array([3, 0, 4])
    assert separation(counts, counts) == 0
    assert separation(counts, np.array([0, 9, 0])) == pytest.approx(1, rel=1e-12)
    nothing = np.zeros(3)
    assert separation(nothing, nothing) == 0
    assert separation(counts, nothing) == separation(nothing, counts) == 1


def test_by_chance_it_has_a_chi_squared_distribution():
    rng = np.random.default_rng(1)
    p, n, m = rng.dirichlet(np.full(20, 5.0)), 5000, 8000
    drawn = zip(rng.multinomial(n, p, 2000), rng.multinomial(m, p, 2000), strict=True)
    found = np.array([separation(*pair) for pair in drawn]) * 4 * n * m / (n + m)
    # Kolmogorov's statistic of 2000 draws exceeds 0.0436 once in 1000 times.
    assert stats.kstest(found, stats.chi2(19).cdf).statistic < 0.0436


def test_scales_are_the_largest_absolute_values():
    features = np.array([[1.0, -5.0, 0.0], [-2.0, 3.0, 0.0]])
    np.testing.assert_array_equal(scales(features), [2, 5, 1])
