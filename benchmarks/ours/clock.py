"""Fits that are timed: when their epochs end, and how what was measured is said."""

import json
import time
from importlib.metadata import version
from typing import Any, NamedTuple

from ansatz.data.options import DEFAULT, DataOptions
from ansatz.protocol.recipe import Recipe
from ansatz.runs.fit import fit
from ansatz.runs.progress import Watcher
from ansatz.runs.run import Run
from ansatz.training import ChunkEnd


class Clock(Watcher):
    """Shows what a user is shown, and notes when epochs end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def chunk(self, chunk: ChunkEnd) -> None:
        super().chunk(chunk)
        if chunk.rows:
            self.ends.append(time.perf_counter())

    def per_second(self, count: int) -> float:
        """Of `count` things to an epoch, how many a second from the end of the first one on."""
        return count * (len(self.ends) - 1) / (self.ends[-1] - self.ends[0])


class Learnt(NamedTuple):
    """A fit, and when its epochs ended."""

    run: Run
    clock: Clock


def learnt(recipe: Recipe, data: Any, options: DataOptions = DEFAULT, **more: Any) -> Learnt:
    """One model, fitted as a user has it fitted."""
    clock = Clock()
    run = fit(recipe, data, options, watcher=clock, **more)
    if not isinstance(run, Run):
        raise ValueError("One model was to be learnt, not several.")
    return Learnt(run, clock)


def say(found: dict[str, Any]) -> None:
    """The result as the last line, with the versions of what it came of."""
    versions = {name: version(name) for name in ("jaxlib", "equinox", "optax", "numpy")}
    print(json.dumps({**found, "versions": versions}))
