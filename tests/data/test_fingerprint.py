"""The fingerprint is a digest of the numbers, and of nothing else."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from ansatz.data import fingerprint as module
from ansatz.data.dataset import Column, Dataset
from ansatz.data.fingerprint import fingerprint

RANDOM = np.random.default_rng(0)
DATASET = Dataset(
    events=RANDOM.normal(size=(11, 3)),
    conditions=RANDOM.normal(size=(11, 1)),
    weights=RANDOM.uniform(size=11),
    event_columns=(Column("x"), Column("y", "cm"), Column("z")),
    condition_columns=(Column("kind", categories=("a", "b")),),
    parts=RANDOM.integers(0, 3, 11).astype(np.uint8),
    name="one.csv",
)


@pytest.fixture(params=[1, 24, 50, 1 << 26])
def _block(request, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", request.param)


@pytest.mark.usefixtures("_block")
def test_digest_is_that_of_all_bytes_at_once():
    text = repr((DATASET.event_columns, DATASET.condition_columns)).encode()
    for array in (DATASET.events, DATASET.conditions, DATASET.weights, DATASET.parts):
        text += f"{array.dtype.str}{array.shape}".encode() + array.tobytes()
    assert fingerprint(DATASET) == hashlib.blake2b(text, digest_size=16).hexdigest()


def test_the_layout_in_memory_and_the_name_do_not_matter():
    turned = replace(
        DATASET,
        events=np.asfortranarray(DATASET.events),
        weights=np.repeat(DATASET.weights, 2)[::2],
        name="elsewhere.npy",
    )
    assert fingerprint(turned) == fingerprint(DATASET)


def changed(values):
    values = values.copy()
    values.flat[-1] = np.nextafter(values.flat[-1], np.inf) if values.dtype.kind == "f" else 3
    return values


CHANGES = {
    "nothing": {},
    "events": {"events": changed(DATASET.events)},
    "order of events": {"events": DATASET.events[::-1]},
    "precision": {"events": DATASET.events.astype(np.float32)},
    "shape": {"events": DATASET.events.reshape(11, 3, 1)},
    "conditions": {"conditions": changed(DATASET.conditions)},
    "no conditions": {"conditions": None},
    "weights": {"weights": changed(DATASET.weights)},
    "no weights": {"weights": None},
    "parts": {"parts": changed(DATASET.parts)},
    "no parts": {"parts": None},
    "name of a column": {"event_columns": (Column("x"), Column("y", "cm"), Column("t"))},
    "unit": {"event_columns": (Column("x"), Column("y", "mm"), Column("z"))},
    "categories": {"condition_columns": (Column("kind", categories=("b", "a")),)},
    "weights as conditions": {"conditions": DATASET.weights[:, None], "weights": None},
}


def test_every_change_shows():
    prints = {name: fingerprint(replace(DATASET, **change)) for name, change in CHANGES.items()}
    assert len(set(prints.values())) == len(CHANGES)
