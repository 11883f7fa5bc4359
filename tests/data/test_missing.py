"""Numbers that were not observed: kept where that is asked for, in memory and stored alike."""

import numpy as np
import pytest

from ansatz.data import contents
from ansatz.data.contents import Rows
from ansatz.data.dataset import Column, Dataset
from ansatz.data.describe import describe
from ansatz.data.finite import check_finite, check_learnable
from ansatz.data.options import DataOptions
from ansatz.data.read import read, unchecked
from ansatz.data.statistics import survey
from ansatz.data.stored import Stored
from ansatz.protocol.errors import DataError

NAN = DataOptions(missing="nan")
N = 999
X = np.random.default_rng(0).normal(size=(N, 3, 2))


def holes(*places, value=np.nan):
    """X with this value at some places."""
    values = X.copy()
    for place in places:
        values[place] = value
    return values


@pytest.fixture(params=["at once", "in parts", "stored"])
def check(request, monkeypatch):
    """Checks events by one of the ways there are: all at once, in spans, or on disk."""
    if request.param != "at once":
        # Eleven events of 48 bytes, which is no divisor of the 14 of a block.
        monkeypatch.setattr(contents, "BLOCK_BYTES", 48 * 11)

    def check_them(values, missing=True, **settings):
        events = values
        if request.param == "stored":

            def fill(start, out):
                out[...] = values[start : start + len(out)]

            events = Stored("x.npy", Rows(fill), values.shape, values.dtype, 64 * 48 * 14)
        check_finite(Dataset(events, name="x.npy", missing=missing, **settings))

    return check_them


def test_nan_is_kept_where_it_is_asked_for(check):
    values = holes((0, 0, 1), (500, 2), (998, 1, 0))
    check(values)
    with pytest.raises(
        DataError, match=r"events of 3 of 999 events are NaN, .* at index 0\. .*--missing nan"
    ):
        check(values, missing=False)
    # Infinite numbers have no such way out.
    values[998, 0, 0] = np.inf
    with pytest.raises(DataError) as caught:
        check(values, missing=False)
    assert "--missing" not in str(caught.value)


def test_what_was_asked_for_is_known_whatever_the_file_holds():
    for values in (X, holes((3, 1)), X.astype(int)):
        dataset = read(values, NAN)
        assert dataset.missing
        assert dataset.take(np.arange(5)).missing
        np.testing.assert_array_equal(dataset.events, values)
    assert not read(X).missing
    assert not read("moons").missing


def test_infinite_numbers_are_refused_all_the_same(check):
    check(X.astype(int))
    for value in (np.inf, -np.inf):
        values = holes((700, 1, 1), (998, 0, 0), value=value)
        values[300, 1] = np.nan
        with pytest.raises(
            DataError, match=r"x.npy: 2 of 999 events have infinite numbers, .* 700\."
        ):
            check(values)


def test_an_event_of_which_nothing_is_known(check):
    with pytest.raises(DataError, match=r"x.npy: 2 of 999 events have no number .* at index 321\."):
        check(holes(321, 998))
    check(holes((321, slice(0, 2)), (321, 2, 1)))


def learnable(values, **columns):
    check_learnable(Dataset(values, name="x.npy", **columns), survey(values).statistics.count)


def test_a_number_that_is_never_known():
    never = holes((slice(None), 1, 0), (slice(None), 2, 1))
    said = r"x.npy: 2 of the 6 numbers of an event were observed in no event to .* at \[1, 0\]"
    with pytest.raises(DataError, match=said):
        learnable(never)
    never[998, 1, 0] = never[0, 2, 1] = 1.0
    learnable(never)


def test_a_column_that_is_never_known():
    columns = tuple(map(Column, ("pt", "eta", "phi")))
    with pytest.raises(DataError, match=r"x.npy: the column 'eta' was observed in no event to"):
        learnable(holes((slice(None), 1))[..., 0].copy(), event_columns=columns)


def test_conditions_and_weights_must_be_known(check):
    conditions = np.ones((N, 1))
    conditions[77] = np.nan
    with pytest.raises(DataError) as caught:
        check(X, conditions=conditions, condition_columns=(Column("energy"),))
    assert "the conditions of 1 of 999 events are NaN, empty or infinite" in str(caught.value)
    assert "at index 77 in column 'energy'" in str(caught.value)
    assert "--missing" not in str(caught.value)
    with pytest.raises(DataError, match="the weights of 1 of 999 events"):
        check(X, weights=conditions[:, 0])


def test_empty_cells_of_a_table(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,kind\n1,,u\n,2,v\n3,4,u\n")
    with pytest.raises(DataError, match=r"2 of 3 .* in column 'b'.* --drop, or .* --missing nan"):
        read(path, DataOptions(drop=("kind",)))
    dataset = read(path, DataOptions(drop=("kind",), missing="nan"))
    np.testing.assert_array_equal(dataset.events, [[1, np.nan], [np.nan, 2], [3, 4]])
    # What a run has learnt nobody can choose otherwise.
    with pytest.raises(DataError, match=r"Remove these events or mend their numbers\.$"):
        check_finite(unchecked(path, DataOptions(drop=("kind",))), settled=True)
    # A fit is suggested with the columns where NaN is kept, or where every one has holes.
    kept = describe(path, DataOptions(missing="nan"))
    assert kept.suggestion == f"ansatz fit vae {path} --conditions kind --missing nan"
    (column, *_) = kept.columns
    assert (column.nan, column.mean) == (1, 2)
    assert describe(path).suggestion == kept.suggestion
    assert describe(path, DataOptions(events=("a",))).suggestion.endswith(
        "--events a --conditions kind --missing nan"
    )


def test_a_suggested_fit_leaves_out_what_cannot_be_kept(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,c\n1,,inf\n,2,0\n3,4,0\n")
    described = describe(path, DataOptions(missing="nan"))
    assert described.suggestion == f"ansatz fit vae {path} --drop c --missing nan"
    read(path, DataOptions(drop=("c",), missing="nan"))
