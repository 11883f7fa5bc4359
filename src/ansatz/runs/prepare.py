"""From a recipe and data to all that a fit needs: record, pipeline, engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ansatz.data.batches import Batches
from ansatz.data.conditions import ConditionEncoder, fit_conditions
from ansatz.data.dataset import Dataset
from ansatz.data.fingerprint import fingerprint
from ansatz.data.options import DataOptions
from ansatz.data.preprocessing import fit_preprocessing
from ansatz.data.read import read
from ansatz.data.split import split
from ansatz.data.statistics import blocks, gather
from ansatz.protocol.errors import OptionError, RunError, nearest
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.runs.arrays import fill
from ansatz.runs.folder import RunFolder, part
from ansatz.runs.pipeline import Pipeline
from ansatz.runs.record import Record
from ansatz.training import Engine, TrainingState

FIRST_BATCH = 4096


class Saved(eqx.Module):
    """The arrays of a checkpoint: the pipeline with the best model so far, and the state."""

    pipeline: Pipeline
    update: Any
    source: Any


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit that is ready to run, from its first step or from a checkpoint."""

    record: Record
    pipeline: Pipeline
    engine: Engine
    state: TrainingState

    def result(self, state: TrainingState) -> Pipeline:
        """The pipeline with the model that training has found so far."""
        return eqx.tree_at(lambda p: p.model, self.pipeline, self.engine.result(state))

    def saved(self, state: TrainingState) -> tuple[Saved, dict[str, Any]]:
        """What a checkpoint holds: arrays and plain values."""
        values = {
            "step": state.step,
            "best_score": state.best_score,
            "best_epoch": state.best_epoch,
            "sums": state.sums,
        }
        return Saved(self.result(state), state.update, state.source), values


def first(
    recipe: Recipe,
    data: Any,
    options: DataOptions,
    nets: dict[str, eqx.Module],
    start: Path | None,
) -> Fit:
    """A fit from its first step; with `start`, from the weights of that run."""
    check_nets(recipe, nets)
    dataset = read(data, options)
    train, _, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
    encoder = fit_conditions(
        dataset.condition_columns,
        None if dataset.conditions is None else dataset.conditions[train],
        recipe.dtype,
    )
    spec = Spec(
        shape=dataset.shape,
        kind=gather(blocks(dataset.events, train)).kind,
        condition=0 if encoder is None else encoder.size,
        events=len(train),
        steps_per_epoch=-(-len(train) // recipe.batch),
    )
    recipe = recipe.resolve(spec)
    preprocessing = fit_preprocessing(
        recipe.preprocess, spec.shape, recipe.dtype, lambda: blocks(dataset.events, train)
    )
    record = Record(
        recipe=recipe,
        spec=spec,
        source=_source(data),
        options=options,
        fingerprint=fingerprint(dataset),
        event_dtype=str(dataset.events.dtype),
        event_columns=dataset.event_columns,
        condition_columns=() if encoder is None else dataset.condition_columns,
        own_nets=tuple(nets),
    )
    pipeline = Pipeline(None, preprocessing, encoder)
    opening = _batches(record, pipeline, dataset, train[:FIRST_BATCH], FIRST_BATCH, None)

    @eqx.filter_jit
    def initial(opening: Batches, order: Any, key_model: Any, key_batch: Any) -> Any:
        model = recipe.build(spec, key_model, **nets)
        batch, _ = opening.draw(None, order, model, jnp.int32(0), key_batch)
        return recipe.initialise(model, batch)

    keys = [stream(recipe.seed, use) for use in (Stream.PARAMETERS, Stream.FIRST_BATCH)]
    model = initial(opening, opening.load(0, 1), *keys)
    if start is not None:
        model = _weights_of(start, model)
    pipeline = Pipeline(model, preprocessing, encoder)
    engine = _engine(record, pipeline, dataset)
    return Fit(record, pipeline, engine, engine.initial(model))


def _source(data: Any) -> str | None:
    """Where to find the data again, from whatever folder: a whole path, or a name."""
    if not isinstance(data, str | Path):
        return None
    path = Path(data)
    return str(path.resolve()) if path.exists() else str(data)


def _weights_of(start: Path, model: Any) -> Any:
    """The model with the weights of the run `start`, which must be one of the same shapes."""
    record = Record.load(start)
    path, arrays = RunFolder(start).saved_pipeline()
    try:
        return fill(model, part(arrays, "model"), str(path))
    except RunError as error:
        raise RunError(
            f"{error} A fit begins from a run of the same recipe and shapes; "
            f"{start} is a {record.recipe.name} of events of shape {record.spec.shape}."
        ) from error


def further(folder: RunFolder, epochs: int | None, data: Any, nets: dict[str, eqx.Module]) -> Fit:
    """A fit that goes on from the last good checkpoint of `folder`."""
    record = Record.load(folder.path)
    if epochs is not None:
        record = replace(record, recipe=record.recipe.with_settings({"epochs": epochs}))
    source = record.source if data is None else data
    if source is None:
        raise OptionError(f"{folder.path} was fitted to an array in memory: give the data again.")
    dataset = read(source, record.options)
    if fingerprint(dataset) != record.fingerprint:
        raise RunError(
            f"{dataset.name} has changed since {folder.path} was fitted to it. Put it back as it "
            "was, or start another fit from this run's weights with --from."
        )
    path, arrays, values = folder.checkpoints.last_good()
    done = values["step"] // record.spec.steps_per_epoch
    if epochs is not None and epochs < done:
        raise OptionError(
            f"{folder.path} has done {done} epochs already: give --epochs {done} or more, for it "
            "counts all of them."
        )
    pipeline = empty_pipeline(record, nets)
    pipeline = fill(pipeline, part(arrays, "pipeline"), str(path))
    engine = _engine(record, pipeline, dataset)
    state = engine.initial(pipeline.model)
    update = fill(state.update, part(arrays, "update"), str(path))
    memory = fill(state.source, part(arrays, "source"), str(path))
    return Fit(record, pipeline, engine, replace(state, update=update, source=memory, **values))


def empty_pipeline(record: Record, nets: dict[str, eqx.Module]) -> Pipeline:
    """A pipeline of the right structure, its numbers yet to be filled in."""
    recipe, spec = record.recipe, record.spec
    check_nets(recipe, nets)
    missing = [name for name in record.own_nets if name not in nets]
    if missing:
        given = ", ".join(f"{name}=..." for name in missing)
        raise RunError(
            "The run was fitted with nets of your own, which are not saved with it: "
            f"give them again as {given}."
        )
    set_precision(recipe.dtype)
    columns = record.condition_columns
    ones = jnp.ones(len(columns), recipe.dtype)
    shapes = eqx.filter_eval_shape(recipe.build, spec, jax.random.key(0), **nets)
    return Pipeline(
        model=shapes,
        preprocessing=fit_preprocessing(recipe.preprocess, spec.shape, recipe.dtype, None),
        encoder=ConditionEncoder(columns, ones, ones) if columns else None,
    )


def check_nets(recipe: Recipe, nets: dict[str, Any]) -> None:
    """Refuse a net that the recipe has no place for."""
    for name in nets:
        if name not in recipe.nets:
            raise OptionError(f"{recipe.kind} takes no net {name!r}. {nearest(name, recipe.nets)}")


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Compute in the precision of a recipe, whatever other runs in this process asked for.

    Draws of random numbers depend on it, and so would the bits of a fit in single precision.
    """
    if dtype == "float64":
        set_precision(dtype)
        yield
    else:
        with jax.enable_x64(False):
            yield


def set_precision(dtype: str) -> None:
    """Let JAX compute in double precision where a recipe asks for it."""
    if dtype == "float64":
        jax.config.update("jax_enable_x64", True)


def _engine(record: Record, pipeline: Pipeline, dataset: Dataset) -> Engine:
    recipe = record.recipe
    train, validation, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
    return Engine(
        update=recipe.update(record.spec),
        source=_batches(record, pipeline, dataset, train, recipe.batch, recipe.seed),
        validation=_batches(record, pipeline, dataset, validation, recipe.batch, None)
        if len(validation)
        else None,
        seed=recipe.seed,
        epochs=recipe.epochs,
        patience=recipe.patience,
    )


def _batches(
    record: Record,
    pipeline: Pipeline,
    dataset: Dataset,
    index: np.ndarray,
    batch: int,
    seed: int | None,
) -> Batches:
    return Batches(
        dataset,
        index,
        pipeline.preprocessing,
        pipeline.encoder,
        batch=batch,
        dtype=record.recipe.dtype,
        seed=seed,
    )
