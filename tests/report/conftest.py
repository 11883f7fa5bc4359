"""A run of a family that the report knows nothing of; tests work on copies of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import toy

import ansatz
from ansatz import models

DATA = "cost [$],depth\n" + "".join(f"{i % 7 + 0.5},{i % 5 * 0.25}\n" for i in range(60))


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The toy family can be loaded by its name."""
    monkeypatch.setitem(models._BUILT_IN, "toy", "toy:ToyRecipe")


@pytest.fixture(scope="session")
def toy_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toys")
    (folder / "table.csv").write_text(DATA)
    ansatz.fit(toy.ToyRecipe(), folder / "table.csv", out=folder / "run", quiet=True)
    events = np.loadtxt(folder / "table.csv", delimiter=",", skiprows=1)
    ansatz.fit(toy.ToyRecipe(), events, out=folder / "array", quiet=True)
    return folder


@pytest.fixture
def run(toy_runs, tmp_path):
    """The run's folder, fitted to a file."""
    return Path(shutil.copytree(toy_runs / "run", tmp_path / "run"))


@pytest.fixture
def of_array(toy_runs, tmp_path):
    """The same, fitted to an array in memory."""
    return Path(shutil.copytree(toy_runs / "array", tmp_path / "array"))
