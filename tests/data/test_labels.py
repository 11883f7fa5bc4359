"""Labels that are found beside the events."""

import h5py
import numpy as np
import pytest

from ansatz.data.dataset import Dataset
from ansatz.data.labels import MOST, find_labels
from ansatz.data.options import DEFAULT, DataOptions
from ansatz.data.read import read


def found(source, **options):
    options = DataOptions.of(options)
    return find_labels(read(source, options), source, options)


def test_the_digits_have_the_labels_that_were_not_learnt():
    labels = found("digits")
    assert labels.name == "label"
    assert labels.categories == tuple("0123456789")
    given = read("digits", DataOptions(conditions=("label",)))
    np.testing.assert_array_equal(labels.values, given.conditions[:, 0])


def test_labels_follow_the_events_that_are_taken():
    labels = found("digits")
    index = np.array([3, 1, 1])
    np.testing.assert_array_equal(labels.take(index).values, labels.values[index])
    assert labels.take(index).categories == labels.categories


TABLE = """energy [MeV],run,kind,where
1.5,2,muon,
2.5,1,pion,x
3.5,2,muon,y
4.25,1,muon,x
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_of_a_table_the_first_column_of_labels_that_is_left(table):
    labels = found(table, events=("energy",))
    assert (labels.name, labels.categories) == ("run", ("1", "2"))
    np.testing.assert_array_equal(labels.values, [1, 0, 1, 0])
    labels = found(table, events=("energy", "run"))
    assert (labels.name, labels.categories) == ("kind", ("muon", "pion"))
    labels = found(table, events=("energy",), weights="run")
    assert labels.name == "kind"
    labels = found(table, drop=("run", "kind", "where"))
    assert labels.name == "run"


def test_a_column_with_empty_cells_is_no_label(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x,where\n1.5,\n2.5,a\n3.5,b\n")
    assert found(path, drop=("where",)) is None


def test_conditions_come_before_what_was_left_out(table):
    labels = found(table, events=("run",), conditions=("energy", "kind"), drop=("where",))
    assert (labels.name, labels.categories) == ("kind", ("muon", "pion"))
    labels = found(table, events=("run",), conditions=("energy",), drop=("where", "kind"))
    assert (labels.name, labels.categories) == ("energy [MeV]", ())
    np.testing.assert_array_equal(labels.values, [1.5, 2.5, 3.5, 4.25])


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (np.arange(50) % 3, True),
        (np.arange(50) % MOST, True),
        (np.arange(50) % (MOST + 1), False),
        (np.zeros(50, int), False),
        (np.arange(50) % 3 * 1.0, True),
        (np.arange(50) % 3 + 0.5, False),
        (np.where(np.arange(50) < 9, np.nan, 1.0), False),
        (np.arange(50) > 30, True),
        (np.arange(49) % 3, False),
        ((np.arange(100) % 3).reshape(50, 2), False),
        (np.arange(50) % 3 * 1j, False),
    ],
)
def test_few_whole_numbers_one_for_each_event(tmp_path, values, label):
    path = tmp_path / "data.npz"
    np.savez(path, x=np.zeros((50, 4, 4)), other=values)
    labels = found(path)
    assert (labels is not None) == label
    if label:
        names = np.array(labels.categories)[labels.values.astype(int)]
        np.testing.assert_array_equal(names, values.astype(int).astype(str))


def test_text_in_hdf5(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["showers"] = np.zeros((3, 5))
        file["kind"] = [b"pion", b"muon", b"pion"]
    labels = found(path, events=("showers",))
    assert labels.categories == ("muon", "pion")
    np.testing.assert_array_equal(labels.values, [1, 0, 1])


def test_arrays_have_none_but_their_conditions():
    events = np.zeros((4, 2))
    assert found(events) is None
    labels = found((events, np.array([2, 0, 2, 5])))
    assert labels.categories == ("0", "2", "5")
    dataset = Dataset(events)
    assert find_labels(dataset, dataset, DEFAULT) is None
