"""`ansatz calo features` and `ansatz calo evaluate`, by their commands."""

import json

import numpy as np
import pytest

from ansatz.calo import effort, report
from ansatz.calo.effort import Effort
from ansatz.calo.features import FeatureMaker
from ansatz.calo.geometry import GEOMETRIES
from ansatz.calo.showers import ShowerFile
from ansatz.cli.main import run
from ansatz.protocol.errors import AnsatzError

TINY = Effort(
    name="quick",
    least=100,
    most=400,
    resamplings=2,
    kernel=50,
    classified=200,
    epochs=1,
    hidden=(8,),
    neighbours=50,
)


def nothing(evaluation):
    """In place of figures, which take long to draw."""
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    common = ["calo", "simulate", "--energy", "1e4:1e5", "--quiet"]
    for seed, name in enumerate("abc"):
        words = ["--geometry", "dataset1-photons", "-n", "260", "--seed", str(seed)]
        assert run([*common, *words, "--out", str(folder / f"{name}.h5")]) == 0
    words = ["--geometry", "dataset2", "-n", "3"]
    assert run([*common, *words, "--out", str(folder / "electrons.h5")]) == 0
    return folder


@pytest.fixture
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(effort, "QUICK", TINY)
    return folder


def test_features_are_written_with_their_names(there, answer):
    make = FeatureMaker(GEOMETRIES["dataset1-photons"])
    said = answer("calo", "features", "a.h5")
    assert said["out"] == "a.features.npy"
    assert said["features"] == list(make.names)
    ((energies, showers),) = ShowerFile("a.h5").blocks(260)
    wanted = make(energies, showers).vector()
    np.testing.assert_allclose(np.load("a.features.npy"), wanted, rtol=1e-12)
    answer("calo", "features", "a.h5", "--out", "a.csv")
    assert (there / "a.csv").read_text().split("\n")[0].split(",") == list(make.names)
    with pytest.raises(AnsatzError, match="use --force"):
        run(["calo", "features", "a.h5", "--quiet"])


def test_an_evaluation_prints_and_writes_the_same(there, answer, capsys, monkeypatch):
    words = ["calo", "evaluate", "a.h5", "b.h5", "--independent", "c.h5", "--quick"]
    said = answer(*words, "--quiet")
    folder = there / "evaluations" / "b"
    written = json.loads((folder / "evaluation.json").read_text())
    assert said | written == said
    assert said["effort"] == "quick"
    assert [merit["name"] for merit in said["merits"]][:4] == [
        "FPD",
        "FPD, unbiased",
        "KPD",
        "AUC low",
    ]
    assert (folder / "report.html").stat().st_size > 100_000
    monkeypatch.setattr(report, "figures", nothing)
    assert run([*words, "--out", "again", "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "synthetic" in printed
    assert "FPD, unbiased" in printed
    # The same seed, the same numbers.
    assert json.loads((there / "again" / "evaluation.json").read_text()) == written
    with pytest.raises(AnsatzError, match="evaluations/b exists; use --force"):
        run(words)


MISTAKES = {
    "geometry": (["a.h5", "electrons.h5"], "a.h5 has showers of the geometry dataset1-photons"),
    "same": (["a.h5", "a.h5"], "are the same file"),
    "none": (["a.h5", "z.h5"], "There is no file z.h5"),
    "efforts": (["a.h5", "b.h5", "--quick", "--full"], "--quick or --full, not both"),
    "seed": (["a.h5", "b.h5", "--seed", "-1"], "seed must be at least 0"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_said_in_words(there, case):
    words, sentence = MISTAKES[case]
    with pytest.raises(AnsatzError, match=sentence):
        run(["calo", "evaluate", *words, "--out", "nowhere"])
    assert not (there / "nowhere").exists()


def test_a_full_evaluation_says_its_hours_first(there, monkeypatch, capsys):
    monkeypatch.setattr(effort, "FULL", TINY)
    monkeypatch.setattr(report, "figures", nothing)
    assert run(["calo", "evaluate", "a.h5", "b.h5", "--full", "--out", "full"]) == 0
    told = capsys.readouterr().err
    assert "of 260 showers take about 0.0 h here" in told.split("\n")[0]


def test_an_effort_grows_as_its_work_does():
    geometry = GEOMETRIES["dataset2"]
    base = effort.FULL.operations(geometry, 100_000)
    # Of the nets alone, weights times events times epochs: 9 and 22 million, of the second only
    # the part behind the first layer learns backwards.
    assert 1e15 < base < 1e16
    assert effort.DEFAULT.operations(geometry, 100_000) < base / 20
    assert effort.FULL.operations(geometry, 10_000) < base / 10
    assert effort.FULL.operations(GEOMETRIES["dataset3"], 100_000) > 2 * base
