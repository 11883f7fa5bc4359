"""Files of showers: what is written is read, whoever reads it; bad files are told why."""

import os
import threading

import h5py
import numpy as np
import pytest

from ansatz.calo.geometry import GEOMETRIES, Geometry
from ansatz.calo.showers import ShowerFile
from ansatz.calo.writing import ShowerWriter
from ansatz.protocol.errors import DataError

RANDOM = np.random.default_rng(0)
D1 = GEOMETRIES["dataset1-photons"]
TINY = Geometry("tiny", "electron", ((0.0, 1.0, 3.0), (1.5, 2.0)), (3, 1), (4, 7), 0.5)


def made(geometry, count):
    """Energies and showers of no meaning, many voxels of which are empty."""
    energies = RANDOM.uniform(1e3, 1e4, count)
    showers = RANDOM.exponential(1, (count, geometry.voxels)) * (
        RANDOM.uniform(size=(count, geometry.voxels)) < 0.3
    )
    return energies, (showers / geometry.voxels * energies[:, None]).astype(np.float32)


def write(path, geometry, energies, showers, step=700, **options):
    with ShowerWriter(path, geometry, {"synthetic": True}, **options) as writer:
        for start in range(0, len(showers), step):
            writer.append(energies[start : start + step], showers[start : start + step])


def raw(path, energies, showers, **options):
    """A file as others write it."""
    with h5py.File(path, "w") as file:
        file.create_dataset("incident_energies", data=energies, **options)
        file.create_dataset("showers", data=showers, **options)


@pytest.mark.parametrize("geometry", [D1, GEOMETRIES["dataset2"], TINY], ids=lambda g: g.name)
def test_round_trip(geometry, tmp_path):
    energies, showers = made(geometry, 1500)
    path = tmp_path / "new" / "x.h5"
    write(path, geometry, energies, showers)
    assert os.listdir(path.parent) == ["x.h5"]
    file = ShowerFile(path)
    assert len(file) == 1500
    assert file.geometry.same_voxels(geometry)
    assert file.geometry.name == geometry.name
    assert file.synthetic is True
    assert file.attributes["unit"] == "MeV"
    assert np.array_equal(file.energies, energies)
    for size in (1, 999, 5000) if geometry is TINY else (400,):
        read = list(file.blocks(size))
        assert [len(e) for e, _ in read[:-1]] == [size] * (len(read) - 1)
        assert np.array_equal(np.concatenate([e for e, _ in read]), energies)
        assert np.array_equal(np.concatenate([x for _, x in read]), showers)
    # The official reader: the library alone, with its own filters.
    with h5py.File(path) as plain:
        assert set(plain) == {"incident_energies", "showers"}
        assert plain["incident_energies"].shape == (1500, 1)
        assert plain["showers"].shape == (1500, geometry.voxels)
        assert (plain["showers"].compression, plain["showers"].dtype) == ("gzip", np.float32)
        assert np.array_equal(plain["showers"][:], showers)


def test_the_same_file_however_it_is_cut_into_blocks(tmp_path):
    energies, showers = made(D1, 2000)
    for name, step in (("a", 2000), ("b", 1), ("c", 711)):
        write(tmp_path / f"{name}.h5", D1, energies, showers, step=step)
    contents = {(tmp_path / f"{name}.h5").read_bytes() for name in "abc"}
    assert len(contents) == 1


@pytest.mark.parametrize("options", [{}, {"chunks": True}, {"chunks": True, "compression": "gzip"}])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int32"])
def test_files_of_others(tmp_path, options, dtype):
    energies, showers = made(D1, 50)
    showers = showers.astype(dtype)
    raw(tmp_path / "x.hdf5", energies[:, None], showers, **options)
    file = ShowerFile(tmp_path / "x.hdf5")
    assert file.geometry is D1
    assert file.synthetic is None
    read = np.concatenate([x for _, x in file.blocks(7)])
    assert read.dtype == (np.float64 if dtype == "float64" else np.float32)
    assert np.array_equal(read, showers.astype(read.dtype))
    raw(tmp_path / "flat.hdf5", energies, showers)
    with h5py.File(tmp_path / "flat.hdf5", "a") as plain:
        plain.attrs["synthetic"] = "who knows"
    assert ShowerFile(tmp_path / "flat.hdf5").synthetic is None
    assert np.array_equal(ShowerFile(tmp_path / "flat.hdf5").energies, energies)


def test_every_piece_is_read_once(tmp_path, monkeypatch):
    """Reads begin where pieces do, so that none is unpacked twice."""
    energies, showers = made(D1, 5000)
    write(tmp_path / "x.h5", D1, energies, showers)
    file, read = ShowerFile(tmp_path / "x.h5"), h5py.Dataset.read_direct
    starts = []

    def noted(dataset, out, part):
        starts.append(part.start)
        read(dataset, out, part)

    monkeypatch.setattr(h5py.Dataset, "read_direct", noted)
    assert sum(len(x) for _, x in file.blocks(900)) == 5000
    with h5py.File(tmp_path / "x.h5") as plain:
        piece = plain["showers"].chunks[0]
    assert len(starts) > 2
    assert all(start % piece == 0 for start in starts)


def test_pieces_too_large_to_hold_are_read_in_parts(tmp_path, monkeypatch):
    energies, showers = made(D1, 50)
    raw(tmp_path / "x.h5", energies, showers, chunks=None)
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["incident_energies"] = energies
        file.create_dataset("showers", data=showers, chunks=(50, 4), compression="gzip")
    monkeypatch.setattr("ansatz.calo.showers.LARGEST_UNIT", 1)
    for name in "xy":
        blocks = [x for _, x in ShowerFile(tmp_path / f"{name}.h5").blocks(8)]
        assert [len(x) for x in blocks] == [8] * 6 + [2]
        assert np.array_equal(np.concatenate(blocks), showers)


def test_attributes_come_back(tmp_path):
    energies, showers = made(D1, 3)
    given = {"synthetic": True, "seed": 7, "c": 0.11, "energy": [1.5, 2.0], "of": {"a": "b"}}
    with ShowerWriter(tmp_path / "x.h5", D1, given) as writer:
        writer.append(energies, showers)
    found = ShowerFile(tmp_path / "x.h5").attributes
    assert found | given == found
    assert found["geometry"] == "dataset1-photons"


def bad(tmp_path, energies=None, showers=None, **options):
    good_energies, good_showers = made(D1, 40)
    path = tmp_path / "bad.h5"
    raw(
        path,
        good_energies[:, None] if energies is None else energies,
        good_showers if showers is None else showers,
        **options,
    )
    return path


def test_no_file_or_no_sound_one(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*x\.h5"):
        ShowerFile(tmp_path / "x.h5")
    (tmp_path / "x.h5").write_text("energies")
    with pytest.raises(DataError, match="not a sound HDF5 file"):
        ShowerFile(tmp_path / "x.h5")
    energies, showers = made(D1, 5000)
    write(tmp_path / "y.h5", D1, energies, showers)
    content = (tmp_path / "y.h5").read_bytes()
    (tmp_path / "y.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="damaged or cut short"):
        ShowerFile(tmp_path / "y.h5")
    # A file whose frame is whole and whose showers are not.
    with h5py.File(tmp_path / "z.h5", "w") as file:
        file["incident_energies"] = energies[:, None]
        chunks = (1000, 368)
        found = file.create_dataset("showers", (5000, 368), "f4", chunks=chunks, compression=1)
        found.id.write_direct_chunk((2000, 0), b"no gzip at all")
    blocks = ShowerFile(tmp_path / "z.h5").blocks(1000)
    with pytest.raises(DataError, match="damaged or cut short"):
        list(blocks)


def test_missing_keys(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["energies"], file["showers"] = np.ones(3), np.ones((3, 368))
    with pytest.raises(DataError, match=r"no dataset 'incident_energies'.* holds 'energies', 'sho"):
        ShowerFile(tmp_path / "x.h5")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["incident_energies"] = np.ones(3)
    with pytest.raises(DataError, match="no dataset 'showers'"):
        ShowerFile(tmp_path / "y.h5")
    with h5py.File(tmp_path / "z.h5", "w") as file:
        file["incident_energies"], file["showers"] = np.ones(3), np.full((3, 368), b"x")
    with pytest.raises(DataError, match="'showers' holds no real numbers"):
        ShowerFile(tmp_path / "z.h5")


def test_wrong_shapes(tmp_path):
    with pytest.raises(DataError, match=r"368 voxels, the geometry dataset2 6,480\. dataset1-ph"):
        ShowerFile(bad(tmp_path), GEOMETRIES["dataset2"])
    with pytest.raises(DataError, match=r"as no built-in geometry .*dataset2 6,480.* binning file"):
        ShowerFile(bad(tmp_path, showers=np.ones((40, 7))))
    with pytest.raises(DataError, match="No built-in geometry fits; name its binning file"):
        ShowerFile(bad(tmp_path, showers=np.ones((40, 7))), GEOMETRIES["dataset2"])
    with pytest.raises(DataError, match=r"shape \(40, 16, 23\); it must be \(N, voxels\)"):
        ShowerFile(bad(tmp_path, showers=np.ones((40, 16, 23))))
    with pytest.raises(DataError, match="39 incident energies for 40 showers"):
        ShowerFile(bad(tmp_path, energies=np.full((39, 1), 1e3)))
    empty = {"energies": np.ones((0, 1)), "showers": np.ones((0, 368))}
    with pytest.raises(DataError, match="holds no showers"):
        ShowerFile(bad(tmp_path, **empty))


def test_wrong_numbers(tmp_path):
    energies, showers = made(D1, 40)
    energies[[7, 9]] = np.nan, -1
    with pytest.raises(
        DataError, match=r"2 of 40 incident energies .* first that of shower 7: nan"
    ):
        ShowerFile(bad(tmp_path, energies=energies))
    showers[[5, 33], 4] = -1
    showers[20, 1] = np.nan
    file = ShowerFile(bad(tmp_path, showers=showers))
    message = "2 of 40 showers have negative energies, the first shower 5; 1 of 40 .* NaN .* 20"
    with pytest.raises(DataError, match=message):
        list(file.blocks(15))
    showers[[5, 33], 4] = 0
    with pytest.raises(DataError, match="1 of 40 showers have NaN"):
        list(ShowerFile(bad(tmp_path, showers=showers)).blocks(15))


def test_what_is_odd(tmp_path):
    energies, showers = made(D1, 40)
    with pytest.warns(UserWarning, match=r"median incident energy is .* looks like GeV"):
        ShowerFile(bad(tmp_path, energies=energies / 1000, showers=showers / 1000))
    showers[[11, 30]] *= 20
    file = ShowerFile(bad(tmp_path, energies=energies, showers=showers))
    with pytest.warns(UserWarning, match="2 of 40 showers hold more than 3 times .* shower 11"):
        list(file.blocks(15))
    file = ShowerFile(bad(tmp_path, energies=energies, showers=showers / 1000))
    with pytest.warns(UserWarning, match="looks like showers in GeV"):
        list(file.blocks(15))


def test_a_file_that_changes_is_noticed(tmp_path):
    file = ShowerFile(bad(tmp_path))
    bad(tmp_path, showers=np.ones((40, 533)))
    with pytest.raises(DataError, match="has changed since"):
        list(file.blocks(10))


def test_writing_mistakes(tmp_path):
    energies, showers = made(D1, 3)
    with pytest.raises(DataError, match=r"end in \.h5"):
        ShowerWriter(tmp_path / "x.npy", D1, {})
    with (
        pytest.raises(DataError, match=r"showers of shape \(3, 368\) for 3 energies and 6480"),
        ShowerWriter(tmp_path / "x.h5", GEOMETRIES["dataset2"], {}) as writer,
    ):
        writer.append(energies, showers)
    assert os.listdir(tmp_path) == []
    assert threading.active_count() == 1
    write(tmp_path / "x.h5", D1, energies, showers)
    with pytest.raises(DataError, match="exists; use --force"):
        write(tmp_path / "x.h5", D1, energies, showers)
    write(tmp_path / "x.h5", D1, energies[:2], showers[:2], force=True)
    assert len(ShowerFile(tmp_path / "x.h5")) == 2
    assert os.listdir(tmp_path) == ["x.h5"]


def test_a_file_that_cannot_be_begun_leaves_nothing(tmp_path):
    with (
        pytest.raises(TypeError, match="not JSON serializable"),
        ShowerWriter(tmp_path / "x.h5", D1, {"about": {1, 2}}),
    ):
        pass
    assert os.listdir(tmp_path) == []


def test_no_room(tmp_path):
    """The system refuses files beyond a size, as a full disk does."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    energies, showers = made(D1, 5000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(DataError, match=r"x\.h5 could not be written: the file would be"):
            write(tmp_path / "x.h5", D1, energies, showers)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []
