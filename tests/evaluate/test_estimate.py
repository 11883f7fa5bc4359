"""Means with their errors, against closed forms and against repetition."""

from fractions import Fraction

import numpy as np
import pytest

from ansatz.evaluate.estimate import weighted_mean


def test_equal_weights_give_the_standard_error():
    values = np.random.default_rng(0).normal(3, 2, 50)
    for weights in (None, np.full(50, 0.25), np.full(50, 7)):
        mean, error = weighted_mean(values, weights)
        assert mean == pytest.approx(values.mean(), rel=1e-12)
        assert error == pytest.approx(values.std(ddof=1) / 50**0.5, rel=1e-12)


def test_a_case_in_fractions():
    values, weights = [1, 4, 10], [3, 2, -1]
    total = sum(weights)
    mean = Fraction(sum(w * v for w, v in zip(weights, values, strict=True)), total)
    squares = sum((w * (v - mean)) ** 2 for w, v in zip(weights, values, strict=True))
    variance = squares * Fraction(3, 2) / total**2
    found = weighted_mean(np.array(values), np.array(weights))
    assert found.value == pytest.approx(float(mean), rel=1e-14)
    assert found.error == pytest.approx(float(variance) ** 0.5, rel=1e-14)


def test_the_jackknife_agrees():
    """Leaving one event out at a time gives the same error up to terms of order 1/n."""
    rng = np.random.default_rng(1)
    n = 4000
    values, weights = rng.normal(size=n), rng.exponential(size=n)
    left_out = (np.sum(weights * values) - weights * values) / (np.sum(weights) - weights)
    jackknife = np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2))
    assert weighted_mean(values, weights).error == pytest.approx(jackknife, rel=0.01)


@pytest.mark.parametrize("negative", [0.0, 0.2])
def test_the_error_is_the_spread_of_repeated_means(negative):
    rng = np.random.default_rng(2)
    repetitions, n = 4000, 100
    values = rng.normal(size=(repetitions, n)) ** 2
    weights = rng.uniform(0.5, 1.5, (repetitions, n))
    weights *= np.where(rng.random((repetitions, n)) < negative, -1, 1)
    found = [weighted_mean(v, w) for v, w in zip(values, weights, strict=True)]
    spread = np.std([mean for mean, _ in found])
    # The spread itself is known to 1/sqrt(2 * 4000) = 1.1%; the formula is of leading order
    # in 1/n = 1%. Four standard deviations and that.
    typical = np.sqrt(np.mean([error**2 for _, error in found]))
    assert typical == pytest.approx(spread, rel=0.06)


def test_one_event_has_no_error_known():
    value, error = weighted_mean(np.array([2.5]), np.array([3.0]))
    assert value == 2.5
    assert error == float("inf")
