"""The histograms by which files of showers are compared, with the CaloChallenge's bins."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ansatz.calo.features import Features
from ansatz.calo.geometry import Geometry

TOTAL, LAYER, VOXEL, SPARSITY = "E total", "E layer", "voxel", "sparsity"
CENTRES = ("EC eta", "EC phi", "EC r")
WIDTHS = ("W eta", "W phi", "W r")
GROUPS = (TOTAL, LAYER, VOXEL, *CENTRES, *WIDTHS, SPARSITY)
"""What is histogrammed: each group for every layer, but for the first and the third."""

WIDE = (12, 13)
"""Layers of dataset 1 that reach far out."""


class Binning(NamedTuple):
    """One histogram: what of which layer, and its bins. Energies are in MeV, lengths in mm."""

    group: str
    layer: int | None
    """The layer's id; None for all together."""
    edges: np.ndarray
    log: bool
    """Whether bins are even in the logarithm."""


@dataclass(frozen=True, eq=False)
class Largest:
    """The largest energies of a reference, which say where its bins end."""

    layer: np.ndarray
    """Of each layer."""
    voxel: float


def binnings(geometry: Geometry, largest: Largest) -> tuple[Binning, ...]:
    """All histograms of a geometry, in the order of `GROUPS` and then of the layers.

    Lengths that the challenge names no bins for have its limits: r those of eta and phi.
    """
    ids = geometry.ids
    divided = [id for id, n in zip(ids, geometry.n_alpha, strict=True) if n > 1]
    energies = {
        id: even_in_log(geometry.cut, float(top), 40)
        for id, top in zip(ids, largest.layer, strict=True)
    }
    found = [Binning(TOTAL, None, np.linspace(0.5, 1.5, 101), False)]
    found += [Binning(LAYER, id, energies[id], True) for id in ids]
    found.append(Binning(VOXEL, None, even_in_log(geometry.cut, largest.voxel, 50), True))
    for name, layers in zip(CENTRES, (divided, divided, ids), strict=True):
        for id in layers:
            reach = _reach(geometry, id)[0]
            low = 0.0 if name == "EC r" else -reach
            found.append(Binning(name, id, np.linspace(low, reach, 101), False))
    for name, layers in zip(WIDTHS, (divided, divided, ids), strict=True):
        for id in layers:
            found.append(Binning(name, id, np.linspace(0, _reach(geometry, id)[1], 101), False))
    found += [Binning(SPARSITY, id, np.linspace(0, 1, 21), False) for id in ids]
    return tuple(found)


def columns(features: Features) -> list[np.ndarray | None]:
    """The numbers that go into each histogram, in the order of `binnings`; voxels apart, None."""
    found: list[np.ndarray | None] = [features.energy / features.incident]
    found += list(features.layer_energy.T)
    found.append(None)
    for values in (
        features.centre_eta,
        features.centre_phi,
        features.centre_r,
        features.width_eta,
        features.width_phi,
        features.width_r,
        features.sparsity,
    ):
        found += list(values.T)
    return found


def counts(
    binnings: tuple[Binning, ...], features: Features, voxels: np.ndarray
) -> list[np.ndarray]:
    """How many of these showers' numbers lie in every bin; `voxels` are those above the cut."""
    return [
        np.histogram(voxels if values is None else values, binning.edges)[0]
        for binning, values in zip(binnings, columns(features), strict=True)
    ]


def even_in_log(low: float, high: float, count: int) -> np.ndarray:
    """So many edges; up to ten times the lowest where the reference has nothing above it."""
    return np.logspace(np.log10(low), np.log10(high if high > low else 10 * low), count)


def _reach(geometry: Geometry, id: int) -> tuple[float, float]:
    """How far from the middle bins of centres of energy go, and those of widths, mm."""
    if geometry.name.startswith("dataset1"):
        return (500.0, 400.0) if id in WIDE else (100.0, 100.0)
    return 30.0, 30.0
