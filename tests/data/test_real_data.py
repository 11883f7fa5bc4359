"""Readers on data that others wrote, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest

from ansatz.data.dataset import Column
from ansatz.data.describe import describe
from ansatz.data.options import DataOptions
from ansatz.data.read import read
from ansatz.data.split import split

DATA = Path(__file__).parents[3] / "shared" / "data"


def at_hand(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in {DATA}")
    return path


def test_mnist():
    dataset = read(at_hand("mnist"), DataOptions(conditions=("label",)))
    assert dataset.events.shape == (70_000, 28, 28)
    assert dataset.events.dtype == np.uint8
    assert np.bincount(dataset.parts).tolist() == [60_000, 0, 10_000]
    assert dataset.condition_columns == (Column("label", "", tuple("0123456789")),)
    # Published: the mean and deviation of the training pixels, and the first five labels.
    train = dataset.events[:60_000] / np.float32(255)
    assert train.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert train.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)
    assert dataset.conditions[:5, 0].tolist() == [5, 0, 4, 1, 9]
    test = split(dataset, 0.1, 0.1, seed=0)[2]
    assert test.tolist() == list(range(60_000, 70_000))


def test_magic():
    path = at_hand("magic/magic04.data")
    dataset = read(path, DataOptions(conditions=("x10",)))
    assert dataset.events.shape == (19_020, 10)
    assert dataset.events[0, :3].tolist() == [28.7967, 16.0021, 2.6449]
    # Published: 12332 gamma showers and 6688 of hadrons.
    assert dataset.condition_columns == (Column("x10", "", ("g", "h")),)
    assert np.bincount(dataset.conditions[:, 0].astype(int)).tolist() == [12_332, 6_688]
    assert describe(path).suggestion == f"ansatz fit vae {path} --conditions x10"


def test_spins():
    path = at_hand("tfim/tfim1d_data.txt")
    assert describe(path).guess == "zeros and ones, each event a row of 10"


def test_kmnist():
    assert read(at_hand("kmnist/kmnist-test-imgs.npz")).events.shape == (10_000, 28, 28)
