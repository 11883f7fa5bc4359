"""`ansatz anomaly`, end to end."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import ansatz
from ansatz.cli.main import run
from ansatz.evaluate.anomaly import find_anomalies
from ansatz.protocol.errors import DataError, OptionError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A Gaussian that is known, fitted as principal components, and events beside it."""
    folder = tmp_path_factory.mktemp("anomaly")
    generator = np.random.default_rng(0)
    events = generator.normal(size=(4000, 3)) * [1, 2, 3]
    np.save(folder / "learnt.npy", events[:2000])
    np.save(folder / "normal.npy", events[2000:])
    np.save(folder / "suspect.npy", generator.normal(size=(500, 3)) * [1, 2, 3] + [4, 0, 0])
    np.save(folder / "centre.npy", 0.05 * generator.normal(size=(100, 3)))
    np.save(folder / "wide.npy", generator.normal(size=(10, 4)))
    words = ["fit", "pca", str(folder / "learnt.npy"), "--latent", "3", "--out"]
    run([*words, str(folder / "run"), "--quiet", "--no-report", "--validation", "0.25"])
    return folder


@pytest.fixture
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def test_what_it_finds(here, tmp_path, capsys):
    out = tmp_path / "found"
    words = ["anomaly", "run", "normal.npy", "suspect.npy", "--out", str(out), "--rate", "0.02"]
    assert run([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["thresholds_set_by"] == "the 500 events the run was validated on"
    assert (said["normal"], said["suspect"]) == (2000, 500)
    fitted = ansatz.load("run")
    normal = fitted.log_likelihood("normal.npy").astype(float)
    suspect = fitted.log_likelihood("suspect.npy").astype(float)
    by = fitted.log_likelihood(fitted.validation()).astype(float)
    sigma, quantile, typical = said["tests"]
    np.testing.assert_allclose(sigma["threshold"], by.mean() - 3 * by.std(ddof=1))
    np.testing.assert_allclose(quantile["threshold"], np.sort(by)[int(0.02 * 501) - 1])
    for test in (sigma, quantile):
        np.testing.assert_allclose(test["type_1"]["value"], (normal < test["threshold"]).mean())
        np.testing.assert_allclose(test["type_2"]["value"], (suspect >= test["threshold"]).mean())
        assert test["type_1"]["low"] < test["type_1"]["value"] < test["type_1"]["high"]
    np.testing.assert_allclose(
        typical["type_1"]["value"],
        (-np.abs(normal - by.mean()) < typical["threshold"]).mean(),
    )
    rows = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert len(rows) == 2500
    np.testing.assert_allclose([float(r["score"]) for r in rows[2000:]], suspect)
    flagged = np.array([r["anomalous"] == "1" for r in rows[:2000]])
    np.testing.assert_array_equal(flagged, normal < quantile["threshold"])
    assert sorted(path.name for path in out.iterdir()) == [
        "anomaly.json", "figures", "report.html", "scores.csv",
    ]  # fmt: skip
    assert {p.stem for p in (out / "figures").iterdir()} == {"scores", "receiver"}
    assert "Least likely: suspect" in (out / "report.html").read_text()
    with pytest.raises(DataError, match="exists; use --force"):
        run(words)
    assert run([*words, "--force", "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "quantile: at most 0.02 false alarms" in printed
    assert "type II" in printed


def test_what_is_too_likely_only_typicality_finds(here):
    found = find_anomalies(ansatz.load("run"), "normal.npy", "centre.npy", rate=0.05)
    likely, typical = found.tests[1], found.tests[2]
    assert likely.missed.value == 1
    assert likely.area.value < 0.01
    assert typical.area.value > 0.5


def test_of_its_own_data_only_what_was_held_out_is_judged(here, tmp_path, capsys):
    words = ["anomaly", "run", "learnt.npy", "--rate", "0.05", "--out", str(tmp_path / "own")]
    assert run(words) == 0
    out, err = capsys.readouterr()
    assert "type II" not in out
    assert "report.html" in err
    assert json.loads((tmp_path / "own" / "anomaly.json").read_text())["normal"] == 200


def test_half_of_the_normal_events_stand_in_for_a_validation(here):
    fitted = ansatz.fit("pca", np.load("learnt.npy"), latent=2, quiet=True)
    found = find_anomalies(fitted, "normal.npy", rate=0.05, seed=1)
    assert found.set_by == "1,000 of the normal events, which are not judged themselves"
    assert len(found.normal.events) == len(found.calibration) == 1000
    both = np.concatenate([found.calibration, found.normal.likelihood])
    whole = fitted.log_likelihood("normal.npy").astype(float)
    np.testing.assert_allclose(np.sort(both), np.sort(whole), rtol=1e-5)


def test_a_family_without_density_is_scored_by_its_errors(here):
    fitted = ansatz.fit("kmeans", np.load("learnt.npy"), clusters=3, quiet=True)
    found = find_anomalies(fitted, "normal.npy", "suspect.npy", rate=0.05)
    assert not found.exact
    assert found.score.startswith("minus the root mean square of the reconstruction error")
    assert found.tests[0].score == "reconstruction"
    again = fitted.reconstruct(found.suspect.events)
    expected = -np.sqrt(np.mean((np.load("suspect.npy") - again) ** 2, 1))
    np.testing.assert_allclose(found.suspect.likelihood, expected, rtol=1e-6)


def test_images_are_drawn(tmp_path, capsys):
    words = ["fit", "pca", "digits", "--latent", "8", "--quiet", "--no-report", "--out"]
    run([*words, str(tmp_path / "run")])
    scrambled = ansatz.read("digits").events[:50][:, ::-1]
    np.save(tmp_path / "flipped.npy", scrambled)
    words = [str(tmp_path / "run"), "digits", str(tmp_path / "flipped.npy")]
    assert run(["anomaly", *words, "--quiet"]) == 0
    assert (tmp_path / "run" / "anomaly" / "figures" / "anomalies.png").exists()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "kind", "fragment"),
    [
        (["run", "normal.npy", "wide.npy"], DataError, "wide.npy has events of shape"),
        (["run", "normal.npy", "--rate", "0.001"], OptionError, "needs 999 events"),
        (["run"], OptionError, "needs RUN and NORMAL"),
        (["run", "normal.npy", "--out", "."], DataError, "exists; use --force"),
        (["run", "normal.npy", "--out", ".", "--force"], DataError, "is no search for anomalies"),
    ],
)
def test_mistakes(here, words, kind, fragment):
    before = sorted(map(str, Path().rglob("*")))
    with pytest.raises(kind, match=fragment):
        run(["anomaly", *words])
    assert sorted(map(str, Path().rglob("*"))) == before
