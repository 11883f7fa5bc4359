"""Three tiny runs and the files around them, made once in one folder."""

import json

import h5py
import numpy as np
import pytest

from ansatz.cli.main import run

QUIETLY = ["--quiet", "--no-report"]
SMALL = ["--latent", "2", "--hidden", "8", "--batch", "16", "--epochs", "2", *QUIETLY]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """A folder with data, runs to read from, and runs that are broken."""
    folder = tmp_path_factory.mktemp("workshop")
    rng = np.random.default_rng(5)
    events = (rng.normal(size=(100, 3)) @ rng.normal(size=(3, 3))).astype(np.float32)
    np.save(folder / "events.npy", events)
    np.save(folder / "wide.npy", rng.normal(size=(20, 4)))
    kinds = rng.choice(["pion", "electron", "photon"], 100)
    lines = ["energy [MeV],depth,particle,angle"]
    for kind, (energy, depth, angle) in zip(kinds, rng.normal(size=(100, 3)), strict=True):
        lines.append(f"{energy},{depth},{kind},{angle}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    with h5py.File(folder / "showers.h5", "w") as file:
        file["showers"] = events
        file["energies"] = events[:, 0]
        file["run/number"] = 7
    run(["fit", "vae", str(folder / "events.npy"), *SMALL, "--out", str(folder / "plain")])
    words = ["fit", "vae", str(folder / "table.csv"), *SMALL]
    run([*words, "--out", str(folder / "conditional"), "--conditions", "particle", "angle"])
    run(["fit", "pca", "digits", "--latent", "4", *QUIETLY, "--out", str(folder / "pca")])
    return folder


@pytest.fixture
def here(workshop, monkeypatch):
    """Stand in that folder, to name its files briefly."""
    monkeypatch.chdir(workshop)
    return workshop


@pytest.fixture
def answer(capsys):
    """Run a command with --json and return the one object it prints."""

    def ask(*words):
        capsys.readouterr()
        assert run([*map(str, words), "--json"]) == 0
        printed = capsys.readouterr().out
        assert printed.count("\n") == 1
        assert printed.endswith("}\n")
        return json.loads(printed)

    return ask
