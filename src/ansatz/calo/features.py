"""The high-level features of showers, as the CaloChallenge (arXiv 2410.21611) has them.

Voxels of less energy than the geometry's cut count as empty. With E the energies of a layer's
voxels and c the middles of these in one coordinate, the centre of energy and the width are

    EC_c = sum(c E) / (sum(E) + 1e-16),  W_c = sqrt(sum(c^2 E) / (sum(E) + 1e-16) - EC_c^2).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ansatz.calo.geometry import Geometry

ROWS = 128
"""Showers at a time: so many, in double precision, stay near the processor."""
LITTLE, LEAST = 1e-16, 1e-8
"""Added to a sum that is divided by, and to one whose logarithm is taken, MeV."""
LENGTH = 100.0
"""mm, the unit of lengths in a vector of features."""

PerShower = Float[np.ndarray, " _"]
PerLayer = Float[np.ndarray, "_ _"]


class Features(NamedTuple):
    """Of some showers; lengths in mm, energies in MeV.

    Eta and phi have a column for each layer that is divided in the angle, all else for every
    layer.
    """

    incident: PerShower
    layer_energy: PerLayer
    sparsity: PerLayer
    """The part of a layer's voxels that is empty."""
    centre_eta: PerLayer
    centre_phi: PerLayer
    centre_r: PerLayer
    width_eta: PerLayer
    width_phi: PerLayer
    width_r: PerLayer

    @property
    def energy(self) -> PerShower:
        """The sum over all voxels."""
        return self.layer_energy.sum(1)

    def take(self, rows: np.ndarray) -> "Features":
        """Those of some of the showers."""
        return Features(*(values[rows] for values in self))

    def vector(self) -> Float[np.ndarray, "_ features"]:
        """All of them side by side, in the order and the units that metrics take."""
        return np.concatenate(
            [
                np.log10(self.incident)[:, None],
                np.log10(self.layer_energy + LEAST),
                self.centre_eta / LENGTH,
                self.centre_phi / LENGTH,
                self.width_eta / LENGTH,
                self.width_phi / LENGTH,
                np.log10(self.energy + LEAST)[:, None],
                self.sparsity,
                self.centre_r / LENGTH,
                self.width_r / LENGTH,
            ],
            axis=1,
        )


@dataclass(frozen=True)
class FeatureMaker:
    """From showers of one geometry to their features."""

    geometry: Geometry

    @cached_property
    def divided(self) -> list[int]:
        """The layers with more than one angular bin, by their position."""
        return [layer for layer, n in enumerate(self.geometry.n_alpha) if n > 1]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the numbers of a vector are called; layers by their ids."""
        ids = self.geometry.ids
        divided = [ids[layer] for layer in self.divided]
        groups = [
            ("log10_E", ids),
            *((name, divided) for name in ("EC_eta", "EC_phi", "W_eta", "W_phi")),
            ("", ()),
            *((name, ids) for name in ("sparsity", "EC_r", "W_r")),
        ]
        words = ["log10_E_inc"]
        for name, layers in groups:
            words += [f"{name}_{layer}" for layer in layers] if name else ["log10_E_tot"]
        return tuple(words)

    def __call__(self, energies: PerShower, showers: Float[np.ndarray, "_ voxels"]) -> Features:
        """The features of these showers; energies in MeV."""
        layers = self.geometry.layers
        sums = np.empty((len(layers), len(showers), 7))
        hits = np.empty((len(showers), len(layers)), np.int32)
        starts = [part.start for part in layers]
        # Memory that is used again is not asked for again.
        kept = np.empty((ROWS, showers.shape[1]), showers.dtype)
        double = np.empty(kept.shape)
        for rows in _parts(len(showers)):
            mask = showers[rows] >= self.geometry.cut
            n = len(mask)
            np.multiply(showers[rows], mask, out=kept[:n])
            double[:n] = kept[:n]
            # A bool has the eight bits of a small number, and those are added many times as fast.
            np.add.reduceat(mask.view(np.int8), starts, axis=1, out=hits[rows])
            for layer, (part, moments) in enumerate(zip(layers, self._moments, strict=True)):
                np.matmul(double[:n, part], moments, out=sums[layer, rows])
        return self._features(np.asarray(energies, np.float64), sums, hits)

    @cached_property
    def _moments(self) -> list[Float[np.ndarray, "voxels 7"]]:
        """What a layer's energies are multiplied by: 1, eta, phi, r and the squares of these."""
        centres = self.geometry.centres()
        lengths = np.stack([centres.eta, centres.phi, centres.r], 1)
        both = np.concatenate([np.ones((len(lengths), 1)), lengths, lengths**2], 1)
        return [np.ascontiguousarray(both[part]) for part in self.geometry.layers]

    def _features(
        self,
        incident: PerShower,
        sums: Float[np.ndarray, "layers _ 7"],
        hits: np.ndarray,
    ) -> Features:
        sums = sums.transpose(1, 0, 2)
        energy = sums[..., 0]
        total = energy[..., None] + LITTLE
        centre = sums[..., 1:4] / total
        width = np.sqrt(np.clip(sums[..., 4:] / total - centre**2, 0, None))
        sizes = np.array([part.stop - part.start for part in self.geometry.layers])
        divided = self.divided
        return Features(
            incident=incident,
            layer_energy=energy,
            sparsity=1 - hits / sizes,
            centre_eta=centre[:, divided, 0],
            centre_phi=centre[:, divided, 1],
            centre_r=centre[..., 2],
            width_eta=width[:, divided, 0],
            width_phi=width[:, divided, 1],
            width_r=width[..., 2],
        )


def _parts(showers: int) -> Iterator[slice]:
    return (slice(start, min(start + ROWS, showers)) for start in range(0, showers, ROWS))
