"""NumPy's own files: one array (npy) or several by name (npz). Nothing is ever unpickled."""

import gzip
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ansatz.data.contents import Contents, Field, held, members, sound
from ansatz.protocol.errors import DataError

MAPPED_BYTES = 1 << 28
"""Arrays larger than this stay on disk and are read page by page as they are used."""


def open_npy(path: Path, compressed: bool = False) -> Contents:
    """The one array of an npy file, called "events", or the columns of a structured one."""
    with sound(str(path), "npy"):
        with gzip.open(path) if compressed else path.open("rb") as stream:
            shape, dtype = _header(stream)
        if dtype.hasobject:
            # Refused only if it is chosen, so that `describe` can still say what it is.
            return Contents(str(path), (Field("events", shape, np.dtype(object), _never),))
        if compressed:
            with gzip.open(path) as stream:
                values = np.load(stream, allow_pickle=False)
        else:
            big = path.stat().st_size > MAPPED_BYTES
            values = np.asarray(np.load(path, "r" if big else None, allow_pickle=False))
    if values.dtype.names and values.ndim == 1:
        return Contents(str(path), members(values), table=True)
    return Contents(str(path), (held("events", values),))


def open_npz(path: Path) -> Contents:
    """The arrays of an npz file by their keys."""
    fields = []
    with sound(str(path), "npz"), zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if not names:
            raise DataError(f"{path} is a zip archive without NumPy arrays, so it is no npz file.")
        for name in names:
            with archive.open(name) as stream:
                shape, dtype = _header(stream)
            key = name.removesuffix(".npy")
            dtype = np.dtype(object) if dtype.hasobject else dtype
            fields.append(Field(key, shape, dtype, partial(_load, path, key)))
    return Contents(str(path), tuple(fields))


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array in a binary stream, without reading its numbers."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype


def _load(path: Path, key: str) -> np.ndarray:
    with sound(str(path), "npz"), np.load(path, allow_pickle=False) as arrays:
        return arrays[key]


def _never() -> np.ndarray:
    raise DataError("Python objects in an array are never unpickled.")
