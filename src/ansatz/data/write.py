"""Writing events batch by batch to npy, npz, csv or HDF5, told by the suffix.

A file appears under its name only when it is complete: until then it has a temporary name in
the same folder.
"""

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ansatz.data.growing import AbstractFile, Csv, Hdf5, Npy, Npz
from ansatz.data.pending import Pending
from ansatz.protocol.errors import DataError

SUFFIXES = (".npy", ".npz", ".csv", ".h5")


class Writer:
    """Writes events of one shape and type; to be used in a `with` statement.

    An error inside the statement leaves no file behind. `names` is the header of a csv file, or
    `letter` what they begin with, and `key` the name of the array in npz and HDF5.
    """

    def __init__(
        self,
        path: str | Path,
        shape: tuple[int, ...],
        dtype: Any,
        *,
        names: tuple[str, ...] = (),
        letter: str = "x",
        key: str = "events",
        force: bool = False,
    ) -> None:
        self.path, self.shape, self.dtype = Path(path), tuple(shape), np.dtype(dtype)
        self.key = key
        if self.path.suffix not in SUFFIXES:
            raise DataError(
                f"{path}: the suffix tells the format and must be one of {', '.join(SUFFIXES)}."
            )
        size = int(np.prod(self.shape))
        if names and len(names) != size:
            raise DataError(f"{path}: {len(names)} names for events of {size} numbers.")
        self.names = names or tuple(f"{letter}{j}" for j in range(size))
        self._pending = Pending(path, force=force)

    def __enter__(self) -> "Writer":
        with self._pending.said():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._format = self._open()
        return self

    def _open(self) -> AbstractFile:
        match self.path.suffix:
            case ".npy":
                return Npy(self._pending.temporary, self.shape, self.dtype)
            case ".npz":
                return Npz(self._pending.temporary, self.shape, self.dtype, self.key)
            case ".csv":
                return Csv(self._pending.temporary, self.dtype, self.names)
            case _:
                return Hdf5(self._pending.temporary, self.shape, self.dtype, self.key)

    def append(self, batch: np.ndarray) -> None:
        """Adds events (m, *shape), converted to the file's type."""
        batch = np.asarray(batch, self.dtype)
        if batch.shape[1:] != self.shape:
            raise DataError(
                f"{self.path}: events of shape {batch.shape[1:]} where {self.shape} are written."
            )
        with self._pending.said():
            self._format.append(batch)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with self._pending.said():
                    self._format.finish()
                    self._pending.complete()
        finally:
            self._clear()

    def _clear(self) -> None:
        """Leaves no temporary file; what goes wrong on the way hides no earlier error."""
        with suppress(OSError, RuntimeError):
            self._format.abandon()
        self._pending.clear()
