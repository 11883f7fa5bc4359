"""Files of showers as the CaloChallenge (arXiv 2410.21611) has them, read block by block.

HDF5 with two datasets, both in MeV: `incident_energies` (N, 1) and `showers` (N, voxels).
"""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.calo.geometry import GEOMETRIES, Geometry, from_xml
from ansatz.data.contents import sound
from ansatz.protocol.errors import DataError

ENERGIES, SHOWERS = "incident_energies", "showers"

LARGEST_UNIT = 1 << 28
"""Pieces of a file of more bytes than this are not held, even if they are read again then."""

FAR_ABOVE = 3.0
"""A shower that holds more than this many times the incident energy is odd."""

LOWEST_ENERGY = 200.0
"""MeV. A file whose median energy is lower is likely in GeV: the field's start at 256 MeV."""


class ShowerFile:
    """A file of showers; opening it checks all but the showers' own numbers.

    Without a geometry it is the one that the file names, or the built-in one that has as many
    voxels.
    """

    def __init__(self, path: str | Path, geometry: Geometry | None = None) -> None:
        import h5py

        self.path = Path(path)
        if not self.path.is_file():
            raise DataError(f"There is no file {path}.")
        with sound(str(path), "HDF5"), h5py.File(path, "r") as file:
            energies, showers = (self._dataset(file, key) for key in (ENERGIES, SHOWERS))
            self.attributes = {name: _plain(value) for name, value in file.attrs.items()}
            """What the file says of itself: whether it is synthetic, and how it was made."""
            self._shape, chunks = showers.shape, showers.chunks
            self.dtype = np.dtype(np.float32 if showers.dtype.itemsize <= 4 else np.float64)
            self.energies = np.asarray(energies[()], np.float64).reshape(-1)
            """The incident energies of all showers, MeV."""
        self._check_shapes(energies_shape=self.energies.shape)
        self.geometry = self._geometry(geometry)
        self._check_energies()
        self._unit = chunks[0] if chunks else 1

    def __len__(self) -> int:
        return self._shape[0]

    @property
    def synthetic(self) -> bool | None:
        """Whether the showers were made up by a program; None where the file does not say."""
        said = self.attributes.get("synthetic")
        return said if isinstance(said, bool) else None

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Incident energies (m,) and showers (m, voxels), m = `size` but for the last block.

        Negative numbers and NaN are refused; what is only odd is warned of at the end.
        """
        high = _Found()
        total = 0.0
        for start, showers in self._rows(size):
            energies = self.energies[start : start + len(showers)]
            # A sum is NaN or infinite if any number is, so a single pass tells.
            sums = showers.sum(axis=1, dtype=np.float64)
            if not np.isfinite(sums).all() or showers.min(initial=0) < 0:
                self._refuse(start)
            high.add(start, sums > FAR_ABOVE * energies)
            total += float((sums / energies).sum())
            yield energies, showers
        self._warn(high, total / len(self))

    def _rows(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """Blocks of rows, with the number of the first; every piece of the file is read once."""
        import h5py

        if size < 1:
            raise ValueError(f"A block has at least one shower, not {size}.")
        row = self._shape[1] * self.dtype.itemsize
        unit = self._unit if self._unit * row <= LARGEST_UNIT else 1
        step = -(-size // unit) * unit
        with sound(str(self.path), "HDF5"):
            file = h5py.File(self.path, "r")
        rest = np.empty((0, self._shape[1]), self.dtype)
        with file:
            for first in range(0, len(self), step):
                with sound(str(self.path), "HDF5"):
                    dataset = file[SHOWERS]
                    if dataset.shape != self._shape:
                        raise OSError("it has changed since it was opened")
                    piece = np.empty((min(step, len(self) - first), self._shape[1]), self.dtype)
                    dataset.read_direct(piece, np.s_[first : first + len(piece)])
                start = first - len(rest)
                rows = np.concatenate([rest, piece]) if len(rest) else piece
                last = first + len(piece) == len(self)
                whole = len(rows) if last else len(rows) // size * size
                for at in range(0, whole, size):
                    yield start + at, rows[at : at + size]
                rest = rows[whole:]

    def _dataset(self, file: Any, key: str) -> Any:
        """One of the two datasets of numbers."""
        import h5py

        found = file.get(key)
        if not isinstance(found, h5py.Dataset):
            there = ", ".join(repr(name) for name in file) or "nothing"
            raise DataError(
                f"{self.path} has no dataset {key!r}, so it is no file of showers; it holds "
                f"{there}. The format needs {ENERGIES!r} (N, 1) and {SHOWERS!r} (N, voxels), MeV."
            )
        if found.shape is None:
            raise DataError(f"{self.path}: {key!r} is empty.")
        if found.dtype.kind not in "fiu":
            raise DataError(f"{self.path}: {key!r} holds no real numbers but {found.dtype}.")
        return found

    def _check_shapes(self, energies_shape: tuple[int, ...]) -> None:
        if len(self._shape) != 2:
            raise DataError(
                f"{self.path}: {SHOWERS!r} has the shape {self._shape}; it must be (N, voxels), a "
                "shower a row with r fastest, then the angle, then the layer."
            )
        if energies_shape != self._shape[:1]:
            raise DataError(
                f"{self.path}: {energies_shape[0]:,} incident energies for {self._shape[0]:,} "
                "showers; each shower needs one."
            )
        if not self._shape[0]:
            raise DataError(f"{self.path} holds no showers.")

    def _geometry(self, asked: Geometry | None) -> Geometry:
        """The geometry that is asked for, if it fits, or the one that does."""
        voxels = self._shape[1]
        binning = self.attributes.get("binning")
        if asked is None and isinstance(binning, str):
            name = str(self.attributes.get("geometry", self.path.stem))
            asked = from_xml(binning, name, f"The binning in {self.path}")
        fits = [known for known in GEOMETRIES.values() if known.voxels == voxels]
        if asked is None and fits:
            return fits[0]
        if asked is not None and asked.voxels == voxels:
            return asked
        has = f"{self.path}: a shower has {voxels:,} voxels"
        if asked is not None:
            hint = (
                f"{fits[0].name} would fit."
                if fits
                else "No built-in geometry fits; name its binning file."
            )
            raise DataError(f"{has}, the geometry {asked.name} {asked.voxels:,}. {hint}")
        known = ", ".join(f"{g.name} {g.voxels:,}" for g in GEOMETRIES.values())
        raise DataError(f"{has}, as no built-in geometry ({known}). Name its binning file.")

    def _check_energies(self) -> None:
        wrong = _Found()
        # NaN compares as false.
        wrong.add(0, ~((self.energies > 0) & np.isfinite(self.energies)))
        if wrong.count:
            raise DataError(
                f"{self.path}: {wrong.count:,} of {len(self):,} incident energies are not "
                f"positive numbers, the first that of shower {wrong.first}: "
                f"{self.energies[wrong.first]:g}. Remove these showers or mend their energies."
            )
        middle = float(np.median(self.energies))
        if middle < LOWEST_ENERGY:
            warnings.warn(
                f"{self.path}: the median incident energy is {middle:.4g} MeV. That looks like "
                "GeV; the format is in MeV.",
                stacklevel=3,
            )

    def _refuse(self, start: int) -> None:
        """Counts the showers with wrong numbers from a row on, all before it being sound."""
        negative, broken = _Found(), _Found()
        for at, showers in self._rows(1024):
            if at + len(showers) > start:
                broken.add(at, ~np.isfinite(showers).all(axis=1))
                negative.add(at, np.any(showers < 0, axis=1))
        parts = [
            f"{found.count:,} of {len(self):,} showers have {what}, the first shower {found.first}"
            for found, what in (
                (negative, "negative energies"),
                (broken, "NaN or infinite numbers"),
            )
            if found.count
        ]
        raise DataError(f"{self.path}: {'; '.join(parts)}. Remove or mend them.")

    def _warn(self, high: "_Found", ratio: float) -> None:
        if high.count:
            warnings.warn(
                f"{self.path}: {high.count:,} of {len(self):,} showers hold more than "
                f"{FAR_ABOVE:g} times their incident energy, the first shower {high.first}; the "
                f"mean of E_tot/E_inc is {ratio:.4g}. Both must be in MeV.",
                stacklevel=3,
            )
        elif ratio < 0.01:
            warnings.warn(
                f"{self.path}: the mean of E_tot/E_inc is {ratio:.2g}. That looks like showers in "
                "GeV and incident energies in MeV; both must be in MeV.",
                stacklevel=3,
            )


class _Found:
    """How many showers have something about them, and which is the first."""

    def __init__(self) -> None:
        self.count, self.first = 0, 0

    def add(self, start: int, which: np.ndarray) -> None:
        if self.count == 0 and which.any():
            self.first = start + int(np.argmax(which))
        self.count += int(which.sum())


def _plain(value: Any) -> Any:
    """An attribute as a plain value; text that is JSON of a list or a table, as that."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value
