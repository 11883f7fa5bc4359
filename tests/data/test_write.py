"""Writing batches: what is read back is what was written, and failures leave nothing behind."""

import errno
import os

import h5py
import numpy as np
import pytest

from ansatz.data.dataset import Column
from ansatz.data.read import read
from ansatz.data.write import SUFFIXES, Writer
from ansatz.protocol.errors import DataError

RANDOM = np.random.default_rng(0)


def write(path, values, batch=3, **options):
    with Writer(path, values.shape[1:], values.dtype, **options) as writer:
        for start in range(0, len(values), batch):
            writer.append(values[start : start + batch])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64", "bool"])
@pytest.mark.parametrize("shape", [(3,), (2, 4)])
def test_round_trip(tmp_path, suffix, dtype, shape):
    values = (RANDOM.normal(size=(10, *shape)) * 300).astype(dtype)
    path = tmp_path / "new" / f"x{suffix}"
    write(path, values)
    events = read(path).events
    if suffix == ".csv":
        values = values.reshape(10, -1)
        events = events.astype(dtype)
    else:
        assert events.dtype == values.dtype
    assert np.array_equal(events, values)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_batches(tmp_path, suffix):
    """The number of events, with more digits than at the start, still fits into the header."""
    values = RANDOM.normal(size=(12_345, 2)).astype(np.float32)
    path = tmp_path / f"x{suffix}"
    write(path, values, batch=1000)
    assert np.array_equal(read(path).events.astype(np.float32), values)
    with Writer(path, (2,), np.float32, force=True) as writer:
        writer.append(values[:5])
        writer.append(values[:0])
    assert len(read(path)) == 5


def test_names_and_keys(tmp_path):
    values = np.eye(2)
    write(tmp_path / "a.csv", values, names=("energy [MeV]", "x, y"))
    assert read(tmp_path / "a.csv").event_columns == (Column("energy", "MeV"), Column("x, y"))
    write(tmp_path / "b.csv", values)
    assert (tmp_path / "b.csv").read_text() == "x0,x1\n1,0\n0,1\n"
    write(tmp_path / "a.npz", values, key="codes")
    with np.load(tmp_path / "a.npz") as arrays:
        assert list(arrays) == ["codes"]
    write(tmp_path / "a.h5", values, key="deep/codes")
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["deep/codes"], values)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_existing(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_text("mine")
    with pytest.raises(DataError, match="exists; use --force to replace it or another --out"):
        Writer(path, (2,), float)
    write(path, np.ones((2, 2)), force=True)
    assert read(path).events.tolist() == [[1, 1], [1, 1]]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "x.npy"
    writer = Writer(path, (), float).__enter__()
    writer.append(np.ones(2))
    path.write_text("mine")
    with pytest.raises(DataError, match="exists; use --force"):
        writer.__exit__(None, None, None)
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == ["x.npy"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_failure_leaves_nothing(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_text("old")

    def stop_halfway():
        with Writer(path, (2,), float, force=True) as writer:
            writer.append(np.ones((3, 2)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stop_halfway()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_full_disk(tmp_path, suffix, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / f"x{suffix}"
    with pytest.raises(DataError, match=f"x{suffix} could not be written: the disk is full"):
        write(path, np.ones((3, 2)))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_room(tmp_path, suffix):
    """A real failure in the middle: the system refuses files beyond a size."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / f"x{suffix}"
    values = RANDOM.normal(size=(20_000, 10))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(DataError, match=f"x{suffix} could not be written: the file"):
            write(path, values, batch=1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []
    write(path, values, batch=1000)
    assert np.array_equal(read(path).events, values)


def test_mistakes(tmp_path):
    with pytest.raises(DataError, match=r"must be one of \.npy, \.npz, \.csv, \.h5"):
        Writer(tmp_path / "x.root", (2,), float)
    with pytest.raises(DataError, match="1 names for events of 2 numbers"):
        Writer(tmp_path / "x.csv", (2,), float, names=("a",))
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        Writer(tmp_path / "folder.npy", (2,), float, force=True)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="could not be written"):
        write(tmp_path / "file" / "x.npy", np.ones((1, 2)))
    with (
        pytest.raises(DataError, match=r"events of shape \(3,\) where \(2,\)"),
        Writer(tmp_path / "x.npy", (2,), float) as writer,
    ):
        writer.append(np.ones((1, 3)))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.npy"]
