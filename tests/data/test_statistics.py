"""Statistics gathered in blocks against NumPy's over all events at once."""

import numpy as np
import pytest

from ansatz.data import contents, statistics
from ansatz.data.dataset import Dataset
from ansatz.data.statistics import blocks, gather, survey_checked
from ansatz.protocol.errors import DataError

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
    # In the order of the events, so that a file is read in turn.
    np.testing.assert_array_equal(np.concatenate(parts), EVENTS[np.sort(index)])


def test_a_block_holds_one_event_even_if_that_is_too_large(monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK_BYTES", 1)
    assert [len(part) for part in blocks(EVENTS)] == [1] * 23


def test_statistics_equal_those_of_numpy(rows_in_a_block):
    found = gather(blocks(EVENTS))
    assert (found.count == 23).all()
    np.testing.assert_allclose(found.mean, EVENTS.mean(0), rtol=1e-14)
    np.testing.assert_allclose(found.variance, EVENTS.var(0), rtol=1e-13)
    np.testing.assert_array_equal(found.minimum, EVENTS.min(0))
    np.testing.assert_array_equal(found.maximum, EVENTS.max(0))
    assert not found.whole.any()


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
    ("values", "levels"),
    [
        ([0, 1, 1], 2),
        ([0, 0, 0], 1),
        ([0, 2, 255], 256),
        ([0.0, 0.5, 1.0], 0),
        ([-1, 0, 1], 0),
        ([0.0, 1.0, 2.5], 0),
        ([np.nan, 3.0, 1.0], 4),
    ],
)
def test_levels(values, levels):
    # One value a block: they must not be those of the first or the last block.
    for order in (values, values[::-1]):
        found = gather(np.array([[value]], float) for value in order)
        assert found.levels(each=True) == found.levels(each=False) == (levels,)


def test_levels_and_ends_of_each_coordinate_and_of_all():
    found = gather(iter([np.array([[0.0, 7.0, -1.5], [1.0, 3.0, 2.0]])]))
    assert found.levels(each=True) == (2, 8, 0)
    assert found.levels(each=False) == (0,)
    assert found.ends(each=True) == ((0.0, 3.0, -1.5), (1.0, 7.0, 2.0))
    assert found.ends(each=False) == ((-1.5,), (7.0,))
    assert gather(iter([np.array([[0.0, 7.0]])])).levels(each=False) == (8,)


def test_numbers_that_are_nan_are_left_out(rows_in_a_block):
    events = np.where(RANDOM.random(EVENTS.shape) < 0.4, np.nan, EVENTS)
    events[:, 1, 2] = np.nan
    events[:, 0, 1] = np.where(np.isnan(events[:, 0, 1]), np.nan, 3.0)
    found = gather(blocks(events))
    np.testing.assert_array_equal(found.count, (~np.isnan(events)).sum(0))
    known = found.count > 0
    for name, oracle in [
        ("mean", np.nanmean),
        ("variance", np.nanvar),
        ("minimum", np.nanmin),
        ("maximum", np.nanmax),
    ]:
        values = getattr(found, name)
        np.testing.assert_allclose(values[known], oracle(events[:, known], 0), atol=1e-12)
        assert values[1, 2] == 0
    assert not found.whole.all()
    counts = np.where(np.isnan(events), np.nan, np.rint(events))
    assert gather(blocks(counts)).whole.all()


@pytest.mark.parametrize("rows", [1, 4, 23])
def test_events_are_surveyed_while_all_are_checked(rows, monkeypatch):
    monkeypatch.setattr(contents, "BLOCK_BYTES", 48 * rows)
    index = RANDOM.permutation(23)[:9]
    seen = survey_checked(Dataset(EVENTS), index)
    np.testing.assert_allclose(seen.statistics.mean, EVENTS[index].mean(0))
    np.testing.assert_allclose(seen.statistics.variance, EVENTS[index].var(0))
    np.testing.assert_array_equal(np.concatenate(list(seen.again())), EVENTS[np.sort(index)])
    # One that is held out is refused like any other.
    (out,) = np.setdiff1d(np.arange(23), index)[-1:]
    spoilt = EVENTS.copy()
    spoilt[out, 1, 2] = np.nan
    with pytest.raises(DataError, match=f"1 of 23 events .* the first at index {out}"):
        survey_checked(Dataset(spoilt), index)
