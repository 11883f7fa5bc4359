"""A few tiny runs, made once; tests work on copies of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import CONDITIONAL, interrupted, start

import ansatz
from ansatz.runs import fit as fitting


@pytest.fixture
def eager(monkeypatch):
    """A checkpoint at the end of every chunk."""
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(fitting, "SHARE_OF_TIME", float("inf"))


@pytest.fixture
def calm(monkeypatch):
    """No checkpoint but the first and the last."""
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN", 1e9)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folder of the data and the runs below."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="session")
def array(made):
    """200 events of three correlated numbers."""
    rng = np.random.default_rng(0)
    path = made / "array.npy"
    np.save(path, (rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3))).astype(np.float32))
    return path


@pytest.fixture(scope="session")
def table(made):
    """200 rows of two numbers with units, a kind of particle and an angle."""
    rng = np.random.default_rng(1)
    kinds = rng.choice(["pion", "electron", "photon"], 200)
    lines = ["energy [MeV],depth [cm],particle,angle [rad]"]
    for kind, (energy, depth, angle) in zip(kinds, rng.normal(size=(200, 3)), strict=True):
        lines.append(f"{energy + len(kind)},{depth},{kind},{angle}")
    path = made / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def plain_run(made, array):
    start(array, made / "plain")
    return made / "plain"


@pytest.fixture(scope="session")
def conditional_run(made, table):
    start(table, made / "conditional", **CONDITIONAL)
    return made / "conditional"


@pytest.fixture(scope="session")
def pca_run(made):
    ansatz.fit("pca", "digits", latent=3, out=made / "pca", quiet=True)
    return made / "pca"


@pytest.fixture
def plain(tmp_path, plain_run):
    return Path(shutil.copytree(plain_run, tmp_path / "plain"))


@pytest.fixture
def conditional(tmp_path, conditional_run):
    return Path(shutil.copytree(conditional_run, tmp_path / "conditional"))


@pytest.fixture(scope="session")
def stopped_run(made, array):
    """A run stopped half-way, with the two newest of its checkpoints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "SECONDS_BETWEEN", 0.0)
        patch.setattr(fitting, "SHARE_OF_TIME", float("inf"))
        start(array, made / "stopped", interrupted(20))
    return made / "stopped"


@pytest.fixture
def stopped(tmp_path, stopped_run):
    return Path(shutil.copytree(stopped_run, tmp_path / "stopped"))
