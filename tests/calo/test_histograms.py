"""The bins of the CaloChallenge, and what falls into them."""

from dataclasses import replace

import formulas
import numpy as np
import pytest
from test_features import TINY, showers

from ansatz.calo.features import FeatureMaker
from ansatz.calo.geometry import GEOMETRIES
from ansatz.calo.histograms import GROUPS, Largest, binnings, counts

NAMES = {"EC eta": "EC_eta", "EC phi": "EC_phi", "EC r": "EC_r", "W eta": "W_eta"}
NAMES |= {"W phi": "W_phi", "W r": "W_r", "sparsity": "sparsity", "E layer": "E"}


def bins(name):
    geometry = GEOMETRIES[name]
    tops = np.geomspace(50, 5e4, len(geometry.ids))
    found = binnings(geometry, Largest(tops, 3e3))
    return {(b.group, b.layer): b for b in found}, tops


@pytest.mark.parametrize(
    ("name", "reach", "wide"), [("dataset2", 30, 30), ("dataset1-pions", 100, 500)]
)
def test_they_are_those_of_the_sheet(name, reach, wide):
    found, tops = bins(name)
    cut = GEOMETRIES[name].cut
    far = 12
    np.testing.assert_array_equal(found["E total", None].edges, np.linspace(0.5, 1.5, 101))
    np.testing.assert_allclose(
        found["E layer", 1].edges, np.logspace(np.log10(cut), np.log10(tops[1]), 40)
    )
    np.testing.assert_allclose(
        found["voxel", None].edges, np.logspace(np.log10(cut), np.log10(3e3), 50)
    )
    for centre in ("EC eta", "EC phi"):
        np.testing.assert_array_equal(found[centre, 1].edges, np.linspace(-reach, reach, 101))
        np.testing.assert_array_equal(found[centre, far].edges, np.linspace(-wide, wide, 101))
    np.testing.assert_array_equal(found["sparsity", 2].edges, np.linspace(0, 1, 21))
    assert [group for group in GROUPS if any(g == group for g, _ in found)] == list(GROUPS)


def test_layers_without_angles_have_no_centre_in_them():
    found, _ = bins("dataset1-photons")
    assert [layer for group, layer in found if group == "EC eta"] == [1, 2]
    assert [layer for group, layer in found if group == "W r"] == [0, 1, 2, 3, 12]


def test_a_reference_without_energy_still_has_bins():
    (layer,) = [b for b in binnings(TINY, Largest(np.zeros(2), 0.0)) if b[:2] == ("E layer", 4)]
    assert layer.edges[0] == pytest.approx(0.5)
    assert layer.edges[-1] == pytest.approx(5)


def test_counts_are_numpys_of_the_plain_features():
    # No voxel at an angle at which a centre is zero by rounding alone, the edge of a bin.
    geometry = replace(TINY, n_alpha=(4, 1))
    energies, found = showers(geometry, 200)
    plain = formulas.by_name(geometry, energies, found)
    tops = np.array([plain["E", id].max() for id in geometry.ids])
    bins = binnings(geometry, Largest(tops, float(found.max())))
    features = FeatureMaker(geometry)(energies, found)
    got = counts(bins, features, found[found >= geometry.cut])
    for binning, ours in zip(bins, got, strict=True):
        if binning.group == "voxel":
            values = found.ravel()
        elif binning.group == "E total":
            values = plain["E_tot"] / plain["E_inc"]
        else:
            values = plain[NAMES[binning.group], binning.layer]
        wanted = np.histogram(values, binning.edges)[0]
        # A number on an edge may fall to either side by rounding.
        assert np.abs(np.cumsum(ours - wanted)).max() <= 1, binning[:2]
        assert wanted.sum() > 0 or binning.group == "E total"
