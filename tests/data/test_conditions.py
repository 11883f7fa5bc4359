"""Conditions: encoded against NumPy, and read from words and files in the words of the run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.data.conditions import (
    ConditionEncoder,
    fit_conditions,
    parse_conditions,
    read_conditions,
    recode,
)
from ansatz.data.dataset import Column
from ansatz.protocol.errors import DataError, OptionError

LABEL = Column("label", categories=("1", "3", "7"))
ENERGY = Column("energy", "GeV")
PARTICLE = Column("particle", categories=("electron", "photon"))
COLUMNS = (LABEL, ENERGY, PARTICLE)
ROWS = np.array([[0, 5.0, 1], [2, 7.0, 0], [1, 12.0, 1], [2, -4.0, 1]])


def test_encoding_is_one_hot_categories_and_standardised_numbers():
    encoder = fit_conditions(COLUMNS, ROWS, "float32")
    found = jax.vmap(encoder)(jnp.asarray(ROWS, jnp.float32))
    energy = (ROWS[:, 1] - 5) / np.sqrt(np.mean((ROWS[:, 1] - 5) ** 2))
    expected = np.column_stack(
        [np.eye(3)[ROWS[:, 0].astype(int)], energy, np.eye(2)[ROWS[:, 2].astype(int)]]
    )
    assert encoder.size == 6
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_an_encoder_of_numbers_alone_and_of_categories_alone():
    numbers = ConditionEncoder((ENERGY,), jnp.array([2.0]), jnp.array([4.0]))
    np.testing.assert_allclose(numbers(jnp.array([8.0])), [1.5])
    kinds = ConditionEncoder((PARTICLE,), jnp.zeros(1), jnp.ones(1))
    np.testing.assert_array_equal(kinds(jnp.array([1.0])), [0, 1])


def test_a_constant_number_is_only_shifted():
    # The mean of equal numbers is rounded, so that their deviation from it need not be zero.
    rows = np.full((1000, 1), 0.1)
    assert rows.std() > 0
    encoder = fit_conditions((ENERGY,), rows, "float32")
    np.testing.assert_allclose(encoder.deviation, [1.0])
    np.testing.assert_allclose(encoder(jnp.array([0.3])), [0.2], rtol=1e-6)


def test_without_conditions_there_is_no_encoder():
    assert fit_conditions((), None, "float32") is None


def test_words_become_a_row_in_the_order_of_the_columns():
    row = parse_conditions(COLUMNS, ["particle=photon", "energy=1.5e2", "label=7"])
    np.testing.assert_array_equal(row, [2, 150, 1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["energy"], "written name=value, not 'energy'"),
        (["enrgy=3"], r"no condition 'enrgy'. Did you mean 'energy'\?"),
        (["zzz=3"], "no condition 'zzz'. Known: label, energy, particle"),
        (["energy=3"], r"conditional on label, energy, particle; give also label=1\|3\|7, part"),
        (["particle=foton"], r"particle has no category 'foton'. Did you mean 'photon'\?"),
        (["label=2"], "label has no category '2'. Known: 1, 3, 7"),
        (["energy=high"], "energy is a number; 'high' is not"),
        (["energy="], "energy is a number; '' is not"),
        (["energy=nan"], "energy must be a finite number, not nan"),
        (["energy=inf"], "energy must be a finite number, not inf"),
        (["energy=1", "energy=2"], "'energy' is given twice"),
        ([], r"give also label=1\|3\|7, energy=\.\.\., particle=electron\|photon\.$"),
    ],
)
def test_words_that_make_no_row(words, message):
    with pytest.raises(OptionError, match=message):
        parse_conditions(COLUMNS, words)


def test_recode_reorders_columns_and_categories():
    given = (
        Column("particle", categories=("electron", "muon", "photon")),
        Column("unused"),
        Column("label", categories=("7", "1", "3")),
        ENERGY,
    )
    rows = np.array([[2, 9.0, 0, 5.0], [0, 9.0, 1, 6.0], [0, 9.0, 2, 7.0]])
    np.testing.assert_array_equal(recode(rows, given, COLUMNS), [[2, 5, 1], [0, 6, 0], [1, 7, 0]])


def test_recode_takes_whole_numbers_for_names_and_for_numbers():
    """A column of whole numbers is read as categories, and one of many values as numbers."""
    wanted = (ENERGY, LABEL)
    given = (Column("energy", categories=("10", "20")), Column("label"))
    rows = np.array([[1, 3.0], [0, 7.0], [0, 1.0]])
    np.testing.assert_array_equal(recode(rows, given, wanted), [[20, 1], [10, 2], [10, 0]])


@pytest.mark.parametrize(
    ("given", "value", "message"),
    [
        (Column("enery"), 1.0, r"conditional on 'energy', which these data do not have. Did you"),
        (Column("energy", categories=("low", "high")), 1.0, "energy is a number; 'high' is not"),
        (ENERGY, np.nan, "energy must be a finite number"),
    ],
)
def test_recode_refuses_what_is_no_number_of_the_column(given, value, message):
    with pytest.raises((DataError, OptionError), match=message):
        recode(np.array([[value]]), (given,), (ENERGY,))


@pytest.mark.parametrize("value", [2.0, 3.5])
def test_recode_refuses_numbers_that_are_no_category(value):
    with pytest.raises(OptionError, match=f"label has no category '{value:g}'"):
        recode(np.array([[value]]), (Column("label"),), (LABEL,))


def test_recode_refuses_a_category_the_run_never_saw():
    given = (Column("particle", categories=("electron", "proton")),)
    np.testing.assert_array_equal(recode(np.array([[0.0]]), given, (PARTICLE,)), [[0]])
    with pytest.raises(OptionError, match="particle has no category 'proton'"):
        recode(np.array([[0.0], [1.0]]), given, (PARTICLE,))


def write_csv(path, text):
    path.write_text(text)
    return path


def test_conditions_from_a_table(tmp_path):
    path = write_csv(
        tmp_path / "c.csv",
        "energy,particle,label,note\n10,photon,7,1\n20,electron,1,1\n30,photon,7,1\n",
    )
    np.testing.assert_array_equal(
        read_conditions(path, COLUMNS), [[2, 10, 1], [0, 20, 0], [2, 30, 1]]
    )


def test_a_table_must_have_every_column_and_finite_numbers(tmp_path):
    path = write_csv(tmp_path / "c.csv", "energy,label\n1.5,7\n2.5,1\n")
    with pytest.raises(DataError, match="conditional on 'particle'"):
        read_conditions(path, COLUMNS)
    path = write_csv(tmp_path / "n.csv", "energy,label\n1.5,7\nnan,1\n")
    with pytest.raises(OptionError, match="energy must be a finite number"):
        read_conditions(path, (ENERGY, LABEL))


ARRAYS = {
    "numbers": (np.array([[1.5], [2.5]]), (ENERGY,), [[1.5], [2.5]]),
    "a plain list": (np.array([1.5, 2.5], np.float32), (ENERGY,), [[1.5], [2.5]]),
    "whole numbers": (np.array([[10], [20]]), (ENERGY,), [[10], [20]]),
    "labels": (np.array([7, 1, 3], np.uint8), (LABEL,), [[2], [0], [1]]),
    "labels and numbers": (np.array([[7.0, 0.5], [1.0, 9.0]]), (LABEL, ENERGY), [[2, 0.5], [0, 9]]),
    "text": (np.array(["photon", "electron"]), (PARTICLE,), [[1], [0]]),
    "bytes": (np.array([b"photon", b"electron"]), (PARTICLE,), [[1], [0]]),
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
def test_conditions_from_an_array(tmp_path, case):
    values, wanted, expected = ARRAYS[case]
    np.save(tmp_path / "c.npy", values)
    found = read_conditions(tmp_path / "c.npy", wanted)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 2)), "has 2 columns; give energy"),
        (np.array([1.0, np.nan]), "energy must be a finite number"),
        (np.array(["low"]), "energy is a number; 'low' is not"),
        (np.array([1j]), "must hold numbers or text"),
    ],
)
def test_arrays_that_are_no_conditions(tmp_path, values, message):
    np.save(tmp_path / "c.npy", values)
    with pytest.raises((DataError, OptionError), match=message):
        read_conditions(tmp_path / "c.npy", (ENERGY,))


def test_labels_the_run_never_saw_are_refused(tmp_path):
    np.save(tmp_path / "c.npy", np.array([3, 5]))
    with pytest.raises(OptionError, match=r"label has no category '5'\. Known: 1, 3, 7"):
        read_conditions(tmp_path / "c.npy", (LABEL,))


def test_a_run_without_conditions_takes_none(tmp_path):
    with pytest.raises(OptionError, match="not conditional"):
        read_conditions(tmp_path / "c.npy", ())
