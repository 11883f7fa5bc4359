"""Writing files of showers block by block; pieces are compressed by threads of their own."""

import json
import os
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ansatz.calo.geometry import Geometry, to_xml
from ansatz.calo.showers import ENERGIES, SHOWERS
from ansatz.data.lenient import Lenient
from ansatz.data.pending import Pending
from ansatz.protocol.errors import DataError

PIECE_BYTES = 1 << 20
"""About how many bytes of showers the file keeps in one piece."""

LEVEL = 1
"""Of gzip: higher ones take several times as long for a few per cent."""


class ShowerWriter:
    """Writes showers as float32 in MeV; to be used in a `with` statement.

    The file appears under its name when it is complete; an error inside the statement leaves
    none behind. `attributes` are what the file says of itself: plain values, lists, tables;
    the geometry's name, its binning file and the unit are added.
    """

    def __init__(
        self,
        path: str | Path,
        geometry: Geometry,
        attributes: dict[str, Any],
        *,
        force: bool = False,
    ) -> None:
        self.path, self.geometry = Path(path), geometry
        if self.path.suffix not in (".h5", ".hdf5"):
            raise DataError(f"{path}: showers are written as HDF5; let the name end in .h5.")
        own = {"geometry": geometry.name, "binning": to_xml(geometry), "unit": "MeV"}
        self.attributes = attributes | own
        self._pending = Pending(path, force=force)

    def __enter__(self) -> "ShowerWriter":
        self._open_ones = ExitStack()
        try:
            with self._pending.said():
                self._open()
        except BaseException:
            self._open_ones.close()
            raise
        return self

    def _open(self) -> None:
        import h5py

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._open_ones.callback(self._pending.clear)
        self._stream = self._open_ones.enter_context(Lenient(self._pending.temporary, "w+"))
        self._file = self._open_ones.enter_context(h5py.File(self._stream, "w"))
        for name, value in self.attributes.items():
            plain = isinstance(value, str | bool | int | float)
            self._file.attrs[name] = value if plain else json.dumps(value)
        voxels = self.geometry.voxels
        self._piece = max(1, PIECE_BYTES // (4 * voxels))
        self._showers = self._file.create_dataset(
            SHOWERS,
            (0, voxels),
            np.dtype("<f4"),
            maxshape=(None, voxels),
            chunks=(self._piece, voxels),
            compression="gzip",
            compression_opts=LEVEL,
        )
        self._energies = self._file.create_dataset(
            ENERGIES, (0, 1), np.dtype("<f8"), maxshape=(None, 1), chunks=(1 << 14, 1)
        )
        self._rest = np.empty((0, voxels), np.dtype("<f4"))
        self._pieces = 0
        self._packing: deque[Future[bytes]] = deque()
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1)
        self._open_ones.callback(self._threads.shutdown, cancel_futures=True)

    def append(self, energies: np.ndarray, showers: np.ndarray) -> None:
        """Adds incident energies (m,) and their showers (m, voxels), MeV."""
        showers = np.asarray(showers, self._rest.dtype)
        if showers.shape != (len(energies), self.geometry.voxels):
            raise DataError(
                f"{self.path}: showers of shape {showers.shape} for {len(energies)} energies and "
                f"{self.geometry.voxels} voxels."
            )
        with self._pending.said(), self._stream.told():
            n = len(self._energies)
            self._energies.resize(n + len(energies), axis=0)
            self._energies[n:, 0] = energies
            rows = np.concatenate([self._rest, showers]) if len(self._rest) else showers
            whole = len(rows) // self._piece * self._piece
            for start in range(0, whole, self._piece):
                self._pack(rows[start : start + self._piece])
            self._rest = rows[whole:].copy()

    def _pack(self, piece: np.ndarray) -> None:
        """Hands a piece to a thread, and writes the oldest when many are on their way."""
        self._packing.append(self._threads.submit(zlib.compress, piece.tobytes(), LEVEL))
        while len(self._packing) > 2 * (os.cpu_count() or 1):
            self._write_oldest()

    def _write_oldest(self) -> None:
        self._showers.resize((self._pieces + 1) * self._piece, axis=0)
        packed = self._packing.popleft().result()
        self._showers.id.write_direct_chunk((self._pieces * self._piece, 0), packed)
        self._pieces += 1

    def _finish(self) -> None:
        with self._stream.told():
            n = len(self._energies)
            if len(self._rest):
                # The file has whole pieces only; what is beyond the last shower is not seen.
                last = np.zeros((self._piece, self.geometry.voxels), self._rest.dtype)
                last[: len(self._rest)] = self._rest
                self._pack(last)
            while self._packing:
                self._write_oldest()
            self._showers.resize(n, axis=0)
            self._file.close()
        os.fsync(self._stream.fileno())
        self._stream.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with self._pending.said():
                    self._finish()
                    self._pending.complete()
        finally:
            # What goes wrong on the way hides no earlier error.
            with suppress(OSError, RuntimeError):
                self._open_ones.close()
