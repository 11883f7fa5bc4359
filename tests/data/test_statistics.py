"""Statistics gathered in blocks against NumPy's over all events at once."""

import numpy as np
import pytest

from ansatz.data import statistics
from ansatz.data.statistics import blocks, gather

RANDOM = np.random.default_rng(4)
EVENTS = RANDOM.gamma(2.0, 3.0, (23, 2, 3)) - 1


@pytest.fixture(params=[1, 2, 5, 7, 22, 23, 1000])
def rows_in_a_block(request, monkeypatch):
    # Each event has six numbers of eight bytes; a few bytes too many change nothing.
    monkeypatch.setattr(statistics, "BLOCK_BYTES", 48 * request.param + 5)
    return request.param


def test_blocks_cover_the_events_in_double_precision(rows_in_a_block):
    parts = list(blocks(EVENTS.astype(np.float32)))
    assert all(part.dtype == np.float64 for part in parts)
    assert [len(part) for part in parts[:-1]] == [min(rows_in_a_block, 23)] * (len(parts) - 1)
    np.testing.assert_array_equal(np.concatenate(parts), EVENTS.astype(np.float32))


def test_blocks_follow_an_index(rows_in_a_block):
    index = RANDOM.permutation(23)[:11]
    parts = list(blocks(EVENTS, index))
    assert max(len(part) for part in parts) == min(rows_in_a_block, 11)
    np.testing.assert_array_equal(np.concatenate(parts), EVENTS[index])


def test_a_block_holds_one_event_even_if_that_is_too_large(monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK_BYTES", 1)
    assert [len(part) for part in blocks(EVENTS)] == [1] * 23


def test_statistics_equal_those_of_numpy(rows_in_a_block):
    found = gather(blocks(EVENTS))
    assert found.count == 23
    np.testing.assert_allclose(found.mean, EVENTS.mean(0), rtol=1e-14)
    np.testing.assert_allclose(found.variance, EVENTS.var(0), rtol=1e-13)
    np.testing.assert_array_equal(found.minimum, EVENTS.min(0))
    np.testing.assert_array_equal(found.maximum, EVENTS.max(0))
    assert not found.whole


def test_a_small_spread_survives_far_from_zero(rows_in_a_block):
    # Sums of squares would lose it: (1e8)^2 has steps of 2, the variance is a ten-thousandth.
    events = 1e8 + 0.01 * RANDOM.normal(size=(23, 2, 3))
    found = gather(blocks(events))
    # What is left is the rounding of the mean, 1e-8, against a spread of 1e-2.
    np.testing.assert_allclose(found.variance, (events - 1e8).var(0), rtol=1e-6)


def test_a_constant_coordinate_has_no_range():
    found = gather(iter([np.full((5, 1), 0.1), np.full((3, 1), 0.1)]))
    assert found.minimum == found.maximum == 0.1
    assert found.variance < 1e-30


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 1], "binary"),
        ([0, 0, 0], "binary"),
        ([0, 2, 255], "whole"),
        ([0.0, 0.5, 1.0], "unit"),
        ([-1, 0, 1], "real"),
        ([-0.5, 0.5, 1.0], "real"),
        ([0.0, 0.5, 1.01], "real"),
        ([0.0, 1.0, 2.5], "real"),
    ],
)
def test_kinds(values, kind):
    # One value a block: the kind must not be that of the first or the last block.
    for order in (values, values[::-1]):
        found = gather(np.array([[value]], float) for value in order)
        assert found.kind == kind


def test_the_kind_is_that_of_all_coordinates_together():
    assert gather(iter([np.array([[0.0, 0.5], [1.0, 0.25]])])).kind == "unit"
    assert gather(iter([np.array([[0.0, 7.0], [1.0, 3.0]])])).kind == "whole"
