"""The medium and the formulas of showers against quadrature, limits and published figures."""

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from ansatz.calo import gflash
from ansatz.calo.medium import (
    ARGON,
    DETECTORS,
    LEAD,
    LEAD_ARGON,
    TUNGSTEN,
    TUNGSTEN_SILICON,
    Medium,
)

E = np.array([1.0, 10.0, 100.0, 1000.0])


def test_plates_of_one_material_are_that_material():
    medium = Medium(LEAD, LEAD, d_passive=1.0, d_active=3.0)
    assert medium.z == pytest.approx(LEAD.z)
    assert medium.density == pytest.approx(LEAD.density)
    assert medium.radiation_length == pytest.approx(LEAD.radiation_length)
    assert medium.critical_energy == pytest.approx(LEAD.critical_energy)
    scale = 21.2 / LEAD.critical_energy * LEAD.radiation_length
    assert medium.moliere_radius == pytest.approx(scale)
    assert medium.signal_ratio == 1
    assert medium.sampling_frequency == pytest.approx(LEAD.radiation_length / 4)


@pytest.mark.parametrize(("material", "critical"), [(TUNGSTEN, 7.97), (LEAD, 7.43), (ARGON, 32.84)])
def test_materials_are_near_the_tables(material, critical):
    """The Particle Data Group's critical energies, MeV.

    It defines them otherwise; the formula here is a fit that is good to about 10 %, and a wrong
    unit or exponent is off by more.
    """
    assert material.critical_energy == pytest.approx(critical, rel=0.12)


def test_the_stack_of_dataset_2():
    """By hand: two plates whose radiation lengths add as 1.4 / 3.504 + 0.3 / 93.7 in 1.7 mm."""
    lengths = 1.4 / 3.504 + 0.3 / 93.7
    assert TUNGSTEN_SILICON.radiation_length == pytest.approx(1.7 / lengths, rel=1e-12)
    assert TUNGSTEN_SILICON.sampling_frequency == pytest.approx(1 / lengths, rel=1e-12)
    heavy, light = 1.4 * 19.3, 0.3 * 2.329
    assert TUNGSTEN_SILICON.z == pytest.approx((74 * heavy + 14 * light) / (heavy + light))
    assert TUNGSTEN_SILICON.density == pytest.approx((heavy + light) / 1.7)
    # In lengths, the masses cancel: Ec is weighted by each plate's radiation lengths.
    tungsten, silicon = (m.critical_energy for m in (TUNGSTEN, TUNGSTEN_SILICON.active))
    mean = (1.4 / 3.504 * tungsten + 0.3 / 93.7 * silicon) / lengths
    assert TUNGSTEN_SILICON.critical_energy == pytest.approx(mean, rel=1e-12)
    scale = 21.2 / mean * TUNGSTEN_SILICON.radiation_length
    assert TUNGSTEN_SILICON.moliere_radius == pytest.approx(scale, rel=1e-12)
    assert TUNGSTEN_SILICON.signal_ratio == pytest.approx(1 / 1.42)
    edges = DETECTORS["dataset2"].edges
    assert len(edges) == 46
    assert edges[-1] * TUNGSTEN_SILICON.radiation_length == pytest.approx(153.0)


def test_the_moments_of_showers():
    """Line by line from the publication, in plain arithmetic, at 10 GeV."""
    ln_y = math.log(10e3 / TUNGSTEN_SILICON.critical_energy)
    steps = (1.4 / 3.504) + (0.3 / 93.7)
    t = math.exp(math.log(ln_y - 0.812)) - 0.55 * steps - 0.69 * (1 - 1 / 1.42)
    a = 0.81 + (0.458 + 2.26 / TUNGSTEN_SILICON.z) * ln_y - 0.476 * steps
    found = gflash.moments(TUNGSTEN_SILICON, np.array([10.0]))
    assert np.exp(found.ln_t) == pytest.approx(t)
    assert np.exp(found.ln_a) == pytest.approx(a)
    assert found.sigma_t == pytest.approx(1 / (1.25 * ln_y - 2.5))
    assert found.sigma_a == pytest.approx(1 / (0.79 * ln_y - 0.82))
    assert found.rho == pytest.approx(0.784 - 0.023 * ln_y)
    assert gflash.spots(np.array([10.0]), 0.1) == pytest.approx(103 * 10**0.959)


def test_low_energies_stay_within_bounds():
    found = gflash.moments(LEAD_ARGON, np.geomspace(0.1, 1e5, 50))
    assert (found.sigma_t <= 0.5).all()
    assert (found.sigma_a <= 0.5).all()
    assert (np.abs(found.rho) <= 1).all()
    rng = np.random.default_rng(0)
    t, a = found.shapes(rng.normal(size=(2, 1000, 50)))
    assert (t >= 1).all()
    assert (a >= 1.1).all()


def test_ln_t_and_ln_a_fluctuate_as_they_should():
    """Means, deviations and correlation of draws at 100 GeV.

    Of n normal pairs the mean is known to σ/√n, the deviation to σ/√(2n), the correlation to
    (1 − ρ²)/√n; five times that is allowed. At 100 GeV the bounds on T and a are 18 and 10
    deviations away.
    """
    n = 100_000
    found = gflash.moments(TUNGSTEN_SILICON, np.array([100.0]))
    t, a = found.shapes(np.random.default_rng(0).normal(size=(2, n)))
    ln_t, ln_a = np.log(t), np.log(a)
    for drawn, mean, sigma in (
        (ln_t, found.ln_t[0], found.sigma_t[0]),
        (ln_a, found.ln_a[0], found.sigma_a[0]),
    ):
        assert abs(drawn.mean() - mean) < 5 * sigma / math.sqrt(n)
        assert abs(drawn.std() - sigma) < 5 * sigma / math.sqrt(2 * n)
    rho = found.rho[0]
    assert abs(np.corrcoef(ln_t, ln_a)[0, 1] - rho) < 5 * (1 - rho**2) / math.sqrt(n)
    assert 0.5 < rho < 0.6


@pytest.mark.parametrize("energy", E)
def test_deposited_is_the_integral_of_the_profile_whose_maximum_is_at_t(energy):
    found = gflash.moments(TUNGSTEN_SILICON, np.array([energy]))
    t, a = math.exp(found.ln_t[0]), math.exp(found.ln_a[0])

    def profile(depth):
        b = (a - 1) / t
        return (b * depth) ** (a - 1) * b * math.exp(-b * depth) / math.gamma(a)

    depths = np.array([-1.0, 0.5, t, 20.0])
    expected = [0, *(integrate.quad(profile, 0, depth)[0] for depth in depths[1:])]
    deposited = gflash.deposited(np.array([t]), np.array([a]), depths)
    assert deposited == pytest.approx(np.array(expected), rel=1e-8)
    most = optimize.minimize_scalar(lambda d: -profile(d), bounds=(0, 30), method="bounded")
    assert most.x == pytest.approx(t, abs=1e-4)


def test_the_radial_profile():
    """Its integral by quadrature, and the publication's lines once more in plain arithmetic."""
    energy, tau = 10.0, 0.7
    found = gflash.radial(TUNGSTEN_SILICON, np.array([energy]), np.array([tau]))
    core, tail, p = found.core[0], found.tail[0], found.p[0]
    z, ln_e = TUNGSTEN_SILICON.z, math.log(energy)
    steps, excess = 1 / TUNGSTEN_SILICON.sampling_frequency, 1 - TUNGSTEN_SILICON.signal_ratio
    assert core == pytest.approx(
        0.0251
        + 0.00319 * ln_e
        + (0.1162 - 0.000381 * z) * tau
        - 0.0203 * excess
        + 0.0397 * steps * math.exp(-tau)
    )
    k2, k3, k4 = 0.645, -2.59, 0.3585 + 0.0421 * ln_e
    assert tail == pytest.approx(
        (0.659 - 0.00309 * z) * (math.exp(k3 * (tau - k2)) + math.exp(k4 * (tau - k2)))
        - 0.14 * excess
        - 0.495 * steps * math.exp(-tau)
    )
    q = (0.401 + 0.00187 * z - tau) / (1.313 - 0.0686 * ln_e)
    assert p == pytest.approx(
        (2.632 - 0.00094 * z) * math.exp(q - math.exp(q))
        + excess * (0.348 - 0.642 * steps * math.exp(-((tau - 1) ** 2)))
    )

    def density(r):
        def part(radius):
            return 2 * r * radius**2 / (r * r + radius**2) ** 2

        return p * part(core) + (1 - p) * part(tail)

    radii = np.array([0.1, 1.0, 4.0])
    expected = [integrate.quad(density, 0, r)[0] for r in radii]
    assert found.within(radii) == pytest.approx(np.array(expected))
    assert found.within(np.array([1e9])) == pytest.approx(1)


def test_a_core_alone_is_drawn_by_its_inverse():
    """r = R √(u / (1 − u)) of uniform u has the distribution `within`: its test by Kolmogorov.

    2000 draws with a fixed seed; p below 1e-6 would be one bad seed in a million.
    """
    alone = gflash.Radial(np.array([0.3]), np.array([1.0]), np.array([1.0]))
    u = np.random.default_rng(0).uniform(size=2000)
    assert stats.kstest(0.3 * np.sqrt(u / (1 - u)), alone.within).pvalue > 1e-6


def test_the_mean_depth_of_the_average_shower():
    """With a at its mean the correction is 1/(…): τ = 1 lies at T, as (a−1)/a cancels."""
    t, a = np.array([6.0, 6.0]), np.array([4.0, 3.0])
    ln_a = np.full(2, math.log(4.0))
    assert gflash.mean_depth(t, a, ln_a) == pytest.approx(np.array([6.0, 6.75]))
