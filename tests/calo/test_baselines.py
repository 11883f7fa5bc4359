"""Baselines without a model: what is exchanged, among whom, and what stays as it is."""

import numpy as np
import pytest
from test_evaluation import GEOMETRY, made, write

from ansatz.calo import baselines
from ansatz.calo.baselines import ALIKE, baseline, groups
from ansatz.calo.showers import ShowerFile
from ansatz.cli import calo
from ansatz.protocol.errors import OptionError

COUNT = 90


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("showers") / "showers.h5", *made(COUNT, 0))


def test_groups_are_of_nearest_energies():
    energies = made(COUNT, 0)[0]
    found = groups(energies)
    assert sorted(map(len, found)) == [22, 22, 23, 23]
    assert min(map(len, found)) >= ALIKE
    np.testing.assert_array_equal(energies[np.concatenate(found)], np.sort(energies))
    (one,) = groups(energies[:7])
    assert sorted(one) == list(range(7))


@pytest.mark.parametrize("shuffle", ["layers", "voxels"])
@pytest.mark.parametrize("held", [1, 1 << 30])
def test_only_how_parts_hang_together_is_lost(path, shuffle, held, monkeypatch):
    """Whether or not the file has to be gone through for every group again."""
    monkeypatch.setattr(baselines, "HELD_BYTES", held)
    energies, showers = made(COUNT, 0)
    blocks = list(baseline(ShowerFile(path, GEOMETRY), shuffle, seed=3))
    for (incident, found), rows in zip(blocks, groups(energies), strict=True):
        np.testing.assert_array_equal(incident, energies[rows])
        before = showers[rows]
        np.testing.assert_array_equal(np.sort(found, 0), np.sort(before, 0))
        assert not np.array_equal(found, before)
        for layer in GEOMETRY.layers:
            whole = {tuple(row) for row in before[:, layer]} >= {tuple(r) for r in found[:, layer]}
            # A layer goes as a whole; of voxels that are shuffled hardly any two stay together.
            assert whole == (shuffle == "layers" or layer.stop - layer.start == 1)
        # Layers, at least, are shuffled each by itself.
        pairs = {(tuple(row[GEOMETRY.layers[0]]), tuple(row[GEOMETRY.layers[1]])) for row in before}
        kept = [
            (tuple(r[GEOMETRY.layers[0]]), tuple(r[GEOMETRY.layers[1]])) in pairs for r in found
        ]
        assert not all(kept)
    again = list(baseline(ShowerFile(path, GEOMETRY), shuffle, seed=3))
    np.testing.assert_array_equal(again[1][1], blocks[1][1])
    other = list(baseline(ShowerFile(path, GEOMETRY), shuffle, seed=4))
    assert not np.array_equal(other[1][1], blocks[1][1])


def test_the_command_writes_a_file_that_says_what_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "showers.h5", *made(COUNT, 0))
    assert calo.run(["baseline", "showers.h5", "--shuffle", "voxels", "--out", "b.h5"]) == 0
    found = ShowerFile(tmp_path / "b.h5")
    assert len(found) == COUNT
    assert found.synthetic
    assert found.attributes["of"] == "showers.h5"
    assert "voxels were exchanged among at least 20" in found.attributes["about"]
    with pytest.raises(OptionError, match="seed must be"):
        calo.run(["baseline", "showers.h5", "--seed", "-1", "--out", "c.h5"])
    assert not (tmp_path / "c.h5").exists()
