"""Files that grow by batches of events: npy, npz, csv and HDF5."""

import csv
import os
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from ansatz.data.lenient import Lenient


class AbstractFile(ABC):
    """A file that grows by batches (m, *shape)."""

    @abstractmethod
    def append(self, batch: np.ndarray) -> None: ...

    @abstractmethod
    def finish(self) -> None:
        """Everything is on the disk when this returns."""

    @abstractmethod
    def abandon(self) -> None:
        """Closes the file, which is of no more use."""


class Npy(AbstractFile):
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


class Npz(AbstractFile):
    """An npz file with one array: an npy file that is put into an archive at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype, key: str) -> None:
        self.path, self.key = path, key
        self.plain = path.with_name(path.name + ".npy")
        self.array = Npy(self.plain, shape, dtype)

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
        try:
            # What is still to be written may find no room.
            self.array.abandon()
        finally:
            self.plain.unlink(missing_ok=True)


class Csv(AbstractFile):
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


class Hdf5(AbstractFile):
    """An HDF5 file with one dataset that is extended by each batch."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype, key: str) -> None:
        import h5py

        self.stream = Lenient(path, "w+")
        self.file = h5py.File(self.stream, "w")
        rows = max(1, (1 << 20) // max(1, dtype.itemsize * int(np.prod(shape))))
        self.dataset = self.file.create_dataset(
            key, (0, *shape), dtype, maxshape=(None, *shape), chunks=(rows, *shape)
        )

    def append(self, batch: np.ndarray) -> None:
        n = len(self.dataset)
        with self.stream.told():
            self.dataset.resize(n + len(batch), axis=0)
            self.dataset[n:] = batch

    def finish(self) -> None:
        with self.stream.told():
            self.file.close()
        os.fsync(self.stream.fileno())
        self.stream.close()

    def abandon(self) -> None:
        self.file.close()
        self.stream.close()
