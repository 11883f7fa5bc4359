"""Files larger than the buffer: streamed where that can be, else loaded or refused."""

import gzip
import hashlib
import io
import zlib

import h5py
import numpy as np
import pytest

from ansatz.data.dataset import Column
from ansatz.data.describe import describe
from ansatz.data.fingerprint import fingerprint
from ansatz.data.options import DataOptions
from ansatz.data.read import read
from ansatz.data.stored import Stored
from ansatz.protocol.errors import DataError, OptionError

RANDOM = np.random.default_rng(0)
N = 40_000
X = RANDOM.normal(size=(N, 8)).astype(np.float32)
"""1.2 MiB."""
LABEL = np.arange(N) % 7
COUNTS = LABEL.repeat(4).reshape(-1, 2)
WEIGHT = RANDOM.uniform(size=N)
RECORDS = np.zeros(
    N, [("pt", "f8"), ("hits", "i2"), ("p", "f4", 3), ("eta", ">f4"), ("name", "S9")]
)
RECORDS["pt"], RECORDS["eta"], RECORDS["hits"] = X[:, 0], X[:, 1], LABEL
RECORDS["p"], RECORDS["name"] = X[:, 2:5], b"a name"
PT_ETA = np.stack([X[:, 0].astype(float), X[:, 1].astype(float)], 1)


def npy(values):
    def write(path):
        with path.open("wb") as file:
            np.save(file, values)

    return write


def hdf5(**arrays):
    def write(path):
        with h5py.File(path, "w") as file:
            for key, values in arrays.items():
                packed = {"chunks": (1000, *values.shape[1:]), "compression": "gzip"}
                name = key.replace("__", "/")
                file.create_dataset(name, data=values, **packed if key.startswith("z") else {})

    return write


# How the file is written, the options, the events, and the names of their columns.
FORMS = {
    "npy": (npy(X), {}, X, ()),
    "npy, big-endian": (npy(X.astype(">f4")), {}, X, ()),
    "npy, long double": (npy(X[:, :4].astype(np.longdouble)), {}, X[:, :4].astype(float), ()),
    "npy, whole numbers": (npy(COUNTS), {}, COUNTS, ()),
    "npy, one number an event": (npy(WEIGHT.repeat(4)), {}, WEIGHT.repeat(4)[:, None], ()),
    "npy, records": (
        npy(RECORDS.repeat(3)),
        {"events": ("pt", "eta")},
        PT_ETA.repeat(3, 0),
        ("pt", "eta"),
    ),
    "HDF5": (hdf5(x=X), {}, X, ()),
    "HDF5, gzip": (hdf5(z=X), {}, X, ()),
    "HDF5, images": (hdf5(z=X.reshape(-1, 4, 2)), {}, X.reshape(-1, 4, 2), ()),
    "HDF5, one number an event": (hdf5(z=WEIGHT.repeat(4)), {}, WEIGHT.repeat(4)[:, None], ()),
    "HDF5, columns": (
        hdf5(jets__eta=X[:, 1], z_pt=WEIGHT, jets__n=LABEL, jets__m=X[:, 3]),
        {"events": ("z_pt", "jets/n", "jets/m", "jets/eta")},
        np.stack([WEIGHT, LABEL, X[:, 3], X[:, 1]], 1),
        ("z_pt", "jets/n", "jets/m", "jets/eta"),
    ),
    "HDF5, whole columns": (
        hdf5(a=LABEL.repeat(2), z=LABEL.repeat(2) + 1),
        {"events": ("z", "a")},
        np.stack([LABEL.repeat(2) + 1, LABEL.repeat(2)], 1).astype(float),
        ("z", "a"),
    ),
    "HDF5, members": (
        hdf5(z=RECORDS),
        {"events": ("z/pt", "z/hits", "z/eta", "w")},
        np.stack([PT_ETA[:, 0], LABEL, PT_ETA[:, 1], WEIGHT], 1),
        ("z/pt", "z/hits", "z/eta", "w"),
    ),
    "HDF5, arrays in a member": (
        hdf5(z=RECORDS.repeat(3)),
        {"events": ("z/p",)},
        X.repeat(3, 0)[:, 2:5],
        (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_events_are_the_same_streamed_or_in_memory(tmp_path, form):
    write, options, expected, names = FORMS[form]
    path = tmp_path / "events"
    write(path)
    if "w" in options.get("events", ()):
        with h5py.File(path, "a") as file:
            file["w"] = WEIGHT
    assert 1 << 20 < expected.nbytes <= 1 << 21
    streamed = read(path, DataOptions(**options, buffer=1))
    held = read(path, DataOptions(**options, buffer=2))
    assert isinstance(streamed.events, Stored)
    assert streamed.events.buffer == 1 << 20
    assert isinstance(held.events, np.ndarray)
    for dataset in (streamed, held):
        assert dataset.events.dtype == expected.dtype
        assert dataset.events.dtype.isnative
        assert dataset.events.shape == expected.shape
        assert dataset.shape == expected.shape[1:]
        np.testing.assert_array_equal(dataset.events[:], expected)
        assert tuple(column.name for column in dataset.event_columns) == names
        assert dataset.name == "events"
        assert len(dataset) == len(expected)
    index = RANDOM.permutation(len(expected))[:100]
    taken = streamed.take(index)
    assert isinstance(taken.events, np.ndarray)
    np.testing.assert_array_equal(taken.events, expected[index])


def test_blocks_are_whole_chunks(tmp_path):
    hdf5(z=X, jets__a=WEIGHT.repeat(2), z_b=WEIGHT.repeat(2))(tmp_path / "x.h5")
    # A 64th of a MiB are 512 events of 32 bytes, but a chunk has 1000.
    assert read(tmp_path / "x.h5", DataOptions(("z",), buffer=1)).events.block_rows == 1000
    # Side by side they are 1024 events of 16 bytes, in chunks of 1000 at most.
    columns = DataOptions(("jets/a", "z_b"), buffer=1)
    assert read(tmp_path / "x.h5", columns).events.block_rows == 1000
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.create_dataset("wide", data=X, chunks=(30_000, 1))
    with pytest.raises(
        DataError, match=r"x.h5 is stored in pieces of 30,000 events, .* --buffer 4"
    ):
        read(tmp_path / "x.h5", DataOptions(("wide",), buffer=1))


def test_conditions_and_weights_are_held(tmp_path):
    path = tmp_path / "x.h5"
    hdf5(z=X, label=LABEL, energy=WEIGHT)(path)
    options = DataOptions(("z",), ("label",), "energy", buffer=1)
    dataset = read(path, options)
    assert isinstance(dataset.events, Stored)
    np.testing.assert_array_equal(dataset.conditions[:, 0], LABEL)
    np.testing.assert_array_equal(dataset.weights, WEIGHT)
    taken = dataset.take(np.array([5, 3]))
    np.testing.assert_array_equal(taken.conditions[:, 0], LABEL[[5, 3]])
    np.testing.assert_array_equal(taken.weights, WEIGHT[[5, 3]])


def test_members_that_are_not_events_are_read_in_parts(tmp_path):
    npy(RECORDS)(tmp_path / "x.npy")
    options = DataOptions(("pt", "eta"), ("hits",), buffer=1)
    dataset = read(tmp_path / "x.npy", options)
    np.testing.assert_array_equal(dataset.conditions[:, 0], LABEL)
    text = read(tmp_path / "x.npy", DataOptions(("pt",), ("name",)))
    assert text.condition_columns == (Column("name", "", ("a name",)),)


def gzipped(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return gzip.compress(stream.getvalue(), 1)


def test_what_can_only_be_read_whole_is_loaded(tmp_path):
    path = tmp_path / "events"
    path.write_bytes(gzipped(X))
    assert np.array_equal(read(path, DataOptions(buffer=1)).events, X)
    with path.open("wb") as file:
        np.savez(file, x=X)
    assert isinstance(read(path, DataOptions(buffer=1)).events, np.ndarray)
    # What a user has in Python is taken as it is, a map of a file too.
    npy(X)(path)
    mapped = np.lib.format.open_memmap(path, "r")
    events = read(mapped, DataOptions(buffer=1)).events
    assert np.shares_memory(events, mapped)
    # Columns side by side are loaded too if they cannot be read in parts.
    with path.open("wb") as file:
        np.savez(file, a=X[:, 0].repeat(9), b=X[:, 1].repeat(9))
    assert isinstance(read(path, DataOptions(("b", "a"), buffer=1)).events, np.ndarray)


def test_fortran_order(tmp_path):
    npy(np.asfortranarray(X))(tmp_path / "x.npy")
    assert np.array_equal(read(tmp_path / "x.npy").events, X)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "x.npy", DataOptions(buffer=1))
    for words in ("x.npy keeps its array column after column", "ascontiguousarray", "--buffer 2 "):
        assert words in str(caught.value)
    # A row has no order of columns.
    npy(np.asfortranarray(WEIGHT.repeat(4)[:, None]))(tmp_path / "x.npy")
    assert isinstance(read(tmp_path / "x.npy", DataOptions(buffer=1)).events, Stored)


def test_a_file_that_is_cut_short(tmp_path):
    path = tmp_path / "x.npy"
    npy(X)(path)
    path.write_bytes(path.read_bytes()[:-1])
    said = (
        rf"not a sound npy file: .*{X.nbytes - 1} bytes where shape \(40000, 8\) of float32 needs"
    )
    with pytest.raises(DataError, match=said):
        read(path, DataOptions(buffer=1))
    hdf5(z=X)(path)
    with h5py.File(path) as file:
        offset = file["z"].id.get_chunk_info(20).byte_offset
    spoilt = bytearray(path.read_bytes())
    spoilt[offset + 99 : offset + 120] = bytes(21)
    path.write_bytes(spoilt)
    # Events 20,000 to 20,999 are the 21st of 40 chunks.
    said = (
        r"x.npy is damaged or cut short: events 20,000 to 20,999 \(block 21 of 40\) cannot be read"
    )
    with pytest.raises(DataError, match=said):
        read(path, DataOptions(buffer=1))


def test_numbers_that_are_not_finite(tmp_path):
    values = X.copy()
    values[33_333, 5], values[39_999, 0], values[39_999, 1] = np.inf, np.nan, np.nan
    npy(values)(tmp_path / "x.npy")
    for buffer in (1, 2):
        with pytest.raises(DataError, match=r"x.npy: the events of 2 of 40000 .* at index 33333\."):
            read(tmp_path / "x.npy", DataOptions(buffer=buffer))


def test_the_fingerprint_is_that_of_the_checksums(tmp_path):
    path = tmp_path / "x.npy"
    npy(X)(path)
    dataset = read(path, DataOptions(buffer=1))
    # All blocks were read to see that they are finite: no other pass is made.
    path.unlink()
    found = fingerprint(dataset)
    blocks = [X[start : start + 512] for start in range(0, N, 512)]
    sums = np.array([zlib.crc32(block.tobytes()) for block in blocks], np.uint32)
    text = b"((), ())" + b"<f4(40000, 8)" + sums.tobytes() + 3 * b"none"
    assert found == hashlib.blake2b(text, digest_size=16).hexdigest()
    # Whole numbers are finite, and read here for the first time.
    values = RANDOM.integers(0, 256, (N, 50)).astype(np.uint8)
    prints = []
    for place in (None, (0, 0), (N - 1, 49)):
        changed = values.copy()
        if place is not None:
            changed[place] ^= 1
        npy(changed)(path)
        prints += [fingerprint(read(path, DataOptions(buffer=1))) for _ in range(2)]
    assert prints[::2] == prints[1::2]
    assert len(set(prints)) == 3


def test_description(tmp_path):
    path = tmp_path / "x.h5"
    values = X.copy()
    values[39_000, 3], values[5, 5] = np.nan, np.inf
    counts = RANDOM.poisson(3, (N, 30)).astype(np.uint8)
    hdf5(z=values, zz=counts, label=LABEL)(path)
    small, large = (describe(path, DataOptions(("zz",), buffer=buffer)) for buffer in (1, 1024))
    for one, other in zip((small.events, *small.keys), (large.events, *large.keys), strict=True):
        assert (one.name, one.shape, one.dtype) == (other.name, other.shape, other.dtype)
        assert (one.nan, one.infinite, one.distinct) == (other.nan, other.infinite, other.distinct)
        assert (one.minimum, one.maximum) == (other.minimum, other.maximum)
        assert one.mean == pytest.approx(other.mean, rel=1e-12)
        assert one.deviation == pytest.approx(other.deviation, rel=1e-12)
    keys = {key.name: key for key in small.keys}
    assert (keys["z"].nan, keys["z"].infinite) == (1, 1)
    assert small.events.mean == pytest.approx(counts.mean(), rel=1e-12)
    assert small.events.shape == (N, 30)
    assert small.guess == large.guess == "counts, each event a row of 30"
    assert small.suggestion == large.suggestion.replace(" --buffer 1024", "") + " --buffer 1"


def test_description_of_columns_and_of_a_dataset(tmp_path):
    path = tmp_path / "x.npy"
    npy(RECORDS.repeat(2))(path)
    options = DataOptions(("pt", "eta", "hits"), ("name",), buffer=1)
    tables = [describe(path, options), describe(path, DataOptions(drop=("p",)))]
    dataset = read(path, options)
    assert isinstance(dataset.events, Stored)
    tables.append(describe(dataset, DataOptions(buffer=1)))
    tables.append(describe(dataset))
    expected = {"pt": X[:, 0], "eta": X[:, 1], "hits": LABEL}
    for table in tables:
        columns = {column.name: column for column in table.columns}
        for name, values in expected.items():
            assert columns[name].shape == (2 * N,)
            assert columns[name].mean == pytest.approx(values.mean(dtype=float), rel=1e-9)
            assert columns[name].maximum == values.max()
    for table in (tables[0], *tables[2:]):
        assert table.events.shape == (2 * N, 3)
        total = sum(values.mean(dtype=float) for values in expected.values()) / 3
        assert table.events.mean == pytest.approx(total, rel=1e-9)
    assert tables[0].suggestion == (
        f"ansatz fit vae {path} --events pt eta hits --conditions name --buffer 1"
    )
    images = tmp_path / "images.npy"
    npy(X.reshape(N, 4, 2))(images)
    described = describe(read(images, DataOptions(buffer=1)), DataOptions(buffer=1))
    assert described.guess == "grey images 4 x 2 of real numbers"
    assert described.keys[0].mean == pytest.approx(X.mean(dtype=float), rel=1e-9)


def test_options():
    assert DataOptions.of({"buffer": 3, "missing": "nan"}).buffer_bytes == 3 << 20
    assert DataOptions().buffer_bytes == 1 << 30
    with pytest.raises(OptionError, match="buffer must be at least 1 MiB; it is 0"):
        DataOptions(buffer=0)
    with pytest.raises(OptionError, match="'missing' of the data cannot be 'zero'"):
        DataOptions.of({"missing": "zero"})
    # A buffer is no name: what is given as a pair is still events and conditions.
    pair = read((X, LABEL), DataOptions(buffer=7, missing="nan"))
    assert pair.condition_columns[0].name == "condition"
    assert pair.missing
