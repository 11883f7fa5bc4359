"""HDF5 files: datasets by their paths, such as `showers` or `jets/pt`."""

from functools import partial
from pathlib import Path

import numpy as np

from ansatz.data.contents import Contents, Field, Rows, sound
from ansatz.protocol.errors import DataError


def open_hdf5(path: Path) -> Contents:
    """All datasets of the file; the members of a compound one are fields `dataset/member`."""
    import h5py

    fields: list[Field] = []

    def visit(key: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return
        for member in item.dtype.names or (None,):
            dtype = item.dtype if member is None else item.dtype[member]
            if h5py.check_string_dtype(dtype) is not None:
                dtype = np.dtype(str)
            shape, name = item.shape, key
            if member is not None:
                shape, dtype, name = item.shape + dtype.shape, dtype.base, f"{key}/{member}"
            rows = None
            if dtype.kind in "biuf" and item.shape:
                fill = partial(_fill, path, key, member, item.shape)
                rows = Rows(fill, item.chunks[0] if item.chunks else 1)
            fields.append(Field(name, shape, dtype, partial(_load, path, key, member), rows=rows))

    with sound(str(path), "HDF5"), h5py.File(path, "r") as file:
        file.visititems(visit)
        if not fields:
            raise DataError(f"{path} holds no datasets.")
    return Contents(str(path), tuple(fields))


def _load(path: Path, key: str, member: str | None) -> np.ndarray:
    import h5py

    with sound(str(path), "HDF5"), h5py.File(path, "r") as file:
        dataset = file[key]
        if member is not None:
            return dataset[member]
        if h5py.check_string_dtype(dataset.dtype) is not None:
            return np.asarray(dataset.asstr()[()], dtype=str)
        return dataset[()]


def _fill(
    path: Path, key: str, member: str | None, shape: tuple[int, ...], start: int, out: np.ndarray
) -> None:
    import h5py

    # Opened for each part: the file is not held for hours, and what it is now is what is read.
    with h5py.File(path, "r") as file:
        dataset, part = file[key], slice(start, start + len(out))
        if not isinstance(dataset, h5py.Dataset) or dataset.shape != shape:
            raise OSError(f"{key} is no dataset of shape {shape}")
        if member is not None:
            out[...] = dataset.fields(member)[part]
        elif out.flags.c_contiguous:
            dataset.read_direct(out, part)
        else:
            out[...] = dataset[part]
