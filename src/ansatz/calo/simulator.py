"""Synthetic electromagnetic showers in the voxels of a geometry.

Each shower draws T and a; its energy in each layer fluctuates as a Gamma distribution of shape
dE / c² and scale c² GeV, and is shared evenly among the spots of the layer. Spots fall into rings
by the radial profile and evenly into angles.

How many spots fall into each ring is drawn from the closed form of the profile, as numbers and
not spot by spot: the distribution is the same, and the cost hardly grows with the energy. NumPy
draws them, whose samplers are several times as fast as JAX's on a processor.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from ansatz.calo import gflash
from ansatz.calo.calibration import Calibration
from ansatz.calo.geometry import Geometry
from ansatz.calo.medium import Detector
from ansatz.protocol.errors import OptionError
from ansatz.protocol.settings import LARGEST

FEW = 20
"""Rings with more spots than this in an angle have the angles' numbers drawn, not each spot's."""

THICKEST = 1.0
"""Radiation lengths over which the radial profile is taken for constant, at most."""


class _Bank(NamedTuple):
    """Layers in a row that have the same voxels, and the steps in depth that divide them."""

    layers: slice
    voxels: slice
    angles: int
    radii: np.ndarray
    """The edges of the rings in Molière radii."""
    steps: slice
    starts: np.ndarray
    """Which of these steps is the first of each layer."""


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """Makes showers of given energies; a voxel of less than `threshold` MeV is empty."""

    geometry: Geometry
    detector: Detector
    calibration: Calibration
    threshold: float
    smooth: bool = False
    """Every shower of an energy has the same longitudinal profile, that of the mean ln T, ln a."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= LARGEST:
            raise OptionError(
                f"The threshold must be 0 MeV or more and below {LARGEST:.2g}, "
                f"not {self.threshold:g}."
            )
        if len(self.detector.edges) != len(self.geometry.ids) + 1:
            raise OptionError(
                f"The detector has {len(self.detector.edges)} depths; the "
                f"{len(self.geometry.ids)} layers of {self.geometry.name} need one more."
            )

    def showers(self, energies: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Showers (m, voxels) of particles of these energies (m,), in MeV."""
        energy = energies[:, None] / 1000
        medium, c = self.detector.medium, self.calibration.c
        moments = gflash.moments(medium, energy)
        z = np.zeros((2, *energy.shape)) if self.smooth else rng.normal(size=(2, *energy.shape))
        t, a = moments.shapes(z)
        depth = np.broadcast_to(self._edges, (len(energies), len(self._edges)))
        if self.geometry.particle == "photon":
            depth = depth - rng.exponential(gflash.CONVERSION, energy.shape)

        # Where all is deposited, rounding lets the difference fall below 0.
        part = np.maximum(np.diff(gflash.deposited(t, a, depth), axis=1), 0)
        in_layer = np.add.reduceat(part, self._starts, axis=1)
        spread = rng.standard_gamma(energy / (c * c) * in_layer) * (c * c * 1000)
        deposit = self.calibration.response_at(energy) * spread
        number = self._spots(energy, t, a, depth, in_layer)
        each = deposit / np.maximum(number, 1)

        middle = (depth[:, 1:] + depth[:, :-1]) / 2
        tau = middle / gflash.mean_depth(t, a, moments.ln_a)
        weight = part / np.repeat(np.maximum(in_layer, 1e-300), self._counts, axis=1)
        rows = np.empty((len(energies), self.geometry.voxels), np.float32)
        for bank in self._banks:
            profile = gflash.radial(medium, energy, tau[:, bank.steps])
            rings = self._rings(profile, weight[:, bank.steps], bank)
            inside = rng.multinomial(number[:, bank.layers], rings)[..., :-1]
            spots = around(inside, bank.angles, rng).astype(np.float32)
            energies_each = each[:, bank.layers, None, None].astype(np.float32)
            view = rows[:, bank.voxels].reshape(len(rows), -1, bank.angles, len(bank.radii) - 1)
            np.multiply(spots.swapaxes(2, 3), energies_each, out=view)
        rows[rows < self.threshold] = 0
        return rows

    def _spots(
        self,
        energy: np.ndarray,
        t: np.ndarray,
        a: np.ndarray,
        depth: np.ndarray,
        in_layer: np.ndarray,
    ) -> np.ndarray:
        """How many spots each layer has: the nearest whole number to the mean."""
        edges = np.append(self._starts, -1)
        before = gflash.deposited(
            *gflash.spots_profile(self.detector.medium, t, a), depth[:, edges]
        )
        mean = gflash.spots(energy, self.calibration.c) * np.diff(before, axis=1)
        # Energy that is there has at least one spot to be in.
        return np.where(in_layer > 0, np.maximum(np.rint(mean), 1), 0).astype(np.int64)

    def _rings(self, profile: gflash.Radial, weight: np.ndarray, bank: _Bank) -> np.ndarray:
        """The part of each layer's energy in each ring, and in the last place what is in none."""
        deeper = gflash.Radial(
            profile.core[..., None], profile.tail[..., None], profile.p[..., None]
        )
        within = deeper.within(bank.radii) * weight[..., None]
        rings = np.diff(np.add.reduceat(within, bank.starts, axis=1), axis=2)
        outside = np.maximum(1 - rings.sum(axis=2, keepdims=True), 0)
        return np.concatenate([rings, outside], axis=2)

    @cached_property
    def _counts(self) -> list[int]:
        """Into how many steps each layer is divided."""
        return [max(1, int(np.ceil((b - a) / THICKEST))) for a, b in pairwise(self.detector.edges)]

    @cached_property
    def _starts(self) -> np.ndarray:
        """The first step of each layer."""
        return np.cumsum([0, *self._counts[:-1]])

    @cached_property
    def _edges(self) -> np.ndarray:
        """The depths that bound the steps, radiation lengths."""
        parts = [
            np.linspace(a, b, count, endpoint=False)
            for (a, b), count in zip(pairwise(self.detector.edges), self._counts, strict=True)
        ]
        return np.append(np.concatenate(parts), self.detector.edges[-1])

    @cached_property
    def _banks(self) -> tuple[_Bank, ...]:
        geometry = self.geometry
        steps = np.append(self._starts, sum(self._counts))

        def shape(layer: int) -> tuple[tuple[float, ...], int]:
            return geometry.r_edges[layer], geometry.n_alpha[layer]

        banks = []
        for (radii, angles), group in groupby(range(len(geometry.ids)), shape):
            layers = list(group)
            first, last = layers[0], layers[-1]
            banks.append(
                _Bank(
                    layers=slice(first, last + 1),
                    voxels=slice(geometry.layers[first].start, geometry.layers[last].stop),
                    angles=angles,
                    radii=np.array(radii) / self.detector.medium.moliere_radius,
                    steps=slice(int(steps[first]), int(steps[last + 1])),
                    starts=steps[first : last + 1] - steps[first],
                )
            )
        return tuple(banks)


def around(numbers: np.ndarray, angles: int, rng: np.random.Generator) -> np.ndarray:
    """Shares out numbers (...) of spots evenly over angles, (..., angles)."""
    if angles == 1:
        return numbers[..., None]
    flat = numbers.ravel()
    many = flat > FEW * angles
    place = np.repeat(np.arange(flat.size) * angles, np.where(many, 0, flat))
    place += rng.integers(0, angles, len(place), np.uint16 if angles <= 1 << 16 else np.uint32)
    shared = np.bincount(place, minlength=flat.size * angles).reshape(-1, angles)
    if many.any():
        shared[many] = rng.multinomial(flat[many], np.full(angles, 1 / angles))
    return shared.reshape(*numbers.shape, angles)
