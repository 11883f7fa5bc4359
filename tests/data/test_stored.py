"""Arrays that stay in their files: the same rows as in memory, or a sentence."""

import os
import zlib

import h5py
import numpy as np
import pytest

from ansatz.data.contents import Rows
from ansatz.data.hdf5 import open_hdf5
from ansatz.data.numpy_files import open_npy
from ansatz.data.stored import Stored
from ansatz.protocol.errors import DataError

RANDOM = np.random.default_rng(0)
VALUES = RANDOM.normal(size=(50, 2, 3)).astype(np.float32)


def stored(values=VALUES, buffer=64 * 24 * 7, chunk=1):
    """The values as if they lay in a file, and the parts that were read of it."""
    parts = []

    def fill(start, out):
        parts.append((start, start + len(out)))
        out[...] = values[start : start + len(out)]

    return Stored("file", Rows(fill, chunk), values.shape, values.dtype, buffer), parts


# bytes of an event, what 64 blocks have room for, rows of a chunk -> rows of a block
BLOCKS = [
    (24, 240, 1, 10),
    (24, 239, 1, 9),
    (24, 240, 4, 8),
    (24, 240, 10, 10),
    (24, 240, 11, 11),
    (24, 240, 40, 40),
    (24, 23, 1, 1),
    (24, 24 * 90, 1, 50),
    (24, 24 * 90, 60, 50),
    # Each takes eight bytes at least.
    (1, 240, 1, 30),
    (8, 240, 1, 30),
    (12, 240, 1, 20),
]


@pytest.mark.parametrize(("size", "room", "chunk", "rows"), BLOCKS)
def test_blocks(size, room, chunk, rows):
    values = RANDOM.integers(0, 256, (50, size)).astype(np.uint8)
    array, parts = stored(values, 64 * room, chunk)
    assert array.block_rows == rows
    assert array.blocks == -(-50 // rows)
    bounds = [array.bounds(block) for block in range(array.blocks)]
    assert [start for start, _ in bounds] == list(range(0, 50, rows))
    assert [stop for _, stop in bounds] == [*range(rows, 50, rows), 50]
    for block, (start, stop) in enumerate(bounds):
        out = np.empty((stop - start, size), np.uint8)
        array.read(block, out)
        np.testing.assert_array_equal(out, values[start:stop])
    assert parts == bounds


def test_it_looks_like_the_array():
    array, parts = stored()
    assert len(array) == 50
    assert (array.shape, array.dtype, array.ndim) == ((50, 2, 3), np.float32, 3)
    assert not parts
    np.testing.assert_array_equal(np.asarray(array), VALUES)
    assert np.asarray(array, np.float64).dtype == np.float64
    assert np.asarray(array).dtype == np.float32


def test_slices_are_those_of_numpy():
    array, _ = stored()
    ends = [None, 0, 1, 6, 7, 8, 13, 14, 36, 49, 50, 70, -1, -8, -50, -60]
    for start in ends:
        for stop in ends:
            for step in (None, 1, 2, 9, -1, -8):
                np.testing.assert_array_equal(array[start:stop:step], VALUES[start:stop:step])


def test_rows_at_an_index_are_those_of_numpy():
    array, parts = stored()
    for index in (
        RANDOM.permutation(50),
        RANDOM.integers(-50, 50, 200),
        np.array([49, 0, 49]),
        np.array([], int),
        np.arange(50, dtype=np.uint8),
    ):
        np.testing.assert_array_equal(array[index], VALUES[index])
        # Each block is read once, in the order of the file.
        assert len(parts) == len(set(parts)) <= array.blocks
        assert parts == sorted(parts)
        parts.clear()
        # The last one is remembered; another makes it forgotten.
        array[:1], array[7:8]
        parts.clear()


def test_going_through_in_turn_reads_each_block_once():
    array, parts = stored()
    for start in range(0, 50, 3):
        array[start : start + 3]
    assert parts == [array.bounds(block) for block in range(array.blocks)]
    parts.clear()
    for start in range(0, 50, 4):
        array[np.arange(start, min(start + 4, 50))]
    assert parts == [array.bounds(block) for block in range(array.blocks)]


def test_rows_that_are_kept_are_read_once():
    array, parts = stored()
    wanted = RANDOM.permutation(50)[:20], np.array([3, 44, 3])
    for index in wanted:
        array.keep(index)
    for start in range(0, 50, 3):
        array[start : start + 3]
    parts.clear()
    for index in wanted:
        np.testing.assert_array_equal(array[index], VALUES[index])
    assert parts == []
    # Once they are handed out they are forgotten.
    np.testing.assert_array_equal(array[wanted[0]], VALUES[wanted[0]])
    assert parts


def test_of_rows_that_are_kept_those_are_read_that_have_not_gone_by():
    array, parts = stored()
    index = np.array([48, 2, 30])
    array.keep(index)
    array[:7], array[28:35]
    parts.clear()
    np.testing.assert_array_equal(array[index[:2]], VALUES[index[:2]])
    parts.clear()
    np.testing.assert_array_equal(array[index], VALUES[index])
    assert parts == []


def test_what_is_remembered_cannot_be_spoilt():
    array, _ = stored()
    with pytest.raises(ValueError, match="read-only"):
        array[:3][...] = 0


@pytest.mark.parametrize("index", [[50], [-51], [0, 99]])
def test_an_index_outside(index):
    with pytest.raises(IndexError, match="outside the 50 stored events"):
        stored()[0][np.array(index)]


@pytest.mark.parametrize("key", [np.zeros((2, 2), int), np.ones(50, bool), np.ones(2)])
def test_a_key_of_another_kind(key):
    with pytest.raises(ValueError, match="indexed by a slice or by a row of whole numbers"):
        stored()[0][key]


def test_checksums_are_those_of_the_blocks():
    array, parts = stored()
    array[:20]
    parts.clear()
    blocks = [VALUES[start : start + 7] for start in range(0, 50, 7)]
    assert array.checksums().tolist() == [zlib.crc32(block.tobytes()) for block in blocks]
    # Three blocks had been read before.
    assert len(parts) == array.blocks - 3
    assert array.checksums().dtype == np.uint32
    assert len(parts) == array.blocks - 3


def test_an_event_that_is_too_large_for_the_buffer():
    values = np.zeros((20, 1 << 20), np.uint8)
    assert stored(values, 4 << 20)[0].block_rows == 1
    with pytest.raises(
        DataError,
        match=r"One event of file has 1 MiB, too large for a buffer of 3 MiB. Give --buffer 4",
    ):
        stored(values, 3 << 20)


def test_a_chunk_that_is_too_large_for_the_buffer():
    values = np.zeros((20, 1 << 17), np.uint8)
    assert stored(values, 7 << 20, chunk=13)[0].block_rows == 13
    # 13 events of an eighth of a MiB, four times over, are 6.5 MiB.
    with pytest.raises(
        DataError,
        match=r"pieces of 13 events, 2 MiB, too large for a buffer of 6 MiB. Give --buffer 7",
    ):
        stored(values, 6 << 20, chunk=13)


def npy(path):
    with path.open("wb") as file:
        np.save(file, VALUES)
    return open_npy(path)


def hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=VALUES, chunks=(7, 2, 3), compression="gzip")
    return open_hdf5(path)


def on_disk(form, path):
    (field,) = {"npy": npy, "hdf5": hdf5}[form](path).fields
    return Stored(str(path), field.rows, field.shape, field.dtype, 64 * 24 * 7)


def overwrite(path, place, form):
    """Other bytes at the event at `place`, in the file itself."""
    if form == "npy":
        offset = path.stat().st_size - VALUES.nbytes + place * 24
    else:
        with h5py.File(path) as file:
            offset = file["x"].id.get_chunk_info(place // 7).byte_offset + 9
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"spoilt")


def replace_by(values):
    def replace(path):
        path.unlink()
        if values is None:
            return
        with h5py.File(path, "w") as file:
            file["x"] = values

    return replace


def group(path):
    with h5py.File(path, "w") as file:
        file["x/y"] = VALUES


CHANGES = {
    "npy overwritten": ("npy", lambda path: overwrite(path, 15, "npy"), "are not what they were"),
    "npy cut": ("npy", lambda path: os.truncate(path, 128 + 24 * 20), "the file ends before"),
    "npy gone": ("npy", lambda path: path.unlink(), "there is no such file"),
    "hdf5 overwritten": (
        "hdf5",
        lambda path: overwrite(path, 15, "hdf5"),
        "cannot be read any more",
    ),
    "hdf5 cut": ("hdf5", lambda path: os.truncate(path, 2000), "cannot be read any more"),
    "hdf5 gone": ("hdf5", replace_by(None), "there is no such file"),
    "hdf5 of other numbers": ("hdf5", replace_by(VALUES + 1), "are not what they were"),
    "hdf5 of another type": ("hdf5", replace_by(VALUES.astype(int)), "are not what they were"),
    "hdf5 of another shape": ("hdf5", replace_by(VALUES[:40]), "no dataset of shape (50, 2, 3)"),
    "hdf5 of a group": ("hdf5", group, "no dataset of shape"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_file_that_changes_under_way(tmp_path, case):
    form, change, said = CHANGES[case]
    array = on_disk(form, tmp_path / "file")
    np.testing.assert_array_equal(array[:], VALUES)
    change(tmp_path / "file")
    with pytest.raises(DataError) as caught:
        array[14:21]
    assert str(caught.value).startswith(
        f"{tmp_path / 'file'} has changed while it was in use: events 14 to 20 (block 3 of 8) "
    )
    assert said in str(caught.value)
    assert str(caught.value).endswith("or begin again with the new one.")


@pytest.mark.parametrize("form", ["npy", "hdf5"])
def test_a_file_that_is_put_back(tmp_path, form):
    path = tmp_path / "file"
    array = on_disk(form, path)
    array[:]
    sound = path.read_bytes()
    overwrite(path, 15, form)
    # The other blocks are as they were.
    np.testing.assert_array_equal(array[:14], VALUES[:14])
    np.testing.assert_array_equal(array[21:], VALUES[21:])
    for _ in range(2):
        with pytest.raises(DataError, match="has changed"):
            array[14:21]
    path.write_bytes(sound)
    np.testing.assert_array_equal(array[14:21], VALUES[14:21])


def test_damage_at_the_first_reading(tmp_path):
    path = tmp_path / "file"
    array = on_disk("hdf5", path)
    overwrite(path, 15, "hdf5")
    np.testing.assert_array_equal(array[:14], VALUES[:14])
    with pytest.raises(
        DataError, match=r"file is damaged or cut short: events 14 to 20 \(block 3 of 8\) cannot be"
    ):
        array[:]


def test_events_are_counted_in_thousands():
    values = np.zeros((600_000, 1), np.uint8)
    array, _ = stored(values, buffer=64 * 8 * 500)
    array[:]
    values[12_300] = 1
    with pytest.raises(DataError, match=r"events 12,000 to 12,499 \(block 25 of 1,200\)"):
        array[12_000:12_100]
