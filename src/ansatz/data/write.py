"""Writing events batch by batch to npy, npz, csv or HDF5, told by the suffix.

A file appears under its name only when it is complete: until then it has a temporary name in
the same folder.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ansatz.data.growing import AbstractFile, Csv, Hdf5, Npy, Npz
from ansatz.protocol.errors import DataError

SUFFIXES = (".npy", ".npz", ".csv", ".h5")


class Writer:
    """Writes events of one shape and type; to be used in a `with` statement.

    An error inside the statement leaves no file behind. `names` is the header of a csv file,
    `key` the name of the array in npz and HDF5.
    """

    def __init__(
        self,
        path: str | Path,
        shape: tuple[int, ...],
        dtype: Any,
        *,
        names: tuple[str, ...] = (),
        key: str = "events",
        force: bool = False,
    ) -> None:
        self.path, self.shape, self.dtype = Path(path), tuple(shape), np.dtype(dtype)
        self.key, self.force = key, force
        if self.path.suffix not in SUFFIXES:
            raise DataError(
                f"{path}: the suffix tells the format and must be one of {', '.join(SUFFIXES)}."
            )
        size = int(np.prod(self.shape))
        if names and len(names) != size:
            raise DataError(f"{path}: {len(names)} names for events of {size} numbers.")
        self.names = names or tuple(f"x{j}" for j in range(size))
        self.temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self._refuse_existing()

    def __enter__(self) -> "Writer":
        with self._said():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._format = self._open()
        return self

    def _open(self) -> AbstractFile:
        match self.path.suffix:
            case ".npy":
                return Npy(self.temporary, self.shape, self.dtype)
            case ".npz":
                return Npz(self.temporary, self.shape, self.dtype, self.key)
            case ".csv":
                return Csv(self.temporary, self.dtype, self.names)
            case _:
                return Hdf5(self.temporary, self.shape, self.dtype, self.key)

    def append(self, batch: np.ndarray) -> None:
        """Adds events (m, *shape), converted to the file's type."""
        batch = np.asarray(batch, self.dtype)
        if batch.shape[1:] != self.shape:
            raise DataError(
                f"{self.path}: events of shape {batch.shape[1:]} where {self.shape} are written."
            )
        with self._said():
            self._format.append(batch)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with self._said():
                    self._format.finish()
                    # Someone may have written the file in the meantime.
                    self._refuse_existing()
                    self.temporary.replace(self.path)
        finally:
            self._clear()

    def _clear(self) -> None:
        """Leaves no temporary file; what goes wrong on the way hides no earlier error."""
        with suppress(OSError, RuntimeError):
            self._format.abandon()
        self.temporary.unlink(missing_ok=True)

    def _refuse_existing(self) -> None:
        if self.path.is_dir():
            raise DataError(f"{self.path} is a folder; name a file with --out.")
        if self.path.exists() and not self.force:
            raise DataError(f"{self.path} exists; use --force to replace it or another --out.")

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Says in a sentence why the file system did not take the file."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
            reason = "the disk is full" if full else getattr(error, "strerror", None) or str(error)
            raise DataError(
                f"{self.path} could not be written: {reason}. Nothing is left under that name; "
                "make room or choose another --out."
            ) from None
