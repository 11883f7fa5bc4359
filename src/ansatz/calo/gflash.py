"""The average electromagnetic shower in a sampling medium and how single showers depart from it.

GFLASH of Grindhammer and Peters, hep-ex/0001020. Energies E are in GeV, y = E / Ec, depths t in
radiation lengths, radii in Molière radii. Energy is deposited along the shower by

    dE/E = (b t)^(a−1) b e^(−b t) / Γ(a) dt,   b = (a − 1) / T,

with ln T and ln a normal and correlated, and across it by

    f(r) = p 2 r Rc² / (r² + Rc²)² + (1 − p) 2 r Rt² / (r² + Rt²)²,

a core and a tail whose radii grow with the depth in units of its mean, τ.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc

from ansatz.calo.medium import Medium

CONVERSION = 9 / 7
"""The mean depth at which a photon becomes a pair, in radiation lengths."""

WIDEST = 0.5
"""The largest deviation of ln T and ln a; at low energies the fits would exceed it or diverge."""

LEAST_T, LEAST_A = 1.0, 1.1
SMALLEST_RADIUS = 1e-3
FARTHEST = 20.0
"""τ beyond which the radii do not grow on."""


@dataclass(frozen=True)
class Moments:
    """The joint normal distribution of ln T and ln a, at each energy."""

    ln_t: np.ndarray
    ln_a: np.ndarray
    sigma_t: np.ndarray
    sigma_a: np.ndarray
    rho: np.ndarray

    def shapes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T and a from pairs of standard normal numbers z (2, m).

        Each is σ times (c1 z1 ± c2 z2) off its mean, with c1² + c2² = 1 and c1² − c2² = ρ.
        """
        c1, c2 = np.sqrt((1 + self.rho) / 2), np.sqrt((1 - self.rho) / 2)
        t = np.exp(self.ln_t + self.sigma_t * (c1 * z[0] + c2 * z[1]))
        a = np.exp(self.ln_a + self.sigma_a * (c1 * z[0] - c2 * z[1]))
        return np.maximum(t, LEAST_T), np.maximum(a, LEAST_A)


def moments(medium: Medium, energy: np.ndarray) -> Moments:
    """Those of showers of these energies, GeV."""
    ln_y = np.log(1000 * energy / medium.critical_energy)
    coarse = 1 / medium.sampling_frequency
    t = ln_y - 0.812 - 0.55 * coarse - 0.69 * (1 - medium.signal_ratio)
    a = 0.81 + (0.458 + 2.26 / medium.z) * ln_y - 0.476 * coarse
    return Moments(
        ln_t=np.log(np.maximum(t, LEAST_T)),
        ln_a=np.log(np.maximum(a, LEAST_A)),
        sigma_t=1 / np.maximum(-2.5 + 1.25 * ln_y, 1 / WIDEST),
        sigma_a=1 / np.maximum(-0.82 + 0.79 * ln_y, 1 / WIDEST),
        rho=np.clip(0.784 - 0.023 * ln_y, -1, 1),
    )


def deposited(t: np.ndarray, a: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The part of the energy that is deposited before a depth, the integral of the profile."""
    return gammainc(a, (a - 1) / t * np.maximum(depth, 0))


def spots_profile(medium: Medium, t: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """T and a of the profile of the number of spots, which are not quite those of the energy."""
    t, a = t * (0.813 + 0.0019 * medium.z), a * (0.844 + 0.0026 * medium.z)
    return t, np.maximum(a, LEAST_A)


def spots(energy: np.ndarray, c: float) -> np.ndarray:
    """How many spots a shower has: 10.3 / c E^0.959, with the resolution σ/E = c / √E."""
    return 10.3 / c * energy**0.959


@dataclass(frozen=True)
class Radial:
    """The distribution of the distance to the axis."""

    core: np.ndarray
    """Rc, Molière radii."""
    tail: np.ndarray
    """Rt, Molière radii."""
    p: np.ndarray
    """The part of the core."""

    def within(self, r: np.ndarray) -> np.ndarray:
        """The part of the energy within r, p r² / (r² + Rc²) + (1 − p) r² / (r² + Rt²)."""
        r2 = r * r
        core, tail = r2 / (r2 + self.core**2), r2 / (r2 + self.tail**2)
        return tail + self.p * (core - tail)


def mean_depth(t: np.ndarray, a: np.ndarray, ln_a: np.ndarray) -> np.ndarray:
    """The depth at which τ = 1: T a / (a − 1) times what it lacks for the mean of ln a."""
    mean_a = np.exp(ln_a)
    return t * a / (a - 1) * (mean_a - 1) / mean_a


def radial(medium: Medium, energy: np.ndarray, tau: np.ndarray) -> Radial:
    """The radial profile at a depth τ."""
    tau = np.clip(tau, 0, FARTHEST)
    ln_e, z = np.log(energy), medium.z
    coarse, excess = 1 / medium.sampling_frequency, 1 - medium.signal_ratio
    decay = np.exp(-tau)
    core = (0.0251 + 0.00319 * ln_e) + (0.1162 - 0.000381 * z) * tau
    core = core - 0.0203 * excess + 0.0397 * coarse * decay
    tail = (0.659 - 0.00309 * z) * (
        np.exp(-2.59 * (tau - 0.645)) + np.exp((0.3585 + 0.0421 * ln_e) * (tau - 0.645))
    )
    tail = tail - 0.14 * excess - 0.495 * coarse * decay
    q = ((0.401 + 0.00187 * z) - tau) / (1.313 - 0.0686 * ln_e)
    p = (2.632 - 0.00094 * z) * np.exp(q - np.exp(q))
    p = p + excess * (0.348 - 0.642 * coarse * np.exp(-((tau - 1) ** 2)))
    return Radial(
        np.maximum(core, SMALLEST_RADIUS), np.maximum(tail, SMALLEST_RADIUS), np.clip(p, 0, 1)
    )
