"""Writing events batch by batch to npy, npz, csv or HDF5, told by the suffix.

A file appears under its name only when it is complete: until then it has a temporary name in
the same folder.
"""

import csv
import errno
import io
import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ansatz.protocol.errors import DataError


class _AbstractFormat(ABC):
    """A file that grows by batches (m, *shape)."""

    @abstractmethod
    def append(self, batch: np.ndarray) -> None: ...

    @abstractmethod
    def finish(self) -> None:
        """Everything is on the disk when this returns."""

    @abstractmethod
    def abandon(self) -> None:
        """Closes the file, which is of no more use."""


class _Npy(_AbstractFormat):
    """An npy file; its header is written again at the end, when the number of events is known."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype, self.n = shape, dtype, 0
        self.stream = path.open("wb")
        self._header()

    def _header(self) -> None:
        # NumPy leaves room in the header for the first dimension to grow.
        description = npy.dtype_to_descr(self.dtype)
        header = {"descr": description, "fortran_order": False, "shape": (self.n, *self.shape)}
        npy.write_array_header_1_0(self.stream, header)

    def append(self, batch: np.ndarray) -> None:
        self.stream.write(np.ascontiguousarray(batch).data)
        self.n += len(batch)

    def finish(self) -> None:
        self.stream.seek(0)
        self._header()
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()

    def abandon(self) -> None:
        self.stream.close()


class _Npz(_AbstractFormat):
    """An npz file with one array: an npy file that is put into an archive at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype, key: str) -> None:
        self.path, self.key = path, key
        self.plain = path.with_name(path.name + ".npy")
        self.array = _Npy(self.plain, shape, dtype)

    def append(self, batch: np.ndarray) -> None:
        self.array.append(batch)

    def finish(self) -> None:
        self.array.finish()
        with self.path.open("wb") as stream:
            with zipfile.ZipFile(stream, "w") as archive:
                archive.write(self.plain, f"{self.key}.npy")
            stream.flush()
            os.fsync(stream.fileno())
        self.plain.unlink()

    def abandon(self) -> None:
        self.array.abandon()
        self.plain.unlink(missing_ok=True)


class _Csv(_AbstractFormat):
    """A csv file with a header; events are flattened, numbers keep all their digits."""

    def __init__(self, path: Path, dtype: np.dtype, names: tuple[str, ...]) -> None:
        self.width = len(names)
        digits = np.finfo(dtype).precision + 3 if dtype.kind == "f" else 0
        self.format = f"%.{digits}g" if digits else "%d"
        self.stream = path.open("w", newline="")
        csv.writer(self.stream, lineterminator="\n").writerow(names)

    def append(self, batch: np.ndarray) -> None:
        np.savetxt(self.stream, batch.reshape(len(batch), self.width), self.format, ",")

    def finish(self) -> None:
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()

    def abandon(self) -> None:
        self.stream.close()


class _Hdf5(_AbstractFormat):
    """An HDF5 file with one dataset that is extended by each batch."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype, key: str) -> None:
        import h5py

        self.stream = _Lenient(path, "w+")
        self.file = h5py.File(self.stream, "w")
        rows = max(1, (1 << 20) // max(1, dtype.itemsize * int(np.prod(shape))))
        self.dataset = self.file.create_dataset(
            key, (0, *shape), dtype, maxshape=(None, *shape), chunks=(rows, *shape)
        )

    def append(self, batch: np.ndarray) -> None:
        n = len(self.dataset)
        self.dataset.resize(n + len(batch), axis=0)
        self.dataset[n:] = batch
        self.stream.check()

    def finish(self) -> None:
        self.file.close()
        self.stream.check()
        os.fsync(self.stream.fileno())
        self.stream.close()

    def abandon(self) -> None:
        self.file.close()
        self.stream.close()


class _Lenient(io.FileIO):
    """A file that keeps the first error of its writes for `check` and ignores what follows.

    The HDF5 library crashes the process if a file is closed after a write has failed, as on a
    full disk; so it must not see that.
    """

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while self.error is None and len(rest):
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return size

    def check(self) -> None:
        if self.error is not None:
            raise self.error


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

    def _open(self) -> _AbstractFormat:
        match self.path.suffix:
            case ".npy":
                return _Npy(self.temporary, self.shape, self.dtype)
            case ".npz":
                return _Npz(self.temporary, self.shape, self.dtype, self.key)
            case ".csv":
                return _Csv(self.temporary, self.dtype, self.names)
            case _:
                return _Hdf5(self.temporary, self.shape, self.dtype, self.key)

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
