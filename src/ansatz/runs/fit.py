"""Fit a recipe to data: a run from nothing, or one that goes on where it stopped."""

import time
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx

from ansatz.data.options import DataOptions
from ansatz.protocol.errors import NonFiniteError
from ansatz.protocol.recipe import Recipe
from ansatz.runs import prepare
from ansatz.runs.folder import RunFolder, check_free, create
from ansatz.runs.interrupt import Interrupt
from ansatz.runs.progress import Watcher
from ansatz.runs.record import Record, current_versions
from ansatz.runs.run import Run
from ansatz.training import ChunkEnd

SHARE_OF_TIME = 0.05
SECONDS_BETWEEN = 1.0


def fit(
    recipe: Recipe,
    data: Any,
    options: DataOptions,
    *,
    out: Path | None = None,
    force: bool = False,
    start: Path | None = None,
    nets: dict[str, eqx.Module] | None = None,
    watcher: Watcher | None = None,
) -> Run:
    """Fit `recipe` to `data` and keep it as the run `out`, or in memory alone.

    `start` is a run whose model is where this fit begins.
    """
    if out is not None:
        check_free(out, force)
    with prepare.precision(recipe.dtype):
        fitting = prepare.first(recipe, data, options, nets or {}, start)
        folder = None
        if out is not None:
            folder = create(out, fitting.record, *fitting.saved(fitting.state))
        with nullcontext() if folder is None else folder.alone():
            return _train(fitting, folder, watcher)


def resume(
    path: Path,
    *,
    epochs: int | None = None,
    data: Any = None,
    nets: dict[str, eqx.Module] | None = None,
    watcher: Watcher | None = None,
) -> Run:
    """Go on with a run where its last good checkpoint stands, to the same bits.

    `epochs` changes how many there are in all. A run fitted to an array in memory needs its
    `data` again.
    """
    folder = RunFolder(path)
    recipe = Record.load(path).recipe
    with folder.alone(), prepare.precision(recipe.dtype):
        fitting = prepare.further(folder, epochs, data, nets or {})
        _compare_versions(fitting.record)
        folder.reopen(fitting.record, fitting.state.step)
        return _train(fitting, folder, watcher)


@dataclass
class _Pace:
    """Says when another checkpoint costs little of the time: at most a twentieth."""

    last: float
    cost: float = 0.0

    def due(self) -> bool:
        return time.monotonic() - self.last > max(SECONDS_BETWEEN, self.cost / SHARE_OF_TIME)

    def saved(self, started: float) -> None:
        self.last = time.monotonic()
        self.cost = self.last - started


def _train(fitting: prepare.Fit, folder: RunFolder | None, watcher: Watcher | None) -> Run:
    """Run the engine to its end, or until asked to stop, and write what it yields."""
    rows = folder.history() if folder is not None else []
    state, pace, seconds = fitting.state, _Pace(time.monotonic()), 0.0
    chunk: ChunkEnd | None = None
    if watcher is not None:
        watcher.begin(fitting)
    with Interrupt() as interrupt:
        try:
            for chunk in fitting.engine.train(state):
                state, seconds = chunk.state, seconds + chunk.seconds
                if watcher is not None:
                    watcher.chunk(chunk)
                if chunk.row is not None:
                    rows.append(chunk.row)
                    if folder is not None:
                        folder.log(chunk.row, seconds)
                    seconds = 0.0
                over = chunk.stop is not None or interrupt.asked
                if folder is not None and (over or pace.due()):
                    started = time.monotonic()
                    folder.checkpoints.save(state.step, *fitting.saved(state))
                    pace.saved(started)
                if interrupt.asked:
                    break
        except NonFiniteError as error:
            raise _with_way_back(error, folder) from error
        finally:
            if watcher is not None:
                watcher.close()
    finished = chunk is None or chunk.stop is not None
    pipeline = fitting.result(state)
    if folder is not None and finished:
        folder.finish(pipeline, state.step)
    if watcher is not None:
        watcher.end(chunk, finished)
    return Run(
        fitting.record,
        eqx.nn.inference_mode(pipeline),
        rows,
        None if folder is None else folder.path,
        finished,
    )


def _with_way_back(error: NonFiniteError, folder: RunFolder | None) -> NonFiniteError:
    if folder is None:
        return error
    last = folder.checkpoints.paths()[-1]
    return NonFiniteError(f"{error} The last good checkpoint stays: {last}.")


def _compare_versions(record: Record) -> None:
    """Warn where other versions may give other last bits than those the run began with."""
    now = current_versions()
    changed = [
        f"{name} {then} is now {now[name]}"
        for name, then in record.versions.items()
        if name in now and now[name] != then
    ]
    if changed:
        warnings.warn(
            f"{', '.join(changed)}: the run goes on, but not to the same last bits.",
            RuntimeWarning,
            stacklevel=3,
        )
