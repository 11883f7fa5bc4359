"""High-level features, against their formulas, layer by layer."""

import formulas
import numpy as np
import pytest

from ansatz.calo.features import ROWS, FeatureMaker
from ansatz.calo.geometry import GEOMETRIES, Geometry

TINY = Geometry("tiny", "electron", ((0.0, 1.0, 3.0), (1.5, 2.0)), (3, 1), (4, 7), 0.5)
NUMBERS = {"dataset1-photons": 30, "dataset1-pions": 46, "dataset2": 362, "dataset3": 362}


def showers(geometry, count, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    found = rng.exponential(4 * geometry.cut, (count, geometry.voxels))
    found *= rng.uniform(size=found.shape) < 0.3
    # Some layers, and a whole shower, are empty.
    found[1, geometry.layers[-1]] = 0
    found[2] = 0
    return rng.uniform(1e3, 1e6, count), found.astype(dtype)


@pytest.mark.parametrize("name", ["dataset1-photons", "dataset1-pions", "dataset2", "tiny"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_they_equal_their_formulas(name, dtype):
    geometry = GEOMETRIES.get(name, TINY)
    energies, found = showers(geometry, ROWS + 3, dtype)
    before = found.copy()
    features = FeatureMaker(geometry)(energies, found)
    np.testing.assert_array_equal(found, before)
    # A width is the root of a difference that may cancel: what rounding leaves of 1e-16 of the
    # squared radius is 1e-8 of the radius, in units of 100 mm.
    wanted = formulas.vector(geometry, energies, found)
    np.testing.assert_allclose(features.vector(), wanted, rtol=1e-10, atol=1e-7)


@pytest.mark.parametrize("name", NUMBERS)
def test_there_are_as_many_as_the_challenge_has(name):
    make = FeatureMaker(GEOMETRIES[name])
    energies, found = showers(make.geometry, 3)
    assert make(energies, found).vector().shape == (3, NUMBERS[name])
    assert len(set(make.names)) == len(make.names) == NUMBERS[name]


def test_their_names_say_which_is_where():
    """A shower of one voxel: all features are known from where it is."""
    make = FeatureMaker(TINY)
    found = np.zeros((1, TINY.voxels))
    # Layer 4, the second of three angles, in the middle of which alpha is 0; the outer ring.
    found[0, 3] = 10.0
    values = dict(zip(make.names, make(np.array([1000.0]), found).vector()[0], strict=True))
    assert values["log10_E_inc"] == 3
    assert values["log10_E_4"] == values["log10_E_tot"] == pytest.approx(1)
    assert values["log10_E_7"] == -8
    assert values["EC_eta_4"] == values["EC_r_4"] == pytest.approx(0.02)
    assert values["EC_phi_4"] == pytest.approx(0, abs=1e-12)
    assert values["sparsity_4"] == pytest.approx(5 / 6)
    assert values["sparsity_7"] == 1
    for name in ("W_eta_4", "W_phi_4", "W_r_4", "W_r_7", "EC_r_7"):
        assert values[name] == pytest.approx(0, abs=1e-9)
    assert "EC_eta_7" not in values


def test_a_width_is_the_distance_of_two_equal_voxels():
    make = FeatureMaker(TINY)
    found = np.zeros((1, TINY.voxels))
    # Both rings at alpha 0: their middles are 0.5 and 2 mm out.
    found[0, 2:4] = 7.0
    features = make(np.array([1000.0]), found)
    assert features.centre_eta[0, 0] == pytest.approx(1.25)
    assert features.width_eta[0, 0] == features.width_r[0, 0] == pytest.approx(0.75)


def test_a_voxel_below_the_cut_is_empty():
    make = FeatureMaker(TINY)
    found = np.full((1, TINY.voxels), 0.499)
    found[0, 0] = 0.5
    features = make(np.array([1000.0]), found)
    assert features.energy[0] == 0.5
    np.testing.assert_allclose(features.sparsity, [[5 / 6, 1]])
