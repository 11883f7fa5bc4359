"""Fit a recipe to data: a run from nothing, or one that goes on where it stopped."""

import time
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray, PyTree

from ansatz.data.options import DataOptions
from ansatz.protocol.errors import NonFiniteError
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.recipe import Recipe
from ansatz.protocol.source import AbstractSource, Batch
from ansatz.protocol.watch import unseen
from ansatz.runs.ensemble import Ensemble
from ansatz.runs.files import alone
from ansatz.runs.folder import RunFolder, check_free, create
from ansatz.runs.further import further
from ansatz.runs.interrupt import Interrupt
from ansatz.runs.pipeline import Pipeline
from ansatz.runs.precision import precision
from ansatz.runs.prepare import prepare
from ansatz.runs.progress import Watcher
from ansatz.runs.ready import Fit
from ansatz.runs.record import Record, current_versions
from ansatz.runs.run import Run
from ansatz.training import ChunkEnd, Row, TrainingState
from ansatz.training.devices import in_any_process, is_first_process, join_cluster, wait_for_all

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
) -> Run | Ensemble:
    """Fit `recipe` to `data` and keep it as the run `out`, or in memory alone.

    `start` is a run whose model is where this fit begins. Of several processes of a cluster's
    job the first writes and speaks.
    """
    join_cluster()
    first = is_first_process()
    watcher = watcher if first else None
    watch = unseen if watcher is None else watcher.reading
    if out is not None and first:
        check_free(out, force)
    with precision(recipe.dtype):
        fitting = prepare(recipe, data, options, nets or {}, start, watch)
        folder = None
        if out is not None and first:
            saved = [fitting.saved(member) for member in fitting.members(fitting.state)]
            folder = create(out, fitting.record, saved, force=force)
        with nullcontext() if folder is None else alone(folder.path):
            return _train(fitting, folder, watcher)


def resume(
    path: Path,
    *,
    epochs: int | None = None,
    data: Any = None,
    nets: dict[str, eqx.Module] | None = None,
    watcher: Watcher | None = None,
) -> Run | Ensemble:
    """Go on with a run where its last good checkpoint stands, to the same bits.

    `epochs` changes how many there are in all. A run fitted to an array in memory needs its
    `data` again.
    """
    join_cluster()
    first = is_first_process()
    watcher = watcher if first else None
    watch = unseen if watcher is None else watcher.reading
    folder = RunFolder(path)
    recipe = Record.load(path).recipe
    with alone(folder.path) if first else nullcontext(), precision(recipe.dtype):
        fitting = further(folder, epochs, data, nets or {}, watch)
        # Nobody may still be reading the checkpoints when the first process writes new ones.
        wait_for_all("checkpoints are read")
        if not first:
            return _train(fitting, None, None)
        _compare_versions(fitting.record)
        members = folder.members(fitting.record)
        for own in members:
            own.check()
        if fitting.record.members > 1:
            fitting.record.save(path)
        for m, own in enumerate(members):
            member = fitting.record.member if fitting.record.members == 1 else m
            own.reopen(replace(fitting.record, member=member), fitting.state.step)
        return _train(fitting, folder, watcher)


class _Book:
    """Writes what the engine yields into the folders of a run or of an ensemble's members.

    Without a folder it keeps the histories alone. A checkpoint is due when another costs little
    of the time: at most a twentieth.
    """

    def __init__(self, fitting: Fit, folder: RunFolder | None) -> None:
        self.fitting = fitting
        self.folders = [] if folder is None else folder.members(fitting.record)
        empty: list[list[Row]] = [[] for _ in range(fitting.record.members)]
        self.histories = [own.history() for own in self.folders] or empty
        self.seconds = 0.0
        self.last, self.cost = time.monotonic(), 0.0

    def log(self, chunk: ChunkEnd) -> None:
        """The rows of an epoch that has ended, and the time that it took."""
        self.seconds += chunk.seconds
        for m, row in enumerate(chunk.rows):
            if row is not None:
                self.histories[m].append(row)
                if self.folders:
                    self.folders[m].log(row, self.seconds)
        if chunk.rows:
            self.seconds = 0.0

    def keep(self, state: TrainingState, *, over: bool) -> None:
        """A checkpoint, if one is due or training is over."""
        started = time.monotonic()
        due = started - self.last > max(SECONDS_BETWEEN, self.cost / SHARE_OF_TIME)
        if not self.folders or not (over or due):
            return
        for own, member in zip(self.folders, self.fitting.members(state), strict=True):
            own.checkpoints.save(state.step, *self.fitting.saved(member))
        self.last = time.monotonic()
        self.cost = self.last - started

    def close(self, state: TrainingState, *, finished: bool) -> list[Run]:
        """The runs as they are now; those that have finished with the model they end with."""
        record = self.fitting.record
        runs = []
        for m, member in enumerate(self.fitting.members(state)):
            pipeline = self.fitting.result(member)
            if finished:
                pipeline = _concluded(self.fitting, pipeline, m)
            own = self.folders[m] if self.folders else None
            if own is not None and finished:
                own.finish(pipeline, state.step)
            runs.append(
                Run(
                    record if record.members == 1 else replace(record, member=m),
                    eqx.nn.inference_mode(pipeline),
                    self.histories[m],
                    None if own is None else own.path,
                    finished,
                )
            )
        return runs


def _train(fitting: Fit, folder: RunFolder | None, watcher: Watcher | None) -> Run | Ensemble:
    """Run the engine to its end, or until asked to stop, and write what it yields."""
    book, state = _Book(fitting, folder), fitting.state
    chunk: ChunkEnd | None = None
    if watcher is not None:
        watcher.begin(fitting)
    with Interrupt() as interrupt:
        try:
            for chunk in fitting.engine.train(state):
                state = chunk.state
                if watcher is not None:
                    watcher.chunk(chunk)
                book.log(chunk)
                asked = in_any_process(interrupt.asked)
                book.keep(state, over=chunk.stop is not None or asked)
                if asked:
                    break
        except NonFiniteError as error:
            raise _with_way_on(error, fitting.record.recipe, book.folders) from error
        finally:
            if watcher is not None:
                watcher.close()
    finished = chunk is None or chunk.stop is not None
    runs = book.close(state, finished=finished)
    if watcher is not None:
        watcher.end(chunk, finished)
    recipe, spec = fitting.record.recipe, fitting.record.spec
    remarks = [
        remark
        for run in runs
        for remark in (*recipe.remarks(run.model, spec), *recipe.remarks_on(run.history))
    ]
    for remark in dict.fromkeys(remarks):
        warnings.warn(remark, UserWarning, stacklevel=4)
    if fitting.record.members == 1:
        return runs[0]
    return Ensemble(tuple(runs), None if folder is None else folder.path)


def _concluded(fitting: Fit, pipeline: Pipeline, member: int) -> Pipeline:
    """The pipeline with a model that has all that can only be found at the end."""
    recipe = fitting.record.recipe
    key, key_held = (
        stream(recipe.seed + member, which) for which in (Stream.END, Stream.VALIDATION)
    )
    model = recipe.conclude(pipeline.model, key, _held(fitting.engine.validation, key_held))
    return eqx.tree_at(lambda p: p.model, pipeline, model)


def _held(source: AbstractSource | None, key: PRNGKeyArray) -> Iterator[Batch]:
    """The events that models are compared on, or none where none were kept for that."""
    if source is None:
        return
    loaded = source.load(0)
    for step in range(source.steps_per_epoch):
        yield _drawn(source, loaded, jnp.int32(step), jax.random.fold_in(key, step))


@eqx.filter_jit
def _drawn(source: AbstractSource, loaded: PyTree, step: Array, key: PRNGKeyArray) -> Batch:
    return source.draw(None, loaded, None, step, key)[0]


def _with_way_on(error: NonFiniteError, recipe: Recipe, folders: list[RunFolder]) -> NonFiniteError:
    """The error with what this family can try, and where the last good model is."""
    words = [str(error), *([recipe.remedy] if recipe.remedy else [])]
    if folders:
        words.append(f"The last good checkpoint stays: {folders[0].checkpoints.paths()[-1]}.")
    return NonFiniteError(" ".join(words))


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
