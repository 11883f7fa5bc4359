"""The training loop: any update, any source, compiled, exactly resumable.

The engine yields its state at chunk ends. It touches no file and knows no family.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, PyTree

from ansatz.protocol.errors import NonFiniteError
from ansatz.protocol.keys import Keys, Stream, streams
from ansatz.protocol.source import AbstractSource
from ansatz.protocol.update import AbstractUpdate, Score
from ansatz.training import compiled
from ansatz.training.devices import everywhere, of_first_process
from ansatz.training.state import ChunkEnd, Row, Standing, TrainingState

LONGEST_CHUNK = 512
SECONDS_PER_CHUNK = 0.5


@dataclass(frozen=True, eq=False)
class Engine:
    """Trains by `update` on batches of `source`, judged on those of `validation`.

    An ensemble has several `members`, each with noise of its own: member m draws as a single
    model does with the seed `seed` + m.
    """

    update: AbstractUpdate
    source: AbstractSource
    validation: AbstractSource | None
    seed: int
    epochs: int
    patience: int
    members: int = 1
    mesh: Mesh | None = None

    @property
    def score(self) -> Score | None:
        """What decides which model is kept; None without events to validate on."""
        return self.update.score if self.validation is not None else None

    def initial(self, model: Any) -> TrainingState:
        """The state before the first step; of an ensemble, `model` has an axis of members."""
        best = eqx.filter(model, eqx.is_array) if self.score else None
        keys = self._keys(Stream.STEPS)
        update, source = compiled.initial(self.update, self.source, model, keys)
        return TrainingState(update, source, best, (Standing(),) * self.members)

    def result(self, state: TrainingState) -> Any:
        """The model that one member has found so far: the best by validation, or the last."""
        (standing,) = state.standings
        model = self.update.model(state.update)
        if self.score is None or standing.best_score is None:
            return model
        return eqx.combine(state.best, model)

    def train(self, state: TrainingState) -> Iterator[ChunkEnd]:
        """Chunks of steps until the last epoch, or until no epoch is better any more."""
        trees = everywhere((state.update, state.source, state.best), self.mesh)
        state = replace(state, update=trees[0], source=trees[1], best=trees[2])
        per_epoch = self.source.steps_per_epoch
        reason = self.over(state)
        length = 1
        while reason is None:
            reach = self.source.reach(state.step)
            steps = min(length, reach)
            started = time.perf_counter()
            rows: tuple[Row | None, ...] = ()
            state = self._chunk(state, steps)
            if state.step % per_epoch == 0:
                state, rows = self._finish_epoch(state)
            seconds = time.perf_counter() - started
            reason = self.over(state)
            yield ChunkEnd(state, seconds, steps, rows, reason)
            # The chunk's length changes when the host looks, never what is computed: so it may
            # follow the clock. It grows slowly, for the first chunk's time is compilation.
            if reach > steps:
                fitting = int(steps * SECONDS_PER_CHUNK / max(seconds, 1e-9))
                length = max(1, min(4 * length, fitting, LONGEST_CHUNK))
            elif seconds < SECONDS_PER_CHUNK:
                length = min(4 * length, LONGEST_CHUNK)
            length = of_first_process(length)

    def over(self, state: TrainingState) -> str | None:
        """Why there is nothing more to train, if so."""
        epoch, within = divmod(state.step, self.source.steps_per_epoch)
        if epoch >= self.epochs:
            return f"all {self.epochs} epochs done"
        if within or any(self._goes_on(standing, epoch) for standing in state.standings):
            return None
        waited = epoch - max(standing.best_epoch for standing in state.standings)
        return f"no better validation score for {waited} epochs"

    def _goes_on(self, standing: Standing, epoch: int) -> bool:
        """Whether a model that stands so after `epoch` epochs has not run out of patience."""
        if not self.patience or standing.best_score is None:
            return True
        return epoch - standing.best_epoch < self.patience

    def _keys(self, which: Stream) -> Keys:
        return everywhere(streams(self.seed, which, self.members), self.mesh)

    def _whose(self, member: int) -> str:
        return f" of seed {self.seed + member}" if self.members > 1 else ""

    def _number(self, value: int) -> Array:
        return everywhere(jnp.int32(value), self.mesh)

    @cached_property
    def _source(self) -> AbstractSource:
        """The source with its arrays where the devices find them."""
        return everywhere(self.source, self.mesh)

    @cached_property
    def _last(self) -> dict[str, PyTree]:
        """What was loaded last, and the same where the devices find it."""
        return {"loaded": None, "placed": None}

    def _loaded(self, step: int) -> PyTree:
        """What the source loads for a step; several chunks may be cut from the same."""
        loaded = self.source.load(step)
        if self.mesh is None:
            return loaded
        if self._last["loaded"] is not loaded:
            self._last["placed"] = None
            self._last.update(loaded=loaded, placed=everywhere(loaded, self.mesh))
        return self._last["placed"]

    @cached_property
    def _judges(self) -> AbstractSource | None:
        return everywhere(self.validation, self.mesh)

    def _chunk(self, state: TrainingState, steps: int) -> TrainingState:
        (update, memory), metrics, healthy = compiled.run(
            self.update,
            self._source,
            (state.update, state.source),
            self._loaded(state.step),
            self._number(state.step),
            self._number(steps),
            self._keys(Stream.STEPS),
            room=LONGEST_CHUNK,
            mesh=self.mesh,
        )
        epoch = state.step // self.source.steps_per_epoch
        standings = []
        for m, standing in enumerate(state.standings):
            own = {name: _member(values, steps, m) for name, values in metrics.items()}
            # What has stopped runs along beside the others, and nobody looks at it.
            if self._goes_on(standing, epoch):
                _check(own, bool(np.reshape(healthy, -1)[m]), state.step, steps, self._whose(m))
            # Added one by one in double precision, so that no cut into chunks shows.
            sums = {
                name: float(np.cumsum([standing.sums.get(name, 0.0), *values])[-1])
                for name, values in own.items()
            }
            standings.append(replace(standing, sums=sums))
        return replace(
            state,
            update=update,
            source=memory,
            standings=tuple(standings),
            step=state.step + steps,
        )

    def _finish_epoch(self, state: TrainingState) -> tuple[TrainingState, tuple[Row | None, ...]]:
        per_epoch = self.source.steps_per_epoch
        epoch = state.step // per_epoch
        if not self.update.leaves_nothing:
            state = self._solved(state, epoch)
        validated = self._validate(state)
        rows: list[Row | None] = []
        standings = []
        better = np.zeros(self.members, bool)
        for m, before in enumerate(state.standings):
            after = replace(before, sums={})
            if not self._goes_on(before, epoch - 1):
                rows.append(None)
                standings.append(after)
                continue
            row: Row = {"epoch": epoch, "step": state.step}
            row |= {name: total / per_epoch for name, total in before.sums.items()}
            row |= {f"validation_{name}": float(value[m]) for name, value in validated.items()}
            if self.score is not None:
                value = float(validated[self.score.metric][m])
                if not math.isfinite(value):
                    raise _diverged(f"validation_{self.score.metric}{self._whose(m)}", state.step)
                sign = 1 if self.score.better == "lower" else -1
                best = before.best_score
                better[m] = best is None or sign * value < sign * best - self.score.least
                if better[m]:
                    after = replace(after, best_score=value, best_epoch=epoch)
                row["best_epoch"] = after.best_epoch
            rows.append(row)
            standings.append(after)
        if better.any():
            best = eqx.filter(self.update.model(state.update), eqx.is_array)
            if not better.all():
                best = compiled.choose(jnp.asarray(better), best, state.best)
            state = replace(state, best=best)
        return replace(state, standings=tuple(standings)), tuple(rows)

    def _solved(self, state: TrainingState, epoch: int) -> TrainingState:
        """The state once that is done which was left to do after the last batch of an epoch."""
        update, healthy = compiled.finish_epoch(
            self.update, state.update, self._keys(Stream.VALIDATION)
        )
        for m, standing in enumerate(state.standings):
            if self._goes_on(standing, epoch - 1):
                _check({}, bool(np.reshape(healthy, -1)[m]), state.step - 1, 1, self._whose(m))
        return replace(state, update=update)

    def _validate(self, state: TrainingState) -> dict[str, np.ndarray]:
        """Metrics averaged over all validation events, a number for each member.

        The noise is the same at every epoch.
        """
        if self.validation is None or self._judges is None:
            return {}
        keys = self._keys(Stream.VALIDATION)
        weights = np.zeros(0)
        found: dict[str, list[np.ndarray]] = {}
        step, per_epoch = 0, self.validation.steps_per_epoch
        while step < per_epoch:
            steps = min(self.validation.reach(step), LONGEST_CHUNK)
            sizes, metrics = compiled.evaluate(
                self.update,
                self._judges,
                state.update,
                everywhere(self.validation.load(step), self.mesh),
                self._number(step),
                self._number(steps),
                self._number(state.step),
                keys,
                room=LONGEST_CHUNK,
                mesh=self.mesh,
            )
            weights = np.append(weights, _member(sizes, steps, 0))
            for name, values in metrics.items():
                each = np.reshape(np.asarray(values, float)[:steps], (steps, self.members))
                found.setdefault(name, []).append(each)
            step += steps
        return {
            name: np.sum(weights[:, None] * np.concatenate(values), 0) / np.sum(weights)
            for name, values in found.items()
        }


def _member(values: Array, steps: int, member: int) -> np.ndarray:
    """The numbers of the first `steps` steps, those of one member."""
    numbers = np.asarray(values, float)[:steps]
    return numbers[:, member] if numbers.ndim > 1 else numbers


def _check(
    metrics: dict[str, np.ndarray], healthy: bool, first: int, steps: int, whose: str
) -> None:
    """Stop at the first number of the chunk that is not finite."""
    found = [
        (int(bad[0]), name)
        for name, values in metrics.items()
        if len(bad := np.flatnonzero(~np.isfinite(values)))
    ]
    if found:
        at, name = min(found)
        raise _diverged(f"{name}{whose}", first + at)
    if not healthy:
        raise _diverged(f"a parameter{whose}", first + steps - 1)


def _diverged(what: str, step: int) -> NonFiniteError:
    return NonFiniteError(
        f"{what} is not finite at step {step}. Try a smaller --rate, --clip 1, a --warmup, or "
        "look for extreme values in the data."
    )
