"""Tests of two samples on plain arrays, against closed forms, SciPy and brute force."""

import itertools

import numpy as np
import pytest
from scipy import stats

from ansatz.evaluate.copied import copied
from ansatz.evaluate.crossvalidated import crossvalidated_area
from ansatz.evaluate.discrepancy import discrepancy
from ansatz.evaluate.transport import along_columns, sliced


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_the_area_is_that_of_the_best_classifier(rng):
    x, y, z = rng.normal(size=(3, 1500, 1))
    alike = crossvalidated_area(x, y, seed=0)
    assert abs(alike.value - 0.5) < 3 * alike.error
    # Two unit Gaussians d apart: no score has a larger area than Phi(d / sqrt 2), that of x itself.
    apart, best = crossvalidated_area(x, z + 1.5, seed=0), stats.norm.cdf(1.5 / np.sqrt(2))
    assert best - 0.03 < apart.value < best + 3 * apart.error
    # Of the order of Hanley and McNeil's error of all events at once.
    assert 0.5 < apart.error / (0.5 * (1 / 3 / 1500) ** 0.5) < 2


def brute(x, y, width):
    def mean(a, b, *, same):
        values = [
            np.exp(-np.sum((p - q) ** 2) / (2 * width))
            for i, p in enumerate(a)
            for j, q in enumerate(b)
            if not (same and i == j)
        ]
        return np.mean(values)

    return mean(x, x, same=True) + mean(y, y, same=True) - 2 * mean(x, y, same=False)


def test_the_discrepancy_is_that_of_its_definition_and_p_that_of_all_splits(rng):
    x, y = rng.normal(size=(4, 3)), rng.normal(0.8, 1, size=(4, 3))
    both = np.concatenate([x, y])
    squares = [np.sum((p - q) ** 2) for p, q in itertools.combinations(both, 2)]
    width = np.median(squares)
    count = 20_000
    found = discrepancy(x, y, seed=0, permutations=count)
    assert found.squared == pytest.approx(brute(x, y, width), abs=1e-12)
    splits = []
    for chosen in itertools.combinations(range(8), 4):
        rest = [k for k in range(8) if k not in chosen]
        splits.append(brute(both[list(chosen)], both[rest], width))
    exact = np.mean(np.array(splits) >= found.squared - 1e-12)
    # Three standard deviations of a share among so many draws, and the one that is added.
    assert abs(found.p_value - exact) < 3 * (exact * (1 - exact) / count) ** 0.5 + 2 / count
    assert found.spread == pytest.approx(np.std(splits), rel=0.05)
    assert discrepancy(x, x + 9, seed=0).p_value <= 2 / 70 + 0.02


def test_distances_along_columns_are_those_of_scipy(rng):
    x, y, z = rng.normal(size=(400, 3)), rng.gamma(2, size=(400, 3)), rng.gamma(2, size=(5000, 3))
    exact = [stats.wasserstein_distance(a, b) for a, b in zip(x.T, y.T, strict=True)]
    np.testing.assert_allclose(along_columns(x, y), exact, rtol=1e-12)
    exact = [stats.wasserstein_distance(a, b) for a, b in zip(x.T, z.T, strict=True)]
    # A thousand quantiles leave out the last two thousandths.
    np.testing.assert_allclose(along_columns(x, z), exact, rtol=5e-3)


def test_a_shift_is_as_far_as_it_is_along_directions(rng):
    x = rng.normal(size=(300, 2))
    found = sliced(x, x + np.array([3, 4]), seed=1, directions=2000)
    # In the plane |cos| is 2 / pi on average over directions.
    assert abs(found.value - 5 * 2 / np.pi) < 3 * found.error
    assert found.error == pytest.approx(5 * (0.5 - 4 / np.pi**2) ** 0.5 / 2000**0.5, rel=0.1)


def test_copies_are_seen_and_samples_that_know_nothing_are_not(rng):
    learnt, held_out, fresh = (rng.normal(size=(n, 4)) for n in (600, 200, 500))
    none = copied(learnt, held_out, fresh)
    assert none.chance == 0.75
    assert abs(none.share.value - 0.75) < 3 * none.share.error
    repeated = copied(learnt, held_out, learnt[rng.integers(600, size=500)] + 1e-3)
    assert repeated.share.value > 0.99
    both = copied(learnt, learnt[:200], learnt[:200])
    # What stands on both sides counts as chance has it.
    assert both.share.value == 0.75


def test_samples_that_share_a_neighbour_are_no_two_witnesses(rng):
    """Far off, all samples have a few neighbours, and which of these were learnt is chance."""
    shares, errors = [], []
    for _ in range(200):
        events, far = rng.normal(size=(80, 2)), rng.normal([30, 0], 20, size=(100, 2))
        found = copied(events[:60], events[60:], far)
        shares.append(found.share.value)
        errors.append(found.share.error)
    # Three standard errors of the mean, and of a standard deviation, over 200.
    assert abs(np.mean(shares) - 0.75) < 3 * np.std(shares) / 200**0.5
    assert np.std(shares) == pytest.approx(np.mean(np.square(errors)) ** 0.5, rel=3 / 400**0.5)
    naive = (0.75 * 0.25 / 100) ** 0.5
    assert np.std(shares) > 2 * naive
