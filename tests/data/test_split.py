"""The split: every event once, sizes as asked, the same for the same seed."""

import numpy as np
import pytest

from ansatz.data.dataset import Dataset
from ansatz.data.split import split
from ansatz.protocol.errors import DataError, OptionError


def dataset(n, parts=None):
    return Dataset(np.zeros((n, 1)), parts=parts)


@pytest.mark.parametrize(
    ("n", "validation", "test", "sizes"),
    [
        (100, 0.1, 0.2, [70, 10, 20]),
        (100, 0.0, 0.0, [100, 0, 0]),
        (7, 0.5, 0.2, [2, 4, 1]),
        (1, 0.1, 0.1, [1, 0, 0]),
    ],
)
def test_sizes(n, validation, test, sizes):
    parts = split(dataset(n), validation, test, seed=3)
    assert [len(part) for part in parts] == sizes
    assert sorted(np.concatenate(parts)) == list(range(n))


def test_depends_on_the_seed_alone():
    first = split(dataset(50), 0.2, 0.2, seed=1)
    again = split(Dataset(np.ones((50, 3)), name="other"), 0.2, 0.2, seed=1)
    other = split(dataset(50), 0.2, 0.2, seed=2)
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)
    # Another validation fraction leaves the test set alone.
    assert np.array_equal(first[2], split(dataset(50), 0.4, 0.2, seed=1)[2])


@pytest.mark.parametrize("parts", [None, np.arange(50) % 3])
def test_the_split_of_a_seed_never_changes(parts):
    """Runs know their split by the seed alone: it is that of one permutation, written out here."""
    train, validation, test = split(dataset(50, parts), 0.2, 0.1, seed=4)
    left = np.arange(50) if parts is None else np.flatnonzero(parts == 0)
    order = np.random.Generator(np.random.Philox(4)).permutation(left)
    if parts is not None:
        assert train.tolist() == order.tolist()
        return
    # A tenth of fifty to test on, then a fifth of fifty to validate on.
    assert test.tolist() == order[:5].tolist()
    assert validation.tolist() == order[5:15].tolist()
    assert train.tolist() == order[15:].tolist()


def test_is_uniform():
    """Over 2000 seeds an event is in a test set of 3 in 10 as often as binomially expected."""
    count = np.zeros(10)
    for seed in range(2000):
        count[split(dataset(10), 0.2, 0.3, seed)[2]] += 1
    # 5 standard deviations: false alarms in 6e-6 of all choices of seeds for the 10 events.
    assert np.abs(count - 600).max() < 5 * np.sqrt(2000 * 0.3 * 0.7)


def test_declared_parts():
    declared = np.array([0] * 60 + [2] * 40)
    train, validation, test = split(dataset(100, declared), 0.1, 0.3, seed=0)
    assert test.tolist() == list(range(60, 100))
    assert len(validation) == 6
    assert sorted([*train, *validation]) == list(range(60))
    declared = np.array([1] * 20 + [0] * 80)
    train, validation, test = split(dataset(100, declared), 0.5, 0.1, seed=0)
    assert validation.tolist() == list(range(20))
    assert len(test) == 8
    assert sorted([*train, *test]) == list(range(20, 100))
    train, validation, test = split(dataset(3, np.array([2, 1, 0])), 0.5, 0.4, seed=0)
    assert (train.tolist(), validation.tolist(), test.tolist()) == ([2], [1], [0])


@pytest.mark.parametrize(
    ("validation", "test", "seed", "said"),
    [
        (-0.1, 0.1, 0, "validation must be a fraction"),
        (0.1, 1.0, 0, "test must be a fraction"),
        (float("nan"), 0.1, 0, "validation must be a fraction"),
        (0.5, 0.5, 0, "take 1 of all events"),
        (0.1, 0.1, -1, "seed must be at least 0"),
    ],
)
def test_wrong_options(validation, test, seed, said):
    with pytest.raises(OptionError, match=said):
        split(dataset(10), validation, test, seed)


def test_nothing_left():
    with pytest.raises(DataError, match="no event is left to train on out of 1"):
        split(dataset(1), 0.6, 0.0, 0)
    with pytest.raises(DataError, match="no event is left to train on"):
        split(dataset(4, np.full(4, 2)), 0.1, 0.1, 0)
