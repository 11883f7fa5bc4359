"""`ansatz compare`, end to end, on points whose density is known."""

import csv
import json

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import ansatz
from ansatz.cli.main import run
from ansatz.data.split import split
from ansatz.data.toys import Moons
from ansatz.protocol.errors import OptionError, RunError

OPTIONS = ["--recipes", "pca,boltzmann", "kmeans", "few.toml", "--steps", "20", "--test", "0.5"]
COMPARE = ["compare", "moons.npy", *OPTIONS, "--purpose", "density", "--quiet", "--out", "found"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A comparison of a Gaussian, a mixture and centres, and of a machine that cannot."""
    folder = tmp_path_factory.mktemp("compare")
    points, _ = Moons().draw(600, 0)
    np.save(folder / "moons.npy", points.astype(np.float32))
    (folder / "few.toml").write_text('recipe = "mixture"\n[settings]\ncomponents = 4\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(COMPARE) == 0
    return folder


@pytest.fixture
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def numbers(folder):
    return json.loads((folder / "comparison.json").read_text())


def by_name(content):
    return {one["name"]: one for one in content["entrants"]}


def held_out():
    points = np.load("moons.npy")
    train, _, test = split(ansatz.Dataset(points), 0.1, 0.5, 0)
    return points[train], points[test]


def test_each_is_measured_or_left_out_with_a_reason(here):
    content = numbers(here / "found")
    found = by_name(content)
    assert list(found) == ["pca", "boltzmann", "kmeans", "few"]
    assert content["judged_on"] == "300 test events"
    assert "threshold" in found["boltzmann"]["refusal"]
    assert found["kmeans"]["cells"]["log p"] == {
        "value": None,
        "error": 0.0,
        "what": "it knows no likelihood",
    }
    assert found["kmeans"]["cells"]["AUC"]["what"] == "it draws no samples"
    # The one that is nearer to the truth, and what it says of the other.
    assert content["verdicts"]["density"]["best"] == ["few"]
    assert content["verdicts"]["coordinates"]["best"] == ["pca"]
    assert content["verdicts"]["conditional"]["best"][0] == "few"


def test_likelihoods_are_those_of_scipy_and_none_is_above_the_truth(here):
    learnt, judged = held_out()
    found = by_name(numbers(here / "found"))
    log_p = multivariate_normal(learnt.mean(0), np.cov(learnt.T)).logpdf(judged)
    cell = found["pca"]["cells"]["log p"]
    assert cell["value"] == pytest.approx(log_p.mean(), rel=1e-4)
    assert cell["error"] == pytest.approx(log_p.std(ddof=1) / 300**0.5, rel=1e-3)
    assert cell["what"] == "exact"
    truth = Moons().log_prob(judged).mean()
    for name in ("pca", "few"):
        values = np.load(here / "found" / "entrants" / f"{name}.npz")["log p"]
        error = (values.std(ddof=1) ** 2 / 300) ** 0.5
        # KL(p || q) >= 0, but for three errors; those of the difference are no larger.
        assert values.mean() < truth + 3 * error


def test_what_is_nearer_to_the_truth_is_told_less_easily(here):
    found = by_name(numbers(here / "found"))
    few, pca = (found[name]["cells"] for name in ("few", "pca"))
    for test in ("AUC", "MMD²", "sliced W1", "W1"):
        assert few[test]["value"] < pca[test]["value"], test
    assert few["coverage"]["value"] > pca["coverage"]["value"]
    assert pca["p-value"]["value"] < few["p-value"]["value"]


def test_the_files_say_the_same(here):
    content = numbers(here / "found")
    rows = list(csv.DictReader((here / "found" / "comparison.csv").read_text().splitlines()))
    for one in content["entrants"]:
        own = {row["measure"]: row for row in rows if row["entrant"] == one["name"]}
        for name, cell in one["cells"].items():
            value = own[name]["value"]
            assert (float(value) if value else None) == cell["value"]
    page = (here / "found" / "report.html").read_text()
    assert "boltzmann is left out" in page
    assert (here / "found" / "figures" / "samples.png").exists()


def test_it_goes_on_where_it_was_stopped(here, tmp_path, monkeypatch):
    before = numbers(here / "found")
    models = sorted((here / "found").glob("runs/*/model.safetensors"))
    stamps = [path.stat().st_mtime_ns for path in models]
    assert len(models) == 3
    for name in ("few.json", "few.npz"):
        (here / "found" / "entrants" / name).unlink()
    (here / "found" / "comparison.json").unlink()
    with pytest.raises(RunError, match="--resume"):
        run(COMPARE)
    with pytest.raises(RunError, match="other judging"):
        run([*COMPARE, "--resume", "--seed", "1"])
    assert run([*COMPARE, "--resume"]) == 0
    assert [path.stat().st_mtime_ns for path in models] == stamps
    after = numbers(here / "found")
    for content in (before, after):
        for one in content["entrants"]:
            # Times are not twice the same.
            for name in ("sample", "score"):
                one["cells"].pop(name, None)
        for name in ("sample", "conditional"):
            content["verdicts"].pop(name)
    assert after == before


def test_runs_are_judged_on_what_none_has_learnt(here, tmp_path, capsys):
    runs = [str(here / "found" / "runs" / name) for name in ("pca", "few")]
    words = ["compare", "moons.npy", "--runs", *runs, "--out", str(tmp_path / "again"), "--json"]
    assert run([*words, "--quiet"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["judged_on"] == "300 unseen events"
    first, again = by_name(numbers(here / "found")), by_name(content)
    for name in ("pca", "few"):
        value = first[name]["cells"]["log p"]["value"]
        assert again[name]["cells"]["log p"]["value"] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--budget", "soon"], "such as 60s"),
        (["--budget", "5s", "--steps", "3"], "one of them"),
        (["--runs", "found/runs/pca", "--steps", "3"], "taken as they are"),
        (["--runs", "found/runs/pca", "--recipes", "pca"], "not both"),
        (["--recipes", "pca", "vea"], "Did you mean 'vae'"),
        (["--recipes", "pca", "pca"], "one name"),
        (["--most", "3"], "most must be at least 20"),
    ],
)
def test_mistakes_are_named(here, tmp_path, more, said):
    with pytest.raises(OptionError, match=said):
        run(["compare", "moons.npy", *more, "--out", str(tmp_path / "new")])
    assert not (tmp_path / "new").exists()


def test_a_bug_in_one_loses_no_other_and_is_told_in_full(here, tmp_path, monkeypatch, capsys):
    def broken(recipe, place, terms):
        raise ZeroDivisionError(f"in {recipe.name}")

    monkeypatch.setattr("ansatz.evaluate.comparison.compare.enter", broken)
    out = tmp_path / "new"
    words = ["compare", "moons.npy", "--recipes", "pca", "kmeans", "--quiet", "--out", str(out)]
    assert run(words) == 1
    for one in numbers(out)["entrants"]:
        assert one["refusal"] == f"ZeroDivisionError: in {one['name']}"
    told = capsys.readouterr()
    assert told.err.count("Traceback") == 2
    assert "for sample: none" in told.out
