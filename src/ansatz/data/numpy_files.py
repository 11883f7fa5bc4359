"""NumPy's own files: one array (npy) or several by name (npz). Nothing is ever unpickled."""

import gzip
import math
import zipfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from ansatz.data.contents import Contents, Field, Rows, held, members, sound, spans
from ansatz.protocol.errors import DataError


class _Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    offset: int
    """Where the numbers begin."""

    @property
    def row_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape[1:])


def open_npy(path: Path, compressed: bool = False) -> Contents:
    """The one array of an npy file, called "events", or the columns of a structured one."""
    with sound(str(path), "npy"):
        with gzip.open(path) if compressed else path.open("rb") as stream:
            header = _header(stream)
        shape, _, dtype, offset = header
        if dtype.hasobject:
            # Refused only if it is chosen, so that `describe` can still say what it is.
            return Contents(str(path), (Field("events", shape, np.dtype(object), _never),))
        structured = dtype.names is not None and len(shape) == 1
        if compressed:
            with gzip.open(path) as stream:
                values = np.load(stream, allow_pickle=False)
            fields = members(values) if structured else (held("events", values),)
            return Contents(str(path), fields, table=structured)
        there, needed = path.stat().st_size - offset, dtype.itemsize * math.prod(shape)
        if there < needed:
            raise EOFError(f"{there} bytes where shape {shape} of {dtype} needs {needed}")
    if structured:
        return Contents(str(path), _members(path, header), table=True)
    load = partial(_load_npy, path)
    rows = _rows(path, header) if shape else None
    return Contents(str(path), (Field("events", shape, dtype, load, rows=rows),))


def _rows(path: Path, header: _Header) -> Rows:
    return Rows(partial(_refuse if header.fortran else _fill, path, header))


def _fill(path: Path, header: _Header, start: int, out: np.ndarray) -> None:
    as_it_is = out.dtype == header.dtype and out.flags.c_contiguous
    values = out if as_it_is else np.empty(out.shape, header.dtype)
    # Not a memory map: where a mapped file has shrunk, the process is killed.
    with path.open("rb") as stream:
        stream.seek(header.offset + start * header.row_bytes)
        found = stream.readinto(values.reshape(-1).view(np.uint8).data)
    if found != values.nbytes:
        raise EOFError("the file ends before")
    if not as_it_is:
        out[...] = values


def _refuse(path: Path, header: _Header, start: int, out: np.ndarray) -> None:
    size = -(-header.row_bytes * header.shape[0] >> 20)
    raise DataError(
        f"{path} keeps its array column after column (Fortran order), so that no event can be "
        "read without all others. Write it again with numpy.ascontiguousarray, or give "
        f"--buffer {size} to load it whole."
    )


def _members(path: Path, header: _Header) -> tuple[Field, ...]:
    """The members of a structured array as columns, of which any part can be read."""
    rows = _rows(path, header)

    def column(name: str) -> Field:
        dtype, shape = header.dtype[name].base, (*header.shape, *header.dtype[name].shape)

        def fill(start: int, out: np.ndarray) -> None:
            records = np.empty(len(out), header.dtype)
            rows.fill(start, records)
            out[...] = records[name]

        def load() -> np.ndarray:
            with sound(str(path), "npy"):
                return Rows(fill).load(shape, dtype, spans((*header.shape, header.row_bytes)))

        return Field(name, shape, dtype, load, rows=Rows(fill))

    return tuple(column(name) for name in header.dtype.names or ())


def open_npz(path: Path) -> Contents:
    """The arrays of an npz file by their keys."""
    fields = []
    with sound(str(path), "npz"), zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if not names:
            raise DataError(f"{path} is a zip archive without NumPy arrays, so it is no npz file.")
        for name in names:
            with archive.open(name) as stream:
                shape, _, dtype, _ = _header(stream)
            key = name.removesuffix(".npy")
            dtype = np.dtype(object) if dtype.hasobject else dtype
            fields.append(Field(key, shape, dtype, partial(_load_npz, path, key)))
    return Contents(str(path), tuple(fields))


def _header(stream: Any) -> _Header:
    """What an array in a binary stream is like, without reading its numbers."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return _Header(*read(stream), stream.tell())


def _load_npy(path: Path) -> np.ndarray:
    with sound(str(path), "npy"):
        return np.load(path, allow_pickle=False)


def _load_npz(path: Path, key: str) -> np.ndarray:
    with sound(str(path), "npz"), np.load(path, allow_pickle=False) as arrays:
        return arrays[key]


def _never() -> np.ndarray:
    raise DataError("Python objects in an array are never unpickled.")
