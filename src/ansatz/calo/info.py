"""What a file of showers holds, found in one pass over it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.calo.geometry import Geometry
from ansatz.calo.showers import ShowerFile

TOGETHER = 1024
"""Showers in memory at a time."""


@dataclass(frozen=True, eq=False)
class Info:
    """Numbers of all showers of a file; energies in MeV."""

    file: ShowerFile
    bytes: int
    ratio: np.ndarray
    """E_tot / E_inc of every shower."""
    in_layer: np.ndarray
    """The mean of each layer's part of the deposited energy."""
    sparsity: float
    """The part of voxels below the cut, which an evaluation counts as empty."""
    smallest: float
    """The smallest energy of a voxel that is not empty; 0 if all are."""
    largest: float
    """The largest energy of a voxel."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        energies, geometry = self.file.energies, self.file.geometry
        return {
            "path": str(self.file.path),
            "bytes": self.bytes,
            "showers": len(self.file),
            "synthetic": self.file.synthetic,
            "geometry": geometry.name,
            "particle": geometry.particle,
            "voxels": geometry.voxels,
            "layers": len(geometry.ids),
            "dtype": str(self.file.dtype),
            "incident_energy": [float(energies.min()), float(energies.max())],
            "ratio_mean": float(self.ratio.mean()),
            "ratio_deviation": float(self.ratio.std()),
            "layer_fractions": self.in_layer.tolist(),
            "cut": geometry.cut,
            "sparsity": self.sparsity,
            "smallest_voxel": self.smallest,
            "largest_voxel": self.largest,
            "attributes": {k: v for k, v in self.file.attributes.items() if k != "binning"},
        }


def info(path: str | Path, geometry: Geometry | None = None) -> Info:
    """Reads the file once; one that is not sound is refused."""
    file = ShowerFile(path, geometry)
    starts = [part.start for part in file.geometry.layers]
    ratios, layers = [], np.zeros(len(starts))
    empty, smallest, largest = 0, np.inf, 0.0
    for energies, showers in file.blocks(TOGETHER):
        in_layer = np.add.reduceat(showers, starts, axis=1, dtype=np.float64)
        ratios.append(in_layer.sum(axis=1) / energies)
        layers += in_layer.sum(axis=0)
        empty += int(np.count_nonzero(showers < file.geometry.cut))
        smallest = min(smallest, float(showers.min(initial=np.inf, where=showers > 0)))
        largest = max(largest, float(showers.max(initial=0)))
    return Info(
        file=file,
        bytes=file.path.stat().st_size,
        ratio=np.concatenate(ratios),
        in_layer=layers / max(layers.sum(), 1e-300),
        sparsity=empty / (len(file) * file.geometry.voxels),
        smallest=smallest if np.isfinite(smallest) else 0.0,
        largest=largest,
    )
