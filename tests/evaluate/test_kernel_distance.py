"""Kernel physics distance, against sums over pairs."""

import numpy as np
import pytest

from ansatz.evaluate import kernel_distance
from ansatz.evaluate.kernel_distance import kernel_physics_distance, mmd_squared


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """So that kernel matrices of a few events have several parts."""
    monkeypatch.setattr(kernel_distance, "ROWS", 4)


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def plain(x, y):
    def k(a, b):
        return (a @ b / len(a) + 1) ** 4

    n, m = len(x), len(y)
    first = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    second = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    mixed = sum(k(a, b) for a in x for b in y)
    return first / (n * (n - 1)) + second / (m * (m - 1)) - 2 * mixed / (n * m)


def test_it_is_the_sum_over_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(11, 3)), rng.normal(0.3, 1.2, size=(8, 3))
    assert mmd_squared(x, y) == pytest.approx(plain(x, y), rel=1e-11)


def test_two_points_are_as_far_apart_as_their_kernels_say():
    """Of x = (1), y = (-1), twice each: k(x, x) = k(y, y) = 16 and k(x, y) = 0."""
    x, y = np.ones((2, 1)), -np.ones((2, 1))
    assert mmd_squared(x, y) == pytest.approx(32, rel=1e-12)


@pytest.mark.parametrize("replace", [True, False])
def test_the_median_of_batches_and_its_range(replace):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 2)), rng.normal(0.5, 1, size=(40, 2))
    found = kernel_physics_distance(x, y, generator(), batches=7, size=9, replace=replace)
    again, values = generator(), []
    for _ in range(7):
        rows = [
            again.integers(len(f), size=9) if replace else again.choice(len(f), 9, replace=False)
            for f in (x, y)
        ]
        values.append(plain(x[rows[0]], y[rows[1]]))
    low, middle, high = np.percentile(values, [16, 50, 84])
    assert found.value == pytest.approx(middle, rel=1e-10)
    assert found.error == pytest.approx((high - low) / 2, rel=1e-10)


def test_it_is_zero_on_average_for_one_distribution():
    rng = np.random.default_rng(2)
    values = [mmd_squared(*rng.normal(size=(2, 12, 2))) for _ in range(400)]
    error = np.std(values) / 20
    # 4 standard errors of the mean. An event beside itself has E (|x|^2 / 2 + 1)^4 = 65, for
    # |x|^2 / 2 is exponential; among 12 such pairs would shift it far more.
    assert abs(np.mean(values)) < 4 * error < 65 / 12
