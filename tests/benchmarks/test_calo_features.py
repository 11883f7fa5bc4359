"""What the benchmark of features compares computes the same."""

import numpy as np
import pytest

from ansatz.calo.features import FeatureMaker
from ansatz.calo.geometry import GEOMETRIES
from benchmarks.peers.calo_features import features


@pytest.mark.parametrize("name", ["dataset1-pions", "dataset2"])
def test_both_contenders_have_the_same_features(name):
    geometry, rng = GEOMETRIES[name], np.random.default_rng(0)
    showers = rng.exponential(10, (5, geometry.voxels)).astype(np.float32)
    showers *= rng.uniform(size=showers.shape) < 0.25
    energies = rng.uniform(1e3, 1e6, 5)
    ours = FeatureMaker(geometry)(energies, showers).vector()
    np.testing.assert_allclose(ours, features(geometry, energies, showers), rtol=1e-9, atol=1e-9)
