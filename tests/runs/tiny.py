"""Tiny fits, the ways to stop them, and what must be the same of two of them."""

import hashlib
import os
import signal
from pathlib import Path

from ansatz.api import find_recipe
from ansatz.data.options import DataOptions
from ansatz.runs import fit as fitting
from ansatz.runs.progress import Watcher

TINY = {"latent": 2, "hidden": (8,), "batch": 16, "patience": 0}
EPOCHS = 4
CONDITIONAL = {**TINY, "dropout": 0.2, "average": 0.9, "conditions": ("particle", "angle")}


class Watch(Watcher):
    """Stands where the progress bar would, and does something at the chunk that ends `at`."""

    def __init__(self, at, act):
        self.at, self.act, self.done = at, act, False

    def begin(self, fit):
        self.per_epoch = fit.engine.source.steps_per_epoch

    def chunk(self, chunk):
        if not self.done and chunk.state.step >= self.at:
            self.done = True
            self.act()

    def end(self, chunk, finished):
        self.finished = finished

    def close(self):
        pass


def interrupted(at, number=signal.SIGINT):
    """A watcher that sends this process a signal once `at` steps are done."""
    return Watch(at, lambda: os.kill(os.getpid(), number))


def start(data, out, watcher=None, **settings):
    """A new fit of the tiny autoencoder under a watcher."""
    columns = {"conditions": settings.pop("conditions", ())}
    recipe = find_recipe("vae").with_settings({**TINY, "epochs": EPOCHS, **settings})
    return fitting.fit(recipe, data, DataOptions.of(columns), out=out, watcher=watcher)


def content(run):
    """What two fits must agree on: weights, history, and the last checkpoint."""
    last = sorted(Path(run).glob("checkpoints/step-*"))[-1]
    return {
        path.name: path.read_bytes()
        for path in (run / "model.safetensors", run / "history.jsonl", last)
    }


def digest(folder):
    """A digest of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
