"""Precision, recall, density and coverage, against all distances in double precision."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ansatz.evaluate import neighbours
from ansatz.evaluate.neighbours import neighbourhoods


def plainly(x, y, k):
    x, y = np.asarray(x, float), np.asarray(y, float)
    ours, theirs = (np.sort(cdist(p, p, "sqeuclidean"), 1)[:, k] for p in (x, y))
    d = cdist(x, y, "sqeuclidean")
    return (
        (d < ours[:, None]).any(0).mean(),
        (d < theirs).any(1).mean(),
        (d < ours[:, None]).sum(0).mean() / k,
        (d.min(1) < ours).mean(),
    )


rng = np.random.default_rng(0)
CLOUD = rng.normal(size=(2, 90, 7))
CASES = {
    "normal": (CLOUD[0], CLOUD[1] * 1.1),
    "of different numbers": (CLOUD[0, :40], CLOUD[1]),
    # In single precision 1e4 squared leaves nothing of what differs.
    "far from zero": (CLOUD[0] + 1e4, CLOUD[1] + 1e4),
    # About half of the events, so that the mean is far from all.
    "two far groups": tuple(c + 3e3 * (np.arange(90) % 2)[:, None] for c in CLOUD),
    # Distances that are equal to radii, and do not lie within them.
    "whole numbers": tuple(rng.integers(0, 3, (2, 90, 4))),
    "many the same": tuple(np.repeat(c[:30], 3, axis=0) for c in CLOUD),
    "single precision": tuple(CLOUD.astype(np.float32)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("k", [1, 5])
def test_they_are_those_of_all_distances(case, k, monkeypatch):
    monkeypatch.setattr(neighbours, "ENTRIES", 1000)
    x, y = CASES[case]
    found = neighbourhoods(x, y, k=k)
    assert tuple(one.value for one in found) == pytest.approx(plainly(x, y, k), rel=1e-12)


@pytest.mark.parametrize("case", ["normal", "far from zero", "two far groups", "many the same"])
def test_where_doubt_is_common_a_block_is_done_in_double_precision(case, monkeypatch):
    monkeypatch.setattr(neighbours, "MANY", 0)
    x, y = CASES[case]
    found = neighbourhoods(x, y, k=5)
    assert tuple(one.value for one in found) == pytest.approx(plainly(x, y, 5), rel=1e-12)


def test_doubt_is_larger_than_the_error_of_single_precision():
    """As many numbers as a shower has, of one sign, so that errors add up."""
    x = np.random.default_rng(1).exponential(size=(60, 6480)).astype(np.float32)
    for about in (np.zeros((1, 6480)), x):
        points = neighbours._Set.of(x, about)
        squared, doubt = neighbours._squared(points, slice(0, 60), points)
        assert np.all(np.abs(squared - cdist(x, x, "sqeuclidean")) < doubt / 2)


def test_errors_are_those_of_a_mean_over_events():
    x, y = CASES["normal"]
    found = neighbourhoods(x, y)
    p = found.precision.value
    assert found.precision.error == pytest.approx(np.sqrt(p * (1 - p) / (len(y) - 1)), rel=0.01)
    same = neighbourhoods(x, x)
    assert [one.value for one in same[:2]] == [1, 1]
    assert same.coverage.value == 1
