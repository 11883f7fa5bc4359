"""The description of sources, damaged and undecided ones included."""

import json

import numpy as np
import pytest

from ansatz.data import contents
from ansatz.data.catalogue import CATALOGUE
from ansatz.data.describe import describe
from ansatz.data.options import DataOptions
from ansatz.data.read import read
from ansatz.protocol.errors import DataError

RANDOM = np.random.default_rng(0)
BITS = RANDOM.integers(0, 2, (50, 6, 6))
GREY = RANDOM.integers(0, 256, (400, 6, 6)).astype(np.uint8)

GUESSES = {
    "binary images 6 x 6": BITS.astype(np.float32),
    "spins ±1 on a 6 x 6 lattice": 2 * BITS - 1,
    "spins ±1, each event a row of 6": 2 * BITS[:, 0] - 1,
    "zeros and ones, each event a row of 6": BITS[:, 0] > 0,
    "zeros and ones, each event an array of 6 x 6 x 6 x 6": np.broadcast_to(
        BITS[:, :, :, None, None], (50, 6, 6, 6, 6)
    ),
    "grey images 6 x 6 with 256 levels": GREY,
    "grey images 6 x 6 of real numbers": RANDOM.normal(size=(50, 6, 6)),
    "colour images 3 x 6 x 6 with 2 levels": 3
    * BITS.reshape(-1, 2, 6, 3).repeat(9, 1).reshape(50, 3, 6, -1)[..., :6],
    "counts, each event a row of 3": RANDOM.poisson(3, (50, 3)),
    "table of 3 numbers": RANDOM.normal(size=(50, 3)),
    "arrays of 5 x 6 x 7 numbers": RANDOM.normal(size=(50, 5, 6, 7)),
}


@pytest.mark.parametrize("guess", GUESSES)
def test_guess(guess):
    described = describe(GUESSES[guess])
    assert described.guess == guess
    assert described.suggestion == "ansatz fit vae array"


def test_statistics_by_blocks(monkeypatch):
    monkeypatch.setattr(contents, "BLOCK_BYTES", 1000)
    values = RANDOM.normal(3, 2, (999, 4))
    values[5, 1], values[800, 0], values[801] = np.nan, -np.inf, np.nan
    finite = values[np.isfinite(values)]
    events = describe(values).events
    assert (events.shape, events.dtype, events.nan, events.infinite) == ((999, 4), "float64", 5, 1)
    assert (events.minimum, events.maximum) == (finite.min(), finite.max())
    assert events.mean == pytest.approx(finite.mean(), rel=1e-12)
    assert events.deviation == pytest.approx(finite.std(), rel=1e-12)
    assert events.distinct is None
    assert describe(np.full((3, 2), np.nan)).events.mean is None
    assert describe(RANDOM.integers(-9, 9, (999, 4))).events.distinct == 18


def test_table(tmp_path):
    path = tmp_path / "my table.csv"
    path.write_text("e [MeV],bad,class,other\n1,,b,u\n2.5,3,a,v\n4,inf,b,u\n")
    described = describe(path)
    energy, bad, kind, _ = described.columns
    assert (energy.name, energy.unit, energy.kind) == ("e", "MeV", "numeric")
    assert (energy.minimum, energy.maximum, energy.mean) == (1, 4, 2.5)
    assert (bad.nan, bad.infinite, bad.minimum) == (1, 1, 3)
    assert (kind.kind, kind.categories, kind.distinct) == ("categorical", ("a", "b"), 2)
    assert described.events.shape == (3, 2)
    assert described.keys == ()
    assert described.suggestion == (f"ansatz fit vae '{path}' --conditions class --drop bad other")
    # What is suggested can be read.
    read(path, DataOptions(conditions=("class",), drop=("bad", "other")))
    chosen = describe(path, DataOptions(("e",), ("other",)))
    assert chosen.suggestion == f"ansatz fit vae '{path}' --events e --conditions other"
    plain = json.loads(json.dumps(described.to_dict(), allow_nan=False))
    assert plain["columns"][0]["unit"] == "MeV"
    assert plain["events"]["shape"] == [3, 2]
    with pytest.raises(DataError, match="no column 'x'"):
        describe(path, DataOptions(("x",)))


def test_keys(tmp_path):
    path = tmp_path / "many.npz"
    arrays = {"a": GREY, "b": RANDOM.normal(size=(400, 2)), "z": np.array([1j])}
    np.savez(path, **arrays, words=np.array(["u", "v"] * 200), odd=np.array([{}], dtype=object))
    described = describe(path)
    assert described.events is None
    assert described.columns == ()
    assert [(key.name, key.shape, key.kind) for key in described.keys] == [
        ("a", (400, 6, 6), "numeric"),
        ("b", (400, 2), "numeric"),
        ("z", (1,), "other"),
        ("words", (400,), "categorical"),
        ("odd", (1,), "other"),
    ]
    assert described.suggestion == f"ansatz data info {path} --events a"
    chosen = describe(path, DataOptions(("b",)))
    assert chosen.suggestion == f"ansatz fit vae {path} --events b --conditions words"
    json.dumps(described.to_dict(), allow_nan=False)


def test_nothing_to_learn(tmp_path):
    (tmp_path / "words").write_text("a,b\nc,d\n")
    described = describe(tmp_path / "words")
    assert described.events is None
    assert described.suggestion == ""
    assert described.guess.startswith("nothing that can be learned")


def test_a_dataset():
    digits = read("digits", DataOptions(conditions=("label",)))
    described = describe(digits)
    assert described.guess == "grey images 8 x 8 with 17 levels"
    assert described.keys[1].categories == tuple("0123456789")
    moons = describe(read("moons"))
    assert [column.name for column in moons.columns] == ["x", "y"]


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue(name):
    described = describe(name)
    assert CATALOGUE[name].shape == " x ".join(map(str, described.events.shape))
    label = "label" if name == "digits" else "component"
    assert described.suggestion.endswith(f"{name} --conditions {label}")
