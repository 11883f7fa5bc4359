"""The training loop: any update, any source, compiled, exactly resumable.

The engine yields its state at chunk ends. It touches no file and knows no family.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from ansatz.protocol.errors import NonFiniteError
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.source import AbstractSource
from ansatz.protocol.update import AbstractUpdate, Score

LONGEST_CHUNK = 512
SECONDS_PER_CHUNK = 0.5


@dataclass(frozen=True, eq=False)
class TrainingState:
    """All that training must remember between steps; arrays in trees, numbers as they are."""

    update: PyTree
    source: PyTree
    best: PyTree
    """The best model's arrays so far; None where there is no score."""
    step: int = 0
    best_score: float | None = None
    best_epoch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    """Metrics summed over the steps of the epoch under way."""


@dataclass(frozen=True, eq=False)
class ChunkEnd:
    """What the host sees after a chunk of steps."""

    state: TrainingState
    seconds: float
    steps: int
    row: dict[str, Any] | None
    """The history of the epoch, if the chunk was its last."""
    stop: str | None
    """Why training is over, if it is."""


@dataclass(frozen=True, eq=False)
class Engine:
    """Trains by `update` on batches of `source`, judged on those of `validation`."""

    update: AbstractUpdate
    source: AbstractSource
    validation: AbstractSource | None
    seed: int
    epochs: int
    patience: int

    @property
    def score(self) -> Score | None:
        """What decides which model is kept; None without events to validate on."""
        return self.update.score if self.validation is not None else None

    def initial(self, model: Any) -> TrainingState:
        """The state before the first step."""
        best = eqx.filter(model, eqx.is_array) if self.score else None
        update = _initial(self.update, model)
        return TrainingState(update, self.source.initial(), best)

    def result(self, state: TrainingState) -> Any:
        """The model that training has found so far: the best by validation, or the last."""
        model = self.update.model(state.update)
        if self.score is None or state.best_score is None:
            return model
        return eqx.combine(state.best, model)

    def train(self, state: TrainingState) -> Iterator[ChunkEnd]:
        """Chunks of steps until the last epoch, or until no epoch is better any more."""
        key = stream(self.seed, Stream.STEPS)
        per_epoch = self.source.steps_per_epoch
        reason = self.over(state)
        length = 1
        while reason is None:
            left = per_epoch - state.step % per_epoch
            steps = min(length, left)
            started = time.perf_counter()
            state, row = self._chunk(state, steps, key), None
            if state.step % per_epoch == 0:
                state, row = self._finish_epoch(state)
            seconds = time.perf_counter() - started
            reason = self.over(state)
            yield ChunkEnd(state, seconds, steps, row, reason)
            # The chunk's length changes when the host looks, never what is computed: so it may
            # follow the clock. It grows slowly, for the first chunk's time is compilation.
            if left > steps:
                fitting = int(steps * SECONDS_PER_CHUNK / max(seconds, 1e-9))
                length = max(1, min(4 * length, fitting, LONGEST_CHUNK))
            elif seconds < SECONDS_PER_CHUNK:
                length = min(4 * length, LONGEST_CHUNK)

    def _chunk(self, state: TrainingState, steps: int, key: PRNGKeyArray) -> TrainingState:
        loaded = self.source.load(state.step, steps)
        after, source, metrics, healthy = _run(
            self.update,
            self.source,
            state.update,
            state.source,
            loaded,
            jnp.int32(state.step),
            jnp.int32(steps),
            key,
        )
        _check(metrics, bool(healthy), state.step, steps)
        sums = dict(state.sums)
        for name, values in metrics.items():
            # Added one by one in double precision, so that no cut into chunks shows.
            start = sums.get(name, 0.0)
            sums[name] = float(np.cumsum([start, *np.asarray(values[:steps], float)])[-1])
        return replace(state, update=after, source=source, step=state.step + steps, sums=sums)

    def _finish_epoch(self, state: TrainingState) -> tuple[TrainingState, dict[str, Any]]:
        per_epoch = self.source.steps_per_epoch
        epoch = state.step // per_epoch
        update, healthy = _finish_epoch(self.update, state.update)
        _check({}, bool(healthy), state.step - 1, 1)
        state = replace(state, update=update)
        row: dict[str, Any] = {"epoch": epoch, "step": state.step}
        row |= {name: total / per_epoch for name, total in state.sums.items()}
        validated = self._validate(state)
        row |= {f"validation_{name}": value for name, value in validated.items()}
        state = replace(state, sums={})
        if self.score is not None:
            value = validated[self.score.metric]
            sign = 1 if self.score.better == "lower" else -1
            if not math.isfinite(value):
                raise _diverged(f"validation_{self.score.metric}", state.step)
            if state.best_score is None or sign * value < sign * state.best_score:
                best = eqx.filter(self.update.model(state.update), eqx.is_array)
                state = replace(state, best=best, best_score=value, best_epoch=epoch)
            row["best_epoch"] = state.best_epoch
        return state, row

    def _validate(self, state: TrainingState) -> dict[str, float]:
        """Metrics averaged over all validation events; the same noise at every epoch."""
        if self.validation is None:
            return {}
        key = stream(self.seed, Stream.VALIDATION)
        steps = self.validation.steps_per_epoch
        sizes, metrics = _evaluate(
            self.update,
            self.validation,
            state.update,
            self.validation.load(0, steps),
            jnp.int32(state.step),
            key,
        )
        counts = np.asarray(sizes, float)
        return {
            name: float(np.sum(counts * np.asarray(values, float)) / np.sum(counts))
            for name, values in metrics.items()
        }

    def over(self, state: TrainingState) -> str | None:
        """Why there is nothing more to train, if so."""
        per_epoch = self.source.steps_per_epoch
        epoch, within = divmod(state.step, per_epoch)
        if epoch >= self.epochs:
            return f"all {self.epochs} epochs done"
        if within or not self.patience or state.best_score is None:
            return None
        waited = epoch - state.best_epoch
        if waited >= self.patience:
            return f"no better validation score for {waited} epochs"
        return None


@eqx.filter_jit
def _run(
    update: AbstractUpdate,
    source: AbstractSource,
    state: PyTree,
    source_state: PyTree,
    loaded: PyTree,
    first: Array,
    steps: Array,
    key: PRNGKeyArray,
) -> tuple[PyTree, PyTree, dict[str, Array], Array]:
    """`steps` steps in one compiled loop, their metrics, and whether the model is still finite.

    The number of steps is an argument of the compiled code, not a part of it: so the code, and
    every bit it computes, is the same for any number.
    """
    arrays, rest = eqx.partition((state, source_state), eqx.is_array)

    def one(step: Array, arrays: PyTree) -> tuple[PyTree, dict[str, Array]]:
        state, source_state = eqx.combine(arrays, rest)
        key_batch, key_update = _two_keys(key, step)
        batch, source_state = source.draw(
            source_state, loaded, update.model(state), step, key_batch
        )
        state, metrics = update(state, batch, step, key_update)
        return eqx.filter((state, source_state), eqx.is_array), metrics

    shapes = jax.eval_shape(one, first, arrays)[1]
    empty = jax.tree.map(lambda m: jnp.zeros((LONGEST_CHUNK,), m.dtype), shapes)

    def body(i: Array, carried: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
        arrays, metrics = carried
        arrays, new = one(first + i, arrays)
        return arrays, jax.tree.map(lambda all_, m: all_.at[i].set(m), metrics, new)

    arrays, metrics = jax.lax.fori_loop(0, steps, body, (arrays, empty))
    state, source_state = eqx.combine(arrays, rest)
    return state, source_state, metrics, _finite(update.model(state))


@eqx.filter_jit
def _initial(update: AbstractUpdate, model: Any) -> PyTree:
    return update.initial(model)


@eqx.filter_jit
def _finish_epoch(update: AbstractUpdate, state: PyTree) -> tuple[PyTree, Array]:
    state = update.finish_epoch(state)
    return state, _finite(update.model(state))


@eqx.filter_jit
def _evaluate(
    update: AbstractUpdate,
    source: AbstractSource,
    state: PyTree,
    loaded: PyTree,
    step: Array,
    key: PRNGKeyArray,
) -> tuple[Array, dict[str, Array]]:
    """The size and the metrics of every batch of an epoch of `source`."""

    def one(_: None, i: Array) -> tuple[None, tuple[Array, dict[str, Array]]]:
        key_batch, key_update = _two_keys(key, i)
        batch, _ = source.draw(source.initial(), loaded, update.model(state), i, key_batch)
        return None, (batch.size, update.evaluate(state, batch, step, key_update))

    return jax.lax.scan(one, None, jnp.arange(source.steps_per_epoch, dtype=step.dtype))[1]


def _two_keys(key: PRNGKeyArray, step: Array) -> tuple[PRNGKeyArray, PRNGKeyArray]:
    """The keys of a step's batch and of its update, both folded with the step at once."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, 2 * step + jnp.arange(2, dtype=step.dtype))
    return keys[0], keys[1]


def _finite(model: Any) -> Array:
    parameters = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(p)) for p in parameters]))


def _check(metrics: dict[str, Array], healthy: bool, first: int, steps: int) -> None:
    """Stop at the first number of the chunk that is not finite."""
    found = [
        (int(bad[0]), name)
        for name, values in metrics.items()
        if len(bad := np.flatnonzero(~np.isfinite(np.asarray(values[:steps]))))
    ]
    if found:
        at, name = min(found)
        raise _diverged(name, first + at)
    if not healthy:
        raise _diverged("a parameter", first + steps - 1)


def _diverged(what: str, step: int) -> NonFiniteError:
    return NonFiniteError(
        f"{what} is not finite at step {step}. Try a smaller --rate, --clip 1, a --warmup, or "
        "look for extreme values in the data."
    )
