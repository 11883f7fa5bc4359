"""Damaged files are found, passed over and named; none is ever loaded."""

import shutil
import struct
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from tiny import content, start

import ansatz
from ansatz.protocol.errors import RunError
from ansatz.runs.arrays import load_arrays, save_arrays
from ansatz.runs.checkpoints import Checkpoints, last_good


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def flip(path, byte, bit=3):
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << bit
    path.write_bytes(content)


def header_length(path):
    return struct.unpack("<Q", path.read_bytes()[:8])[0]


DAMAGE = {
    "truncated": cut,
    "empty": empty,
    "length": lambda path: flip(path, 1),
    "metadata": lambda path: flip(path, path.read_bytes().index(b"sha256") + 12),
    "values": lambda path: flip(path, path.read_bytes().index(b"best_epoch") + 4),
    "names": lambda path: flip(path, path.read_bytes().index(b"encoder") + 2),
    "first number": lambda path: flip(path, 8 + header_length(path)),
    "middle": lambda path: flip(path, (8 + header_length(path) + path.stat().st_size) // 2),
    "last bit": lambda path: flip(path, -1, 7),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "something else": lambda path: path.write_bytes(b"not what it says it is, and not short"),
}


def checkpoints(run):
    return sorted((run / "checkpoints").iterdir())


def test_two_are_kept(stopped, tmp_path, array, eager):
    assert [path.name for path in checkpoints(stopped)] == [
        "step-000000000010.safetensors",
        "step-000000000020.safetensors",
    ]
    start(array, tmp_path / "run")
    assert [path.stem for path in checkpoints(tmp_path / "run")] == [
        "step-000000000030",
        "step-000000000040",
    ]


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_one_before_counts(stopped, damage):
    older, newer = checkpoints(stopped)
    DAMAGE[damage](newer)
    with pytest.warns(RuntimeWarning) as caught:
        ((path, arrays, values),) = last_good([Checkpoints(stopped / "checkpoints")])
    assert path == older
    assert values["step"] == 10
    message = str(caught[0].message)
    assert str(newer) in message
    assert f"Going back to {older.name}" in message
    expected, _ = load_arrays(older)
    assert arrays.keys() == expected.keys()


@pytest.mark.parametrize("damage", ["middle", "truncated"])
def test_a_fit_goes_on_from_the_one_before_to_the_same_bits(stopped, plain_run, damage):
    DAMAGE[damage](checkpoints(stopped)[-1])
    with pytest.warns(RuntimeWarning, match="Going back to step-000000000010"):
        ansatz.resume(stopped, quiet=True)
    assert content(stopped) == content(plain_run)


def test_a_deleted_one_is_not_missed(stopped, plain_run):
    checkpoints(stopped)[-1].unlink()
    ansatz.resume(stopped, quiet=True)
    assert content(stopped) == content(plain_run)


def test_without_any_good_one_it_says_so(stopped):
    for path in checkpoints(stopped):
        flip(path, -1)
    with pytest.raises(RunError, match="No other checkpoint is left") as refused:
        ansatz.resume(stopped, quiet=True)
    assert all(str(path) in str(refused.value) for path in checkpoints(stopped))
    with pytest.raises(RunError, match="fit again from the start"):
        ansatz.load(stopped)


# A model file has no score among its values.
@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "values"])
def test_a_damaged_model_is_refused(plain, damage):
    model = plain / "model.safetensors"
    DAMAGE[damage](model)
    with pytest.raises(RunError, match="damaged") as refused:
        ansatz.load(plain)
    assert str(model) in str(refused.value)
    assert f"ansatz fit --resume {plain}" in str(refused.value)


def test_a_damaged_model_is_made_again(plain, plain_run):
    flip(plain / "model.safetensors", -1)
    ansatz.resume(plain, quiet=True)
    assert content(plain) == content(plain_run)


def test_half_written_files_are_ignored_and_then_removed(stopped, plain_run):
    half = stopped / "checkpoints" / ".step-000000000030.safetensors.part"
    half.write_bytes(b"half a checkpoint")
    other = stopped / ".recipe.toml.part"
    other.write_bytes(b"half a recipe")
    assert not ansatz.load(stopped).finished
    ansatz.resume(stopped, quiet=True)
    assert content(stopped) == content(plain_run)
    assert not half.exists()
    assert not other.exists()


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    path = tmp_path / "step.safetensors"
    rng = np.random.default_rng(0)
    tree = {
        "weights": jnp.asarray(rng.normal(size=(7, 5)), "float32"),
        "count": jnp.asarray([3, 4], "int32"),
        "mask": jnp.asarray([True, False]),
    }
    values = {"step": 12, "best_score": 0.1, "sums": {"loss": 1e-7, "kl": 3.0}}
    save_arrays(path, tree, values)
    whole = path.read_bytes()
    saved, back = load_arrays(path)
    assert back == values
    np.testing.assert_array_equal(saved["weights"], tree["weights"])
    header = 8 * (8 + header_length(path))
    places = {*range(64), *rng.integers(0, header, 150), *rng.integers(0, 8 * len(whole), 100)}
    found = 0
    for place in sorted(int(place) for place in places):
        flip_at = bytearray(whole)
        flip_at[place // 8] ^= 1 << place % 8
        path.write_bytes(flip_at)
        try:
            arrays, read = load_arrays(path)
        except RunError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            found += 1
            continue
        # A flip may leave the meaning alone, as that of the case of an exponent's e does.
        assert read == values
        assert arrays.keys() == saved.keys()
        for name, array in arrays.items():
            assert array.dtype == saved[name].dtype
            np.testing.assert_array_equal(array, saved[name])
    assert found >= 0.99 * len(places)


def test_the_same_content_is_the_same_file(tmp_path):
    tree = {"b": jnp.ones(3), "a": jnp.zeros((2, 2))}
    save_arrays(tmp_path / "one", tree, {"step": 1})
    save_arrays(tmp_path / "two", dict(reversed(tree.items())), {"step": 1})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_intact_files_raise_no_warning(stopped):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ((path, _, _),) = last_good([Checkpoints(stopped / "checkpoints")])
    assert path == checkpoints(stopped)[-1]


def test_a_checkpoint_of_another_model_is_refused(stopped, pca_run):
    for path in checkpoints(stopped):
        path.unlink()
    shutil.copy(checkpoints(pca_run)[-1], stopped / "checkpoints")
    with pytest.raises(RunError, match="saved by another model"):
        ansatz.load(stopped)
