"""Geometries against the official binning files, and against plain loops over their voxels."""

import math
from pathlib import Path

import numpy as np
import pytest

from ansatz.calo.geometry import GEOMETRIES, Geometry, from_xml, geometry, to_xml
from ansatz.protocol.errors import DataError

OFFICIAL = Path(__file__).parents[3] / "shared" / "data" / "calorimeter"
FILES = {
    "dataset1-photons": "binning_dataset_1_photons.xml",
    "dataset1-pions": "binning_dataset_1_pions.xml",
    "dataset2": "binning_dataset_2.xml",
    "dataset3": "binning_dataset_3.xml",
}
VOXELS = {"dataset1-photons": 368, "dataset1-pions": 533, "dataset2": 6480, "dataset3": 40500}
"""As the challenge states them."""

ODD = Geometry("odd", "muon", ((0.0, 1.0, 3.0), (1.5, 2.0)), (3, 1), (4, 7), 0.5)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_built_in_geometries_are_the_official_ones(name):
    assert GEOMETRIES[name].voxels == VOXELS[name]
    path = OFFICIAL / FILES[name]
    if not path.is_file():
        pytest.skip("the official binning files are not here")
    assert geometry(path) is GEOMETRIES[name]
    assert geometry(name) is GEOMETRIES[name]


@pytest.mark.parametrize("known", [*GEOMETRIES.values(), ODD], ids=lambda g: g.name)
def test_a_binning_file_gives_back_its_geometry(known, tmp_path):
    path = tmp_path / f"{known.name}.xml"
    path.write_text(to_xml(known))
    again = geometry(path)
    assert again.same_voxels(known)
    assert (again.name, again.particle) == (known.name, known.particle)
    # A file has no cut: an unknown particle has that of dataset 1.
    assert again.cut == (1.0 if known is ODD else known.cut)


@pytest.mark.parametrize("known", [*GEOMETRIES.values(), ODD], ids=lambda g: g.name)
def test_centres_and_layers_in_the_order_of_a_row(known):
    centres = known.centres()
    at = 0
    for layer, part in enumerate(known.layers):
        assert part.start == at
        for j in range(known.n_alpha[layer]):
            alpha = -math.pi + (j + 0.5) * 2 * math.pi / known.n_alpha[layer]
            for i in range(known.n_r[layer]):
                r = (known.r_edges[layer][i] + known.r_edges[layer][i + 1]) / 2
                assert centres.layer[at] == layer
                assert centres.r[at] == pytest.approx(r)
                assert centres.eta[at] == pytest.approx(r * math.cos(alpha), abs=1e-9)
                assert centres.phi[at] == pytest.approx(r * math.sin(alpha), abs=1e-9)
                at += 1
        assert part.stop == at
    assert at == known.voxels == len(centres.r)


@pytest.mark.parametrize("name", ["dataset1-photons", "dataset2"])
def test_neighbours_are_the_nearest_centres(name):
    known = GEOMETRIES[name]
    centres, beside = known.centres(), known.neighbours()
    inner, outer, before, after = beside.T
    there = inner >= 0
    assert np.array_equal(outer[inner[there]], np.flatnonzero(there))
    assert (centres.r[inner[there]] < centres.r[there]).all()
    assert (centres.layer[inner[there]] == centres.layer[there]).all()
    assert there.sum() == sum((r - 1) * n for r, n in zip(known.n_r, known.n_alpha, strict=True))
    divided = np.array(known.n_alpha)[centres.layer] > 1
    assert np.array_equal(before >= 0, divided)
    at = np.flatnonzero(divided)
    assert np.array_equal(after[before[at]], at)
    # Round the circle, also where alpha jumps from pi to -pi, a neighbour is one angle away.
    angle = np.arctan2(centres.phi, centres.eta)
    turn = np.angle(np.exp(1j * (angle[after[at]] - angle[at])))
    assert np.allclose(turn, 2 * np.pi / np.array(known.n_alpha)[centres.layer[at]])
    assert np.array_equal(centres.r[after[at]], centres.r[at])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Bins>", "no sound XML"),
        ("<Bins/>", "must have one Bin, for one particle, in its Bins; it has 0"),
        ("<Bins><Bin/><Bin/></Bins>", "it has 2"),
        ("<Bins><Bin name='e'/></Bins>", "each layer needs an id, radii and angles"),
        ("<Bins><Bin><Layer id='0' r_edges='0,1'/></Bin></Bins>", "a Layer needs a whole number"),
        (
            "<Bins><Bin><Layer id='0' r_edges='0,x' n_bin_alpha='1'/></Bin></Bins>",
            "a Layer needs a whole number",
        ),
        (
            "<Bins><Bin><Layer id='3' r_edges='0,2,1' n_bin_alpha='1'/></Bin></Bins>",
            "layer 3: the radii must be two or more numbers that rise",
        ),
        (
            "<Bins><Bin><Layer id='3' r_edges='0,2' n_bin_alpha='0'/></Bin></Bins>",
            "layer 3: 0 angular bins",
        ),
        (
            "<Bins><Bin><Layer id='3' r_edges='0,2' n_bin_alpha='1'/>"
            "<Layer id='3' r_edges='0,2' n_bin_alpha='1'/></Bin></Bins>",
            "two layers have the same id",
        ),
    ],
)
def test_bad_binning_files(text, message, tmp_path):
    path = tmp_path / "bad.xml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        geometry(path)


def test_unknown_names(tmp_path):
    with pytest.raises(DataError, match=r"no geometry 'dataset4' .* Did you mean 'dataset"):
        geometry("dataset4")
    binary = tmp_path / "x.xml"
    binary.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="cannot be read as a binning file"):
        geometry(binary)


def test_empty_layers_are_left_out():
    text = (
        "<Bins><Bin name='x'><Layer id='0' r_edges='0' n_bin_alpha='1'/>"
        "<Layer id='5' r_edges='0,1' n_bin_alpha='4'/></Bin></Bins>"
    )
    assert from_xml(text, "x").ids == (5,)
