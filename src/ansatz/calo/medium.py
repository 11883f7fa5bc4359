"""Sampling calorimeters as one medium of mixed properties, and the media of the geometries.

For a stack of passive (p) and active (a) plates of thickness d, with weights w_i = d_i ρ_i / Σ
of mass (Grindhammer and Peters, hep-ex/0001020):

    Z = Σ w_i Z_i,  ρ = Σ d_i ρ_i / Σ d_i,  1/X0 = Σ w_i ρ / (X0_i ρ_i),
    Ec = X0 Σ w_i Ec_i / X0_i,  1/R_M = 1/Es Σ w_i Ec_i / X0_i,
    F_S = X0 / (d_a + d_p),  ê = 1 / (1 + 0.007 (Z_p − Z_a)),

where in Ec and R_M lengths are masses per area.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SCALE_ENERGY = 21.2
"""Es, MeV: that of multiple scattering."""


@dataclass(frozen=True)
class Material:
    """A pure material."""

    z: int
    """Atomic number."""
    a: float
    """Atomic mass, g/mol."""
    density: float
    """g/cm³."""
    radiation_length: float
    """mm."""

    @property
    def radiation_mass(self) -> float:
        """The radiation length as a mass per area, g/cm²."""
        return self.radiation_length / 10 * self.density

    @property
    def critical_energy(self) -> float:
        """Ec = 2.66 (X0 Z/A)^1.1 MeV with X0 in g/cm²."""
        return 2.66 * (self.radiation_mass * self.z / self.a) ** 1.1


@dataclass(frozen=True)
class Medium:
    """Plates of a passive and an active material in turn, thicknesses in mm."""

    passive: Material
    active: Material
    d_passive: float
    d_active: float

    @cached_property
    def _plates(self) -> tuple[tuple[float, Material], ...]:
        """The two materials with their weights."""
        plates = ((self.d_passive, self.passive), (self.d_active, self.active))
        total = sum(d * m.density for d, m in plates)
        return tuple((d * m.density / total, m) for d, m in plates)

    @cached_property
    def thickness(self) -> float:
        """Of one pair of plates, mm."""
        return self.d_passive + self.d_active

    @cached_property
    def z(self) -> float:
        """The mean atomic number."""
        return sum(w * m.z for w, m in self._plates)

    @cached_property
    def density(self) -> float:
        """g/cm³."""
        mass = self.d_passive * self.passive.density + self.d_active * self.active.density
        return mass / self.thickness

    @cached_property
    def radiation_length(self) -> float:
        """mm."""
        return 10 / (self.density * sum(w / m.radiation_mass for w, m in self._plates))

    @cached_property
    def _energy_per_mass(self) -> float:
        """Σ w Ec / X0, MeV cm²/g."""
        return sum(w * m.critical_energy / m.radiation_mass for w, m in self._plates)

    @cached_property
    def critical_energy(self) -> float:
        """MeV."""
        return self.radiation_length / 10 * self.density * self._energy_per_mass

    @cached_property
    def moliere_radius(self) -> float:
        """mm."""
        return 10 * SCALE_ENERGY / (self._energy_per_mass * self.density)

    @cached_property
    def sampling_frequency(self) -> float:
        """F_S: pairs of plates in a radiation length."""
        return self.radiation_length / self.thickness

    @cached_property
    def signal_ratio(self) -> float:
        """ê: the signal of an electron in units of that of a minimum ionising particle."""
        return 1 / (1 + 0.007 * (self.passive.z - self.active.z))


@dataclass(frozen=True)
class Detector:
    """A medium, and the depths at which the layers of a geometry begin and the last one ends."""

    medium: Medium
    edges: tuple[float, ...]
    """In radiation lengths, rising; one more than there are layers."""


TUNGSTEN = Material(z=74, a=183.84, density=19.3, radiation_length=3.504)
SILICON = Material(z=14, a=28.085, density=2.329, radiation_length=93.7)
LEAD = Material(z=82, a=207.2, density=11.35, radiation_length=5.612)
ARGON = Material(z=18, a=39.948, density=1.396, radiation_length=140.0)

TUNGSTEN_SILICON = Medium(TUNGSTEN, SILICON, d_passive=1.4, d_active=0.3)
"""Of datasets 2 and 3."""

LEAD_ARGON = Medium(LEAD, ARGON, d_passive=1.53, d_active=4.2)
"""A stand-in for the electromagnetic barrel of dataset 1, whose plates are folded and not only
of lead."""


def _cells(count: int, millimetres: float, medium: Medium) -> tuple[float, ...]:
    """Equal layers from the front on."""
    return tuple((np.arange(count + 1) * millimetres / medium.radiation_length).tolist())


_CELL = 2 * TUNGSTEN_SILICON.thickness

DETECTORS = {
    "dataset1-photons": Detector(LEAD_ARGON, (0.0, 0.4, 4.7, 20.7, 22.7, 30.0)),
    "dataset2": Detector(TUNGSTEN_SILICON, _cells(45, _CELL, TUNGSTEN_SILICON)),
    "dataset3": Detector(TUNGSTEN_SILICON, _cells(45, _CELL, TUNGSTEN_SILICON)),
}
"""The detectors that can be simulated, by the name of their geometry.

The depths for dataset 1 are round numbers: a thin presampler, 4.3, 16 and 2 radiation lengths of
barrel, and what follows. The binning file has no depths.
"""
