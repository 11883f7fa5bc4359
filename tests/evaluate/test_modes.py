"""Modes counted on toys whose components are known."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import special, stats
from scipy.optimize import minimize_scalar

from ansatz.data.toys import Grid, Moons, Rings
from ansatz.evaluate.modes import count_modes

N = 20_000


def arc(point, centre, sign):
    """The distance from a half circle, by a search over its angle."""

    def squared(t):
        return np.sum((point - centre - np.array([np.cos(t), sign * np.sin(t)])) ** 2)

    starts = np.linspace(0, np.pi, 9)
    found = [
        minimize_scalar(squared, bounds=pair, method="bounded").fun for pair in pairwise(starts)
    ]
    return np.sqrt(min(found))


def test_how_far_points_are_from_components():
    points = np.random.default_rng(0).uniform(-2.5, 2.5, (25, 2))
    moons = Moons(0.2).away(points)
    expected = [[arc(p, np.zeros(2), 1), arc(p, np.array([1, 0.5]), -1)] for p in points]
    np.testing.assert_allclose(moons, np.array(expected) / 0.2, atol=1e-3)
    grid = Grid(3, 2.0, 0.5)
    centres = np.array([[a, b] for a in (-2, 0, 2) for b in (-2, 0, 2)])
    away = np.linalg.norm(points[:, None] - centres, axis=2) / 0.5
    np.testing.assert_allclose(grid.away(points), away)
    # In the order of the components that it draws from.
    tight, which = Grid(3, 2.0, 0.01).draw(50, 0)
    np.testing.assert_array_equal(Grid(3, 2.0, 0.01).away(tight).argmin(1), which)


@pytest.mark.parametrize(
    ("toy", "within"),
    [
        # Of a Gaussian in the plane 1 - exp(-9/2) lies within three deviations; about a circle it
        # is as on a line, but for the curvature.
        (Grid(5, 1.0, 0.05), 1 - np.exp(-4.5)),
        (Rings((1.0, 2.0), 0.05), special.erf(3 / np.sqrt(2))),
    ],
)
def test_modes_of_draws_from_the_toy_itself(toy, within):
    points, component = toy.draw(N, 1)
    found = count_modes(points, toy)
    # Binomial, four standard errors, and a thousandth for the curvature.
    error = (within * (1 - within) / N) ** 0.5
    assert abs(found.share.value - within) < 4 * error + 1e-3
    assert found.share.error == pytest.approx(error, rel=0.3)
    k = len(found.counts)
    lowest = stats.binom(N, within / k).ppf(1e-6)
    assert found.visited(int(lowest)) == k
    lost = count_modes(points[component != 0], toy)
    assert lost.visited(1) == k - 1
    assert count_modes(points + 100, toy).share.value == 0
