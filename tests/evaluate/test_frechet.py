"""Fréchet physics distance, against SciPy's roots of matrices and fits, and against its limits."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import lsq_linear

from ansatz.evaluate import frechet
from ansatz.evaluate.frechet import Moments, batch_sizes, frechet_distance, frechet_physics_distance

SIZES = np.array([60, 80, 120, 240])


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def events(n, d, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ np.random.default_rng(99).normal(size=(d, d)) + shift


def plain_distance(x, y):
    c, k = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    gap = x.mean(0) - y.mean(0)
    return gap @ gap + np.trace(c + k - 2 * np.real(sqrtm(c @ k)))


def plain_fpd(x, y, sizes, resamplings, replace, seed=0):
    """Batch by batch, as the definition has it, with the same draws."""
    rng, means = generator(seed), []
    for size in sizes:
        found = []
        for _ in range(resamplings):
            rows = [
                rng.integers(len(f), size=size) if replace else rng.choice(len(f), size, False)
                for f in (x, y)
            ]
            found.append(plain_distance(x[rows[0]], y[rows[1]]))
        means.append(np.mean(found))
    design = np.stack([np.ones(len(sizes)), 1 / sizes], 1)
    bounds = (0, np.inf) if replace else (-np.inf, np.inf)
    line = lsq_linear(design * [1, 50], means, bounds, tol=1e-15)
    left = np.sum((design @ (line.x * [1, 50]) - means) ** 2) / (len(sizes) - 2)
    return line.x[0], np.sqrt(left * np.linalg.inv(design.T @ design)[0, 0]), means


def test_the_distance_of_two_normals_is_that_of_scipys_root():
    x, y = events(50, 4, 0), 1.3 * events(60, 4, 1, shift=0.5)
    moments = [Moments(f.mean(0), np.cov(f, rowvar=False)) for f in (x, y)]
    assert frechet_distance(*moments) == pytest.approx(plain_distance(x, y), rel=1e-10)
    assert frechet_distance(*moments[::-1]) == pytest.approx(plain_distance(x, y), rel=1e-10)
    assert abs(frechet_distance(moments[0], moments[0])) < 1e-12


def test_a_feature_that_never_changes_adds_nothing_but_its_shift():
    """Covariances of less than full rank; with independent numbers (s - s')^2 each."""
    one = Moments(np.zeros(3), np.diag([4.0, 0.0, 0.0]))
    other = Moments(np.array([0.0, 0.0, 2.0]), np.diag([9.0, 25.0, 0.0]))
    assert frechet_distance(one, other) == pytest.approx(1 + 25 + 4, rel=1e-12)


@pytest.mark.parametrize("replace", [True, False])
def test_it_equals_a_plain_evaluation(replace):
    x, y = events(300, 3, 2), events(250, 3, 3, shift=0.1)
    found = frechet_physics_distance(x, y, generator(), sizes=SIZES, resamplings=3, replace=replace)
    value, error, means = plain_fpd(x, y, SIZES, 3, replace)
    np.testing.assert_allclose(found.means, means, rtol=1e-9)
    assert found.estimate.value == pytest.approx(value, rel=1e-6)
    assert found.estimate.error == pytest.approx(error, rel=1e-6)


def test_with_replacement_neither_intercept_nor_slope_is_negative():
    design = np.stack([np.ones(4), 1 / SIZES], 1)
    cases = [(2.0, 30.0), (-0.1, 30.0), (2.0, -30.0), (-1.0, -3.0)]
    for intercept, slope in cases:
        means = design @ [intercept, slope]
        bounded = frechet._line(SIZES, means, positive=True)
        wanted = lsq_linear(design * [1, 50], means, (0, np.inf), tol=1e-15)
        assert bounded.value == pytest.approx(wanted.x[0], abs=1e-7)
        free = frechet._line(SIZES, means, positive=False)
        assert free.value == pytest.approx(intercept, rel=1e-9)
        assert free.error < 1e-9


def test_drawn_with_replacement_it_is_the_distance_of_the_files_themselves():
    """Batches see only the events there are: their moments are those of the file."""
    x, y = events(400, 3, 4), events(400, 3, 5)
    whole = [Moments(f.mean(0), np.cov(f, rowvar=False, bias=True)) for f in (x, y)]
    floor = frechet_distance(*whole)
    found = frechet_physics_distance(
        x, y, generator(), sizes=batch_sizes(400, 4000, 6), resamplings=400
    )
    value, error = found.estimate
    assert floor > 10 * error
    # 4 standard errors; what is left of order 1/N^2 is a thousandth of the floor.
    assert abs(value - floor) < 4 * error


def test_drawn_without_replacement_it_is_zero_on_average():
    values = [
        frechet_physics_distance(
            events(600, 2, 10 + k),
            events(600, 2, 5000 + k),
            generator(k),
            sizes=batch_sizes(150, 600, 4),
            resamplings=4,
            replace=False,
        ).estimate.value
        for k in range(60)
    ]
    # Of 60 independent pairs of files: 4 standard errors of their mean, and some are negative.
    assert abs(np.mean(values)) < 4 * np.std(values, ddof=1) / np.sqrt(60)
    assert 10 < np.sum(np.array(values) < 0) < 50


def test_the_sizes_are_even_in_their_inverse():
    sizes = batch_sizes()
    assert (sizes[0], sizes[-1], len(sizes)) == (10_000, 50_000, 10)
    np.testing.assert_allclose(np.diff(1 / sizes), -8e-5 / 9, rtol=1e-3)
