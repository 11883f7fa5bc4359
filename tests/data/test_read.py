"""Reading files of every format, and the sentences for those that cannot be read."""

import gzip
import io
import struct
import zipfile
from contextlib import suppress

import h5py
import numpy as np
import pytest

from ansatz.data.dataset import Column, Dataset
from ansatz.data.options import DataOptions
from ansatz.data.read import read
from ansatz.protocol.errors import DataError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(7, 3)).astype(np.float32)
IMAGES = RANDOM.integers(0, 256, (6, 4, 5)).astype(np.uint8)
LABELS = np.array([3, 1, 3, 7, 1, 10], np.uint8)
ENERGY = np.linspace(1, 2, 6)

IDX_CODES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx_bytes(values, code):
    head = bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(IDX_CODES[code]).tobytes()


def npy_bytes(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def npz_bytes(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def write_hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file[key.replace("__", "/")] = values
    return path


# Formats of one array: the suffix says nothing, so none of these has one.
SINGLE = {
    "npy": npy_bytes(X),
    "npy, Fortran order": npy_bytes(np.asfortranarray(X)),
    "npy, big-endian": npy_bytes(X.astype(">f4")),
    "npy.gz": gzip.compress(npy_bytes(X)),
    "npz": npz_bytes(anything=X),
    "npz with labels": npz_bytes(X=X, labels=np.arange(7)),
    "npz with text and a scalar": npz_bytes(x=X, names=np.array(["a"] * 7), version=np.array(3)),
    "idx": idx_bytes(X, 0x0D),
    "idx.gz": gzip.compress(idx_bytes(X, 0x0D)),
}


@pytest.mark.parametrize("form", SINGLE)
def test_one_array(tmp_path, form):
    path = tmp_path / "file"
    path.write_bytes(SINGLE[form])
    dataset = read(path)
    assert np.array_equal(dataset.events, X)
    assert dataset.events.dtype == np.float32
    assert dataset.events.dtype.isnative
    assert dataset.conditions is None
    assert dataset.name == "file"


@pytest.mark.parametrize("code", IDX_CODES)
def test_idx_types(tmp_path, code):
    values = np.arange(24).reshape(4, 3, 2) - (0 if code == 0x08 else 12)
    path = tmp_path / "file"
    path.write_bytes(idx_bytes(values, code))
    events = read(path).events
    assert np.array_equal(events, values)
    assert events.dtype.isnative
    assert events.dtype.itemsize == np.dtype(IDX_CODES[code]).itemsize


def test_hdf5(tmp_path):
    assert np.array_equal(read(write_hdf5(tmp_path / "one", a__b=IMAGES)).events, IMAGES)
    path = write_hdf5(
        tmp_path / "many",
        showers=IMAGES,
        incident__energy=ENERGY[:, None],
        label=LABELS.astype(int),
        kind=["b", "a", "b", "a", "a", "a"],
        w=-ENERGY,
    )
    options = DataOptions(("showers",), ("incident/energy", "kind", "label"), "w")
    dataset = read(path, options)
    assert np.array_equal(dataset.events, IMAGES)
    assert np.array_equal(
        dataset.conditions, np.stack([ENERGY, [1, 0, 1, 0, 0, 0], [1, 0, 1, 2, 0, 3]], 1)
    )
    assert dataset.condition_columns == (
        Column("incident/energy"),
        Column("kind", "", ("a", "b")),
        Column("label", "", ("1", "3", "7", "10")),
    )
    assert np.array_equal(dataset.weights, -ENERGY)
    # What is left when the others are used or dropped is the array of events.
    rest = DataOptions((), ("incident/energy",), "w", ("label",))
    assert np.array_equal(read(path, rest).events, IMAGES)


def test_members_of_structured_arrays(tmp_path):
    values = np.zeros(4, [("pt", "f4"), ("charge", "i2"), ("eta", "f8")])
    values["pt"], values["charge"], values["eta"] = [1, 2, 3, 4], [1, -1, -1, 1], 0.5
    path = write_hdf5(tmp_path / "jets.h5", jets=values, other=np.zeros((9, 2)))
    dataset = read(path, DataOptions(("jets/eta", "jets/pt"), ("jets/charge",)))
    assert np.array_equal(dataset.events, np.stack([values["eta"], values["pt"]], 1))
    assert dataset.event_columns == (Column("jets/eta"), Column("jets/pt"))
    assert np.array_equal(dataset.conditions[:, 0], [1, 0, 0, 1])
    np.save(tmp_path / "jets.npy", values)
    table = read(tmp_path / "jets.npy", DataOptions(drop=("eta",)))
    assert table.event_columns == (Column("pt"), Column("charge"))
    assert np.array_equal(table.events, np.stack([values["pt"], values["charge"]], 1))


def test_conditions(tmp_path):
    path = tmp_path / "file.npz"
    pairs = RANDOM.normal(size=(6, 2))
    many = np.arange(300)
    np.savez(path, events=IMAGES, flag=LABELS > 3, pairs=pairs, b=np.array([b"z", b"y"] * 3))
    dataset = read(path, DataOptions(conditions=("b", "pairs", "flag")))
    assert np.array_equal(dataset.conditions[:, 0], [1, 0] * 3)
    assert np.array_equal(dataset.conditions[:, 1:3], pairs)
    assert np.array_equal(dataset.conditions[:, 3], LABELS > 3)
    assert [c.name for c in dataset.condition_columns] == ["b", "pairs0", "pairs1", "flag"]
    assert [c.categories for c in dataset.condition_columns] == [("y", "z"), (), (), ("0", "1")]
    # More whole numbers than categories allow are numbers.
    np.savez(path, events=many[:, None], c=many)
    assert read(path, DataOptions(conditions=("c",))).condition_columns == (Column("c"),)
    np.savez(path, events=many[:256, None], c=many[:256])
    categories = read(path, DataOptions(conditions=("c",))).condition_columns[0].categories
    assert categories == tuple(map(str, range(256)))


def test_folder_of_images(tmp_path):
    test_images = IMAGES[:2] // 2
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(IMAGES, 8)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS, 8))
    dataset = read(tmp_path)
    assert dataset.parts is None
    assert np.array_equal(dataset.events, IMAGES)
    # A plain copy beside the compressed one is the same set, and wins.
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES, 8))
    (tmp_path / "t10k-images.idx3-ubyte").write_bytes(idx_bytes(test_images, 8))
    (tmp_path / "t10k-labels.idx1-ubyte").write_bytes(idx_bytes(np.array([0, 3]), 8))
    (tmp_path / "notes-on-images.txt").write_text("nothing")
    dataset = read(tmp_path, DataOptions(conditions=("label",)))
    assert np.array_equal(dataset.events, np.concatenate([IMAGES, test_images]))
    assert dataset.parts.tolist() == [0] * 6 + [2] * 2
    assert dataset.condition_columns == (Column("label", "", ("0", "1", "3", "7", "10")),)
    assert dataset.conditions[:, 0].tolist() == [2, 1, 2, 3, 1, 4, 0, 2]
    assert read(tmp_path).conditions is None
    (tmp_path / "other-test-images-idx3-ubyte").write_bytes(idx_bytes(test_images, 8))
    with pytest.raises(DataError, match="two sets of test images"):
        read(tmp_path)


def test_images_and_labels_must_match(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES, 8))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS[:5], 8))
    with pytest.raises(DataError, match=r"6 images but .*labels.* shape \(5,\)"):
        read(tmp_path)


def test_arrays():
    assert read(X).events is X
    dataset = read((IMAGES, LABELS))
    assert dataset.condition_columns == (Column("condition", "", ("1", "3", "7", "10")),)
    dataset = read((IMAGES, np.stack([ENERGY, LABELS], 1)))
    assert [c.name for c in dataset.condition_columns] == ["condition0", "condition1"]
    assert read(dataset) is dataset
    # Events that are single numbers are a table of one column.
    assert np.array_equal(read(ENERGY).events, ENERGY[:, None])
    assert read(ENERGY.astype(np.longdouble)).events.dtype == np.float64


@pytest.mark.parametrize("name", ["digits", "moons", "rings", "grid"])
def test_catalogue(name):
    label = "label" if name == "digits" else "component"
    plain, labelled = read(name), read(name, DataOptions(conditions=(label,)))
    assert plain.conditions is None
    assert plain.name == name
    assert np.array_equal(plain.events, labelled.events)
    (column,) = labelled.condition_columns
    assert len(column.categories) == {"digits": 10, "moons": 2, "rings": 3, "grid": 25}[name]
    if name == "digits":
        assert plain.events.shape == (1797, 8, 8)
        assert plain.events.dtype == np.uint8
        assert plain.events.max() == 16
    else:
        assert plain.events.shape == (10_000, 2)
        assert plain.events.dtype == np.float32
        assert plain.event_columns == (Column("x"), Column("y"))


def test_a_file_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moons").write_bytes(npy_bytes(X))
    assert np.array_equal(read("moons").events, X)


def test_not_finite(tmp_path):
    x = RANDOM.normal(size=(300_000, 8))
    x[290_000, 3], x[299_999, 5], x[299_999, 6] = np.inf, np.nan, np.nan
    with pytest.raises(DataError, match=r"array: the events of 2 of 300000 .* at index 290000"):
        read(x)
    with pytest.raises(DataError, match=r"the conditions of 1 of 3 events .* column 'condition1'"):
        read((X[:3], np.array([[0, 1], [0, np.nan], [0, 1]])))
    np.savez(tmp_path / "w.npz", x=X, w=np.full(7, -np.inf))
    with pytest.raises(DataError, match=r"w.npz: the weights of 7 of 7 events"):
        read(tmp_path / "w.npz", DataOptions(weights="w"))


OBJECTS = np.array([{}, 1], dtype=object)
HDF5 = b"\x89HDF\r\n\x1a\n"

# What a file holds, and what its error says.
DAMAGED = {
    "empty": (b"", "file is empty"),
    "empty gzip": (gzip.compress(b""), "file is empty"),
    "cut npy header": (npy_bytes(X)[:20], "not a sound npy file"),
    "cut npy": (npy_bytes(X)[:-5], "not a sound npy file"),
    "cut npy.gz": (gzip.compress(npy_bytes(X))[:-20], "not a sound (npy|gzip) file"),
    "cut npz": (npz_bytes(x=X)[:-60], "not a sound npz file"),
    "empty zip": (b"PK\5\6" + bytes(18), "zip archive without NumPy arrays"),
    "spoilt npz": (npz_bytes(x=X).replace(X.tobytes(), bytes(X.nbytes)), "not a sound npz file"),
    "cut idx": (idx_bytes(IMAGES, 8)[:-1], "cut short: 119 bytes where"),
    "cut idx header": (idx_bytes(IMAGES, 8)[:9], "ends inside its header"),
    "long idx": (idx_bytes(IMAGES, 8) + b"1", "longer than it says"),
    "cut idx.gz": (gzip.compress(idx_bytes(IMAGES, 8))[:-9], "not a sound"),
    "cut gzip text": (gzip.compress(RANDOM.bytes(99).hex().encode())[:-9], "not a sound gzip"),
    "HDF5 magic": (HDF5, "not a sound HDF5 file"),
    "binary": (b"\x80\x04\x95" + bytes(range(256)), "has no format that can be read"),
    "parquet": (b"PAR1" + bytes(99), "Accepted are npy, npz, HDF5, idx"),
    "late bytes": (b"1,2\n" * 2000 + b"\xff\xfe,2\n", "not a sound text file"),
    "objects": (npy_bytes(OBJECTS), "Python objects, which are never unpickled"),
    "objects in npz": (npz_bytes(x=OBJECTS), "Python objects, which are never unpickled"),
    "text": (npy_bytes(np.array(["a", "b"])), "'events' of .*file holds text"),
    "complex": (npy_bytes(np.array([1j])), "complex numbers"),
    "dates": (npy_bytes(np.array(["2020"], "M8[D]")), "values of type datetime64"),
    "scalar": (npy_bytes(np.array(1.0)), "a single value"),
    "no events": (npy_bytes(X[:0]), "holds no events"),
    "several": (npz_bytes(a=X, b=IMAGES), r"a \(7, 3\) float32; b \(6, 4, 5\) uint8"),
    "two usual": (npz_bytes(x=X, events=X), "say which are the events with --events KEY"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged(tmp_path, case):
    data, said = DAMAGED[case]
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        read(path)
    assert "file" in str(caught.value)


def test_cut_hdf5(tmp_path):
    path = write_hdf5(tmp_path / "file.h5", x=np.zeros(10_000))
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DataError, match=r"file.h5 is not a sound HDF5 file.*truncated"):
        read(path)


# Options for a file of events, x, label, kind and long, and what the error says.
WRONG = {
    "unknown event": (DataOptions(("evnts",)), r"no key 'evnts'. Did you mean 'events'\? It has"),
    "unknown condition": (DataOptions(conditions=("zzz",)), "Known: events, x, label, kind, long"),
    "event and condition": (DataOptions(("x",), ("x",)), "in both --events and --conditions"),
    "named twice": (DataOptions(("x", "x")), "twice in --events"),
    "weights dropped": (DataOptions((), (), "x", ("x",)), "in both --weights and --drop"),
    "nothing left": (DataOptions(drop=("events", "x", "label", "kind", "long")), "nothing left"),
    "text events": (DataOptions(("kind",)), "'kind' of .*file.npz holds text"),
    "matrix beside column": (DataOptions(("x", "events")), "each must be one number per event"),
    "columns differ": (DataOptions(("x", "long")), "'long' has 9 values but 'x' has 6"),
    "short condition": (DataOptions(("events",), ("long",)), "6 events but 9 values of 'long'"),
    "image condition": (DataOptions(("x",), ("events",)), "cannot be a condition"),
    "text weights": (DataOptions(("events",), (), "kind"), "must be one number for each"),
    "long weights": (DataOptions(("events",), (), "long"), "each of the 6 events"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options(tmp_path, case):
    options, said = WRONG[case]
    path = tmp_path / "file.npz"
    np.savez(
        path, events=IMAGES, x=ENERGY, label=LABELS, kind=np.array(["a"] * 6), long=np.zeros(9)
    )
    with pytest.raises(DataError, match=said):
        read(path, options)


def test_wrong_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "showers.h5").touch()
    for source, said in [
        ("shower.h5", "Did you mean showers.h5"),
        ("digit", "Did you mean digits"),
        ("qqqq", "no data of that name. Data by name: digits, moons, rings, grid"),
        (tmp_path / "shower.h5", f"Did you mean {tmp_path / 'showers.h5'}"),
        (tmp_path / "qqqq", "Look into"),
        ("no/such/file", "no folder no/such"),
        (".", "has no idx files of images"),
        ([1, 2], "Data cannot be a list"),
        ((X,), "it has 1 items"),
        ((X, LABELS), "7 events but 6 values of 'condition'"),
    ]:
        with pytest.raises(DataError) as caught:
            read(source)
        assert said in str(caught.value)


def test_damage_never_gives_a_traceback(tmp_path):
    """Bytes changed and cut at random places are read or refused, never anything else."""
    hdf5 = write_hdf5(tmp_path / "h5", x=X, label=np.arange(7)).read_bytes()
    path = tmp_path / "file"
    random = np.random.default_rng(1)
    for data in [*SINGLE.values(), hdf5, b"a,b\n1,2\n3,4\n", gzip.compress(b"a b\n1 2\n")]:
        for _ in range(25):
            spoilt = bytearray(data[: random.integers(1, len(data) + 1)])
            for place in random.integers(0, len(spoilt), 3):
                spoilt[place] = random.integers(256)
            path.write_bytes(spoilt)
            with suppress(DataError):
                assert isinstance(read(path), Dataset)


def test_zip_that_is_no_npz(tmp_path):
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sheet.xml", "<a/>")
    with pytest.raises(DataError, match=r"book.xlsx is a zip archive without NumPy arrays"):
        read(path)
