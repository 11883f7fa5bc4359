"""HDF5 files: datasets by their paths, such as `showers` or `jets/pt`."""

from functools import partial
from pathlib import Path

import numpy as np

from ansatz.data.contents import Contents, Field, sound
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
            fields.append(Field(name, shape, dtype, partial(_load, path, key, member)))

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
