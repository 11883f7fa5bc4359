"""`ansatz calo`: simulating and describing, by its commands."""

import json
import os
from dataclasses import replace

import h5py
import numpy as np
import pytest

from ansatz.calo.generator import ShowerRecipe
from ansatz.calo.geometry import GEOMETRIES, Geometry, to_xml
from ansatz.calo.showers import ShowerFile
from ansatz.cli.main import run
from ansatz.protocol.errors import AnsatzError, DataError
from ansatz.protocol.recipe import Spec


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with one file of simulated showers."""
    folder = tmp_path_factory.mktemp("calo")
    words = ["calo", "simulate", "--geometry", "dataset1-photons", "-n", "150", "--seed", "3"]
    assert run([*words, "--quiet", "--out", str(folder / "photons.h5")]) == 0
    return folder


@pytest.fixture
def there(files, monkeypatch):
    monkeypatch.chdir(files)
    return files


def test_a_file_says_that_it_is_synthetic_and_how_it_was_made(there):
    file = ShowerFile("photons.h5")
    assert (len(file), file.geometry) == (150, GEOMETRIES["dataset1-photons"])
    assert file.synthetic is True
    said = file.attributes
    assert "Synthetic" in said["about"]
    expected = {"seed": 3, "number": 150, "c": 0.11, "slope": 0.0, "threshold": 1.0}
    assert said | expected == said
    assert said["energy"].startswith("256,512,")
    assert len(said["depths"]) == 6
    assert said["medium"]["passive"]["z"] == 82
    showers = np.concatenate([block for _, block in file.blocks(100)])
    assert showers.any(axis=1).mean() > 0.99
    assert showers[showers > 0].min() >= 1.0


def test_the_same_seed_gives_the_same_file(there, capsys):
    words = ["calo", "simulate", "--geometry", "dataset2", "-n", "70", "--energy", "1e3:1e4"]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run([*words, "--seed", str(seed), "--out", f"{name}.h5", "--force"]) == 0
    assert "70 synthetic showers are in c.h5." in capsys.readouterr().err
    a, b, c = ((there / f"{name}.h5").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_settings_reach_the_showers(there, answer):
    common = ["calo", "simulate", "-n", "64", "--energy", "50000", "--force", "--quiet"]
    said = answer(*common, "--response", 0.5, "--slope", 0.1, "--c", 0.2, "--out", "half.h5")
    assert said["synthetic"] is True
    assert (said["c"], said["response"], said["geometry"]) == (0.2, 0.5, "dataset2")
    told = answer("calo", "info", "half.h5")
    # σ of the mean of 64 is 0.5 · 0.2/√50/8 = 0.0018; up to 2 % leak or are below the threshold.
    expected = 0.5 + 0.1 * np.log10(50 / 30)
    assert 0.98 * expected - 0.009 < told["ratio_mean"] < expected + 0.009
    assert told["attributes"]["c"] == 0.2
    answer(*common, "--threshold", 50, "--smooth", "--out", "cut.h5")
    assert answer("calo", "info", "cut.h5")["smallest_voxel"] >= 50


def test_info_against_plain_numbers(there, answer, capsys):
    told = answer("calo", "info", "photons.h5")
    with h5py.File("photons.h5") as file:
        energies, showers = file["incident_energies"][:, 0], file["showers"][:].astype(float)
    ratio = showers.sum(axis=1) / energies
    assert told["showers"] == 150
    assert told["incident_energy"] == [energies.min(), energies.max()]
    assert told["ratio_mean"] == pytest.approx(ratio.mean())
    assert told["ratio_deviation"] == pytest.approx(ratio.std())
    assert told["sparsity"] == pytest.approx((showers < 1).mean())
    assert told["largest_voxel"] == showers.max()
    assert told["smallest_voxel"] == showers[showers > 0].min()
    parts = [showers[:, part].sum() for part in GEOMETRIES["dataset1-photons"].layers]
    assert told["layer_fractions"] == pytest.approx(np.array(parts) / showers.sum())
    assert run(["calo", "info", "photons.h5"]) == 0
    printed = capsys.readouterr().out
    for words in (
        "synthetic",
        "dataset1-photons, photons",
        "368 in 5 layers",
        f"{ratio.mean():.4f}",
    ):
        assert words in printed


def test_any_binning_file_describes_showers(there, answer):
    (there / "own.xml").write_text(to_xml(GEOMETRIES["dataset1-photons"]).replace("600", "610"))
    told = answer("calo", "info", "photons.h5", "--geometry", "own.xml")
    assert told["geometry"] == "own"
    with h5py.File("bare.h5", "w") as file:
        file["incident_energies"], file["showers"] = np.full((2, 1), 1e3), np.zeros((2, 368))
    with pytest.warns(UserWarning, match="looks like showers in GeV"):
        told = answer("calo", "info", "bare.h5")
    assert told["synthetic"] is None
    assert told["smallest_voxel"] == 0


def test_a_fit_may_be_told_the_binning_of_showers(there, monkeypatch):
    """No geometry that is known has as many voxels."""
    cells = np.random.default_rng(0).exponential(size=(40, 3))
    with h5py.File("own.h5", "w") as file:
        file["incident_energies"], file["showers"] = np.full((40, 1), 1e3), cells
    (there / "three.xml").write_text(to_xml(Geometry("", "photon", ((0.0, 1.0),), (3,), (0,), 1.0)))
    begun = []
    monkeypatch.setattr("ansatz.cli.fit.run", lambda words: begun.append(words) or 0)
    with pytest.raises(DataError, match="3 voxels, as no built-in geometry"):
        run(["calo", "fit", "own.h5", "--latent", "8"])
    for words in (["--geometry", "three.xml"], ["--geometry=three.xml"]):
        run(["calo", "fit", "own.h5", *words])
        assert begun.pop()[-len(words) :] == words
    run(["calo", "fit", "photons.h5", "--geometry"])
    assert begun.pop().count("--geometry") == 1
    # The run does not need the file any more.
    spec = Spec((3,), condition=1, classes=(0,), condition_lowest=(1e3,), condition_highest=(1e4,))
    held = ShowerRecipe(geometry="three.xml", latent=8, graph="bipartite:4x4").resolve(spec)
    (there / "three.xml").unlink()
    assert held.voxels.n_alpha == (3,)
    assert replace(held, seed=1).resolve(spec).geometry == held.geometry
    # One that is called like a known geometry is not taken for it.
    layers = GEOMETRIES["dataset1-photons"]
    (there / f"{layers.name}.xml").write_text(to_xml(layers).replace("600", "610"))
    named = ShowerRecipe(geometry=f"{layers.name}.xml", latent=8, graph="bipartite:4x4")
    spec = replace(spec, shape=(layers.voxels,))
    assert not named.resolve(spec).voxels.same_voxels(layers)
    (there / f"{layers.name}.xml").write_text(to_xml(layers))
    assert named.resolve(spec).geometry == layers.name


SIMULATE, INFO = ["calo", "simulate"], ["calo", "info"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["calo", "simulat"], "no command 'calo simulat'. Did you mean 'simulate'"),
        ([*SIMULATE, "--geometry", "dataset1-pions"], "the parametrisation has no hadrons"),
        ([*SIMULATE, "--geometry", "dataset9"], "There is no geometry 'dataset9'"),
        ([*SIMULATE, "--geometry", "medium.xml"], "The medium of medium is unknown"),
        ([*SIMULATE, "--energy", "1e6:1e3"], "upside down"),
        ([*SIMULATE, "--energy", "1:1000"], "outside 100 to"),
        ([*SIMULATE, "-n", "0"], "-n must be at least 1"),
        ([*SIMULATE, "-n", "many"], "takes a whole number"),
        ([*SIMULATE, "--c", "0"], "c must be above 0"),
        ([*SIMULATE, "--seed", "-1"], "seed must be at least 0"),
        ([*SIMULATE, "--out", "x.npy"], "let the name end in .h5"),
        ([*SIMULATE, "--out", "photons.h5"], "photons.h5 exists; use --force"),
        ([*SIMULATE, "--energie", "1e3"], "Did you mean '--energy'"),
        (INFO, "needs FILE"),
        ([*INFO, "nowhere.h5"], "There is no file nowhere.h5"),
        ([*INFO, "photons.h5", "--geometry", "dataset2"], "dataset1-photons would fit"),
        ([*INFO, "medium.xml"], "not a sound HDF5 file"),
    ],
)
def test_mistakes(words, message, there):
    (there / "medium.xml").write_text(to_xml(GEOMETRIES["dataset2"]).replace("41.85", "42"))
    before = sorted(os.listdir(there))
    with pytest.raises(AnsatzError) as told:
        run(words)
    assert message in str(told.value)
    assert sorted(os.listdir(there)) == before


def test_help(capsys):
    assert run(["calo"]) == 0
    assert "ansatz calo simulate" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(["calo", "simulate", "-h"])
    assert "GFLASH" in capsys.readouterr().out


def test_json_is_one_object(there, capsys):
    words = ["calo", "simulate", "-n", "1", "--energy", "1000", "--out", "one.h5", "--force"]
    assert run([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out"] == "one.h5"
