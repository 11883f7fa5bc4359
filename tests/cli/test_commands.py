"""What commands print and write, against what the library and NumPy say."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ansatz
from ansatz.cli.main import COMMANDS, run
from ansatz.data.split import split
from ansatz.models import recipe_class, recipe_names
from ansatz.protocol.capabilities import CAPABILITIES
from ansatz.protocol.keys import Stream, stream
from ansatz.runs import fit as fitting
from ansatz.runs.arrays import load_arrays
from ansatz.runs.progress import Watcher


@pytest.fixture
def plain(here, tmp_path):
    return Path(shutil.copytree(here / "plain", tmp_path / "plain"))


def test_every_command_prints_one_object(here, tmp_path, answer, plain):
    asked = {
        "fit": ["pca", "digits", "--latent", "2", "--out", tmp_path / "fitted"],
        "sample": [plain, "-n", "3"],
        "score": [plain, "events.npy", "-K", "2"],
        "encode": [plain, "events.npy"],
        "reconstruct": [plain, "events.npy"],
        "evaluate": [plain, "events.npy", "-K", "2"],
        "anomaly": [plain, "events.npy", "-K", "2", "--rate", "0.1", "--out", tmp_path / "odd"],
        "compare": ["events.npy", "--recipes", "pca", "--test", "0.3", "--out", tmp_path / "all"],
        "components": ["events.npy", "--counts", "1", "--out", tmp_path / "sizes"],
        "report": [plain],
        "study": ["list"],
        "models": [],
        "calo": ["simulate", "-n", "2", "--out", tmp_path / "showers.h5"],
        "data": ["list"],
    }
    assert asked.keys() == COMMANDS.keys()
    found = {name: answer(name, *words) for name, words in asked.items()}
    assert found["fit"]["run"] == str(tmp_path / "fitted")
    assert found["fit"]["finished"] is True
    page = found["fit"].pop("report")
    assert page == str(tmp_path / "fitted" / "report.html")
    assert "<h2>Settings</h2>" in Path(page).read_text()
    history = (tmp_path / "fitted" / "history.jsonl").read_text().splitlines()
    assert json.loads(history[-1]).items() <= found["fit"].items()
    assert found["sample"] == {"out": str(plain / "samples.npy"), "events": 3, "shape": [3]}
    scores = np.load(plain / "scores.npy")
    assert found["score"]["out"] == str(plain / "scores.npy")
    np.testing.assert_allclose(found["score"]["mean"], scores.mean(dtype=float), rtol=1e-12)
    error = scores.std(ddof=1, dtype=float) / 10
    np.testing.assert_allclose(found["score"]["error"], error, rtol=1e-9)
    assert found["score"]["what"].startswith("importance-weighted lower bound, K = 2")
    assert np.load(found["encode"]["out"]).shape == (100, 2)
    assert found["encode"]["events"] == 100
    again = np.load(found["reconstruct"]["out"])
    np.testing.assert_array_equal(again, ansatz.load(plain).reconstruct("events.npy"))
    assert found["evaluate"]["events"] == "10 test events of events.npy"
    resumed = answer("fit", "--resume", tmp_path / "fitted", "--no-report")
    assert resumed["run"] == str(tmp_path / "fitted")
    assert resumed["report"] is None
    info = answer("data", "info", "events.npy")
    assert info["events"]["shape"] == [100, 3]


def test_progress_is_apart_from_the_output(here, tmp_path, capsys):
    words = ["fit", "pca", "digits", "--latent", "2", "--no-report", "--out"]
    assert run([*words, str(tmp_path / "one"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["finished"]
    assert "Fitting pca" in err
    assert "to 1,437 events of 8 × 8" in err
    assert "all 1 epochs done" in err
    assert run([*words, str(tmp_path / "two"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert run(["sample", str(tmp_path / "two"), "-n", "2", "--quiet"]) == 0
    assert run(["encode", str(tmp_path / "two"), "digits", "--quiet"]) == 0
    assert run(["score", str(tmp_path / "two"), "digits", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert run(["sample", str(tmp_path / "two"), "-n", "2", "--out", str(tmp_path / "x.csv")]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"2 events are in {tmp_path / 'x.csv'}." in err


def test_samples_in_every_format_are_the_same(here, tmp_path):
    drawn = ansatz.load("conditional").sample(5, condition=["particle=pion", "angle=1"], seed=8)
    read = {}
    for suffix in ("npy", "npz", "csv", "h5"):
        path = tmp_path / f"samples.{suffix}"
        words = ["sample", "conditional", "-n", "5", "--condition", "particle=pion", "angle=1"]
        assert run([*words, "--seed", "8", "--out", str(path), "--quiet"]) == 0
        match suffix:
            case "npy":
                read[suffix] = np.load(path)
            case "npz":
                read[suffix] = np.load(path)["events"]
            case "h5":
                with h5py.File(path) as file:
                    read[suffix] = file["events"][()]
            case "csv":
                rows = list(csv.reader(path.read_text().splitlines()))
                assert rows[0] == ["energy [MeV]", "depth"]
                read[suffix] = np.array(rows[1:], np.float32)
    for values in read.values():
        np.testing.assert_array_equal(values, drawn)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".h5", ".npy", ".npz"]


def test_a_file_is_replaced_only_by_force(plain):
    words = ["sample", str(plain), "-n", "2", "--quiet"]
    run(words)
    first = (plain / "samples.npy").read_bytes()
    with pytest.raises(ansatz.AnsatzError, match="exists; use --force"):
        run([*words, "--seed", "1"])
    assert (plain / "samples.npy").read_bytes() == first
    run([*words, "--seed", "1", "--force"])
    assert (plain / "samples.npy").read_bytes() != first


@pytest.mark.parametrize("mean", [False, True])
def test_draws_do_not_depend_on_the_batch(here, mean):
    fitted = ansatz.load("plain")
    whole = fitted.sample(7, seed=2, mean=mean)
    pieces = np.concatenate(list(fitted.sample_batches(7, seed=2, mean=mean, batch=3)))
    assert len({row.tobytes() for row in whole}) == 7
    # The same numbers up to the order of sums in a compiled batch.
    np.testing.assert_allclose(pieces, whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fitted.sample(4, seed=2, mean=mean), whole[:4], rtol=1e-5, atol=1e-6)
    assert not np.allclose(fitted.sample(7, seed=3, mean=mean), whole)


@pytest.mark.parametrize(("kind", "position"), [("electron", 0), ("photon", 1), ("pion", 2)])
def test_a_condition_reaches_the_model(here, tmp_path, kind, position):
    fitted = ansatz.load("conditional")
    dataset = ansatz.read("table.csv", fitted.record.options)
    recipe = fitted.record.recipe
    train, _, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
    rows = list(csv.DictReader(Path("table.csv").read_text().splitlines()))
    angles = np.array([float(row["angle"]) for row in rows])[train]
    # One-hot in the alphabet's order of the names, then the angle in standard deviations.
    vector = np.zeros(4)
    vector[position] = 1
    vector[3] = (0.7 - angles.mean()) / angles.std()
    key = stream(4, Stream.USE)
    by_hand = [
        fitted.pipeline.preprocessing.inverse(
            fitted.model.sample(jax.random.fold_in(key, i), jnp.asarray(vector, "float32"))
        )
        for i in range(3)
    ]
    out = tmp_path / "samples.npy"
    words = ["sample", "conditional", "-n", "3", "--condition", f"particle={kind}", "angle=0.7"]
    run([*words, "--seed", "4", "--out", str(out), "--quiet"])
    np.testing.assert_allclose(np.load(out), by_hand, rtol=1e-4, atol=1e-5)
    # The same from a file, a row an event, whatever the order of its columns.
    table = tmp_path / "rows.csv"
    table.write_text("angle,particle\n" + f"0.7,{kind}\n" * 3)
    words = ["sample", "conditional", "--condition-file", str(table), "--seed", "4"]
    run([*words, "--out", str(out), "--force", "--quiet"])
    np.testing.assert_allclose(np.load(out), by_hand, rtol=1e-4, atol=1e-5)


def test_categories_matter(here):
    fitted = ansatz.load("conditional")
    draws = [
        fitted.sample(4, condition=[f"particle={kind}", "angle=0"], mean=True)
        for kind in ("electron", "photon", "pion")
    ]
    assert not np.allclose(draws[0], draws[1])
    assert not np.allclose(draws[1], draws[2])


def test_models_are_listed_as_their_classes_declare(answer):
    listed = {entry["recipe"]: entry for entry in answer("models")["models"]}
    assert tuple(listed) == recipe_names()
    for name, entry in listed.items():
        recipe = recipe_class(name)
        declared = [c for c, kind in CAPABILITIES.items() if issubclass(recipe.family, kind)]
        assert entry["capabilities"] == declared
        assert entry["what"] == recipe.__doc__
        for capability in declared:
            method = "sample" if capability == "sample" else capability
            assert callable(getattr(recipe.family, method))
    assert {"log_prob", "encode"} <= set(listed["pca"]["capabilities"])
    assert "log_prob" not in listed["vae"]["capabilities"]


def test_models_in_a_table(capsys):
    run(["models"])
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[: len(CAPABILITIES) + 1] == ["recipe", *CAPABILITIES]
    cells = {line.split()[0]: line.split()[1 : len(CAPABILITIES) + 1] for line in lines}
    for name in recipe_names():
        family = recipe_class(name).family
        assert cells[name] == [
            "yes" if issubclass(family, kind) else "-" for kind in CAPABILITIES.values()
        ]


def test_data_are_listed_and_described(here, answer, capsys):
    listed = {entry["name"]: entry for entry in answer("data", "list")["data"]}
    for name, entry in listed.items():
        dataset = ansatz.read(name)
        assert entry["shape"] == " x ".join(map(str, dataset.events.shape))
    info = answer("data", "info", "table.csv", "--conditions", "particle", "angle")
    columns = {column["name"]: column for column in info["columns"]}
    energies = [
        float(row["energy [MeV]"])
        for row in csv.DictReader(Path("table.csv").read_text().splitlines())
    ]
    assert columns["energy"]["unit"] == "MeV"
    np.testing.assert_allclose(columns["energy"]["mean"], np.mean(energies), rtol=1e-9)
    np.testing.assert_allclose(columns["energy"]["maximum"], max(energies))
    assert columns["particle"]["categories"] == ["electron", "photon", "pion"]
    run(["data", "list"])
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed for name in listed)


def test_what_data_info_suggests_is_a_command(here, answer):
    suggestion = answer("data", "info", "table.csv")["suggestion"].split()
    assert suggestion[:2] == ["ansatz", "fit"]
    assert "table.csv" in suggestion
    assert "particle" in suggestion


def test_data_that_have_moved_are_named_behind_the_run(here, answer, plain):
    record, source = plain / "recipe.toml", ansatz.load(plain).record.source
    moved = record.read_text().replace(source, str(plain / "gone.npy"))
    record.write_text(moved)
    for words in (["evaluate", plain], ["fit", "--resume", plain]):
        with pytest.raises(ansatz.AnsatzError, match=r"gone\.npy, which is not there\. Name the"):
            run([str(word) for word in words])
    # They are known again, and what was learnt of them is not judged.
    judged = answer("evaluate", plain, "events.npy", "-K", "2")["events"]
    assert judged == "10 test events of events.npy"
    assert answer("fit", "--resume", plain, "events.npy", "--no-report")["finished"] is True
    with pytest.raises(ansatz.AnsatzError, match="table"):
        run(["fit", "--resume", str(plain), "table.csv"])


def test_evaluate_prints_what_numpy_finds(here, answer):
    fitted = ansatz.load("conditional")
    measures = {m["name"]: m for m in answer("evaluate", "conditional", "-K", "5")["measures"]}
    part, held = fitted.held_out()
    assert part == "test"
    values = np.asarray(fitted.log_likelihood(held, samples=5), np.float64)
    bound = measures["bound (K = 5)"]
    np.testing.assert_allclose(bound["value"], values.mean(), rtol=1e-9)
    np.testing.assert_allclose(bound["error"], values.std(ddof=1) / len(values) ** 0.5, rtol=1e-9)
    np.testing.assert_allclose(
        measures["bound (K = 5), in bits"]["value"], -values.mean() / (2 * np.log(2)), rtol=1e-9
    )
    single = np.asarray(fitted.log_likelihood(held, samples=1), np.float64)
    np.testing.assert_allclose(measures["bound (K = 1)"]["value"], single.mean(), rtol=1e-9)
    wrong = np.asarray(fitted.reconstruct(held), np.float64) - held.events
    np.testing.assert_allclose(
        measures["reconstruction error"]["value"], np.sqrt((wrong**2).mean()), rtol=1e-9
    )
    explained = 1 - (wrong**2).mean() / held.events.var(0).mean()
    np.testing.assert_allclose(measures["variance explained"]["value"], explained, rtol=1e-9)


def test_ctrl_c_says_how_to_go_on(here, tmp_path, capsys, monkeypatch):
    chunk = Watcher.chunk

    def interrupt(self, end):
        chunk(self, end)
        os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "run"
    words = ["fit", "vae", "events.npy", "--latent", "2", "--hidden", "8", "--batch", "16"]
    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "chunk", interrupt)
        assert run([*words, "--epochs", "2", "--out", str(out)]) == 130
    printed, said = capsys.readouterr()
    assert printed == ""
    assert f"ansatz fit --resume {out}" in said
    assert not (out / "report.html").exists()
    assert run(["fit", "--resume", str(out), "--quiet", "--no-report"]) == 0
    name = "model.safetensors"
    assert (out / name).read_bytes() == (here / "plain" / name).read_bytes()


@pytest.mark.slow
def test_groups_on_the_command_line(here, tmp_path, monkeypatch):
    # No checkpoint between the first and the last.
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN", 1e9)
    words = ["fit", "vae", "events.npy", "--latent", "2", "--hidden", "8", "--batch", "16"]
    words += ["--epochs", "1", "--quiet", "--no-report", "--out", str(tmp_path / "run"), "--group"]
    run([*words, "encoder.rate=1e-4", "encoder.last=0", "decoder.optimiser=sgd"])
    fitted = ansatz.load(tmp_path / "run")
    assert fitted.record.recipe.groups == {
        "encoder": {"rate": 1e-4, "last": 0},
        "decoder": {"optimiser": "sgd"},
    }
    # An encoder that stops learning at step 0 is that of the first checkpoint.
    path = tmp_path / "run" / "checkpoints" / "step-000000000000.safetensors"
    before = load_arrays(path)[0]
    for name in ("encoder.net.layers.0.weight", "decoder.net.layers.0.weight"):
        after = load_arrays(tmp_path / "run" / "model.safetensors")[0][f"model.{name}"]
        same = np.array_equal(before[f"pipeline.model.{name}"], after)
        assert same == name.startswith("encoder")


def test_help_and_version(capsys):
    assert run([]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"{ansatz.__version__}\n"
    assert run(["fit", "-h"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in recipe_names())
    for words in (["fit", "vae"], ["sample"], ["score"], ["encode"], ["evaluate"], ["models"]):
        with pytest.raises(SystemExit) as end:
            run([*words, "-h"])
        assert end.value.code == 0
        out, err = capsys.readouterr()
        assert f"usage: ansatz {' '.join(words)}" in out
        assert "--json" in out
        assert err == ""


def test_a_reader_who_leaves_is_no_error(tmp_path):
    command = f"{sys.executable} -m ansatz | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: ansatz")
    assert done.stderr == ""


def test_the_light_commands_start_without_jax():
    script = """
import sys
from ansatz.cli.main import run
run(["--version"]); run([])
heavy = {"jax", "numpy", "equinox", "tyro", "rich"} & sys.modules.keys()
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_missing_numbers_are_filled_in(here, tmp_path, answer):
    rows = np.load("events.npy")
    hidden = np.random.default_rng(6).random(rows.shape) < 0.25
    hidden[hidden.all(1), 0] = False
    lines = ["a,b,c"] + [
        ",".join("" if h else f"{v:.9g}" for v, h in zip(row, gone, strict=True))
        for row, gone in zip(rows, hidden, strict=True)
    ]
    (tmp_path / "holes.csv").write_text("\n".join(lines) + "\n")
    out = tmp_path / "run"
    words = ["--missing", "nan", "--latent", "1", "--hidden", "8", "--epochs", "2", "--quiet"]
    answer("fit", "vae", tmp_path / "holes.csv", "--out", out, *words)
    # The report has figures of what was observed.
    assert (out / "figures" / "marginals.csv").exists()
    filled = tmp_path / "filled.csv"
    answer("reconstruct", out, tmp_path / "holes.csv", "--fill", "--out", filled)
    assert filled.read_text().startswith("a,b,c\n")
    found = np.loadtxt(filled, delimiter=",", skiprows=1)
    np.testing.assert_allclose(found[~hidden], rows[~hidden], rtol=1e-6)
    whole = ansatz.load(out).reconstruct(tmp_path / "holes.csv")
    np.testing.assert_allclose(found[hidden], whole[hidden], rtol=1e-6)
    measures = {m["name"]: m for m in answer("evaluate", out, "-K", "2")["measures"]}
    # Of the numbers that are known alone.
    assert 0 < measures["reconstruction error"]["value"] < 10
