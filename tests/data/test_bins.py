"""Bins and densities against NumPy and against what a density is."""

import numpy as np
import pytest

from ansatz.data.bins import bins, density, density_of_pair


def test_bins_reach_beyond_the_bulk_and_leave_out_far_values():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=10_000), [1e6, -1e9]])
    edges = bins(values)
    low, high = np.quantile(values, [0.005, 0.995])
    assert len(edges) == 41
    np.testing.assert_allclose(np.diff(edges), np.diff(edges)[0])
    np.testing.assert_allclose(edges[[0, -1]], [low - (high - low) / 10, high + (high - low) / 10])


@pytest.mark.parametrize(("events", "count"), [(5, 10), (1000, 20), (2197, 26), (100_000, 40)])
def test_more_numbers_have_more_bins(events, count):
    assert len(bins(np.linspace(0, 1, events))) == count + 1


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([3, 5, 4, 5], [2.5, 3.5, 4.5, 5.5]),
        ([-1.0, 1.0], [-1.5, -0.5, 0.5, 1.5]),
        ([7.0, 7.0], [6.5, 7.5]),
        ([np.nan, np.nan], [-0.5, 0.5]),
        ([True, False], [-0.5, 0.5, 1.5]),
    ],
)
def test_whole_numbers_lie_in_the_middle_of_bins(values, edges):
    np.testing.assert_allclose(bins(np.array(values)), edges)


def test_categories_have_a_bin_each_whether_they_occur_or_not():
    np.testing.assert_allclose(bins(np.array([0.0, 0.0]), ("a", "b", "c")), [-0.5, 0.5, 1.5, 2.5])


@pytest.mark.parametrize("value", [0.3, -1e9 + 0.5, 1e-30])
def test_a_constant_has_bins_around_it(value):
    edges = bins(np.full(5, value))
    assert edges[0] < value < edges[-1]
    assert (np.diff(edges) > 0).all()


def test_nearly_all_zeros_still_show_the_rest():
    """The quantiles coincide, so the bins go from the least to the largest value."""
    edges = bins(np.concatenate([np.zeros(999), [8.5]]))
    np.testing.assert_allclose(edges[[0, -1]], [-0.85, 9.35])


def test_a_density_is_that_of_numpy():
    rng = np.random.default_rng(1)
    values, weights = rng.normal(size=500), rng.normal(1, 1, 500)
    edges = np.linspace(-9, 9, 13)
    wanted, _ = np.histogram(values, edges, weights=weights, density=True)
    np.testing.assert_allclose(density(values, edges, weights), wanted)
    wanted, _ = np.histogram(values, edges, density=True)
    np.testing.assert_allclose(density(values, edges), wanted)


def test_what_is_left_out_counts_and_what_is_missing_does_not():
    values = np.array([0.5, 0.5, 1.5, 100.0, np.nan])
    edges = np.array([0.0, 1.0, 3.0])
    # Two of four within width one; one of four within width two.
    np.testing.assert_allclose(density(values, edges), [2 / 4, 1 / 4 / 2])
    weights = np.array([1.0, 3.0, 2.0, 4.0, 1000.0])
    np.testing.assert_allclose(density(values, edges, weights), [4 / 10, 2 / 10 / 2])


def test_of_nothing_there_is_no_density():
    edges = np.array([-0.5, 0.5])
    nothing = np.full(3, np.nan)
    np.testing.assert_array_equal(density(nothing, edges), [0])
    np.testing.assert_array_equal(density_of_pair(nothing, np.ones(3), edges, edges), [[0]])
    np.testing.assert_array_equal(density(np.zeros(2), edges, np.array([1.0, -1.0])), [0])


def test_a_density_of_pairs_is_that_of_numpy():
    rng = np.random.default_rng(2)
    u, v = rng.normal(size=(2, 500))
    weights = rng.uniform(size=500)
    u_edges, v_edges = np.linspace(-9, 9, 8), np.linspace(-8, 8, 5)
    wanted, _, _ = np.histogram2d(u, v, [u_edges, v_edges], weights=weights, density=True)
    got = density_of_pair(u, v, u_edges, v_edges, weights)
    np.testing.assert_allclose(got, wanted)
    # A pair of which one number is missing is in no bin, and in no sum.
    u = np.append(u, np.nan)
    got = density_of_pair(u, np.append(v, 0.0), u_edges, v_edges, np.append(weights, 50.0))
    np.testing.assert_allclose(got, wanted)
