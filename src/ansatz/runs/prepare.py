"""From a recipe and data to all that a fit needs: record, pipeline, engine."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
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
from ansatz.data.finite import check_learnable, check_size
from ansatz.data.options import DataOptions
from ansatz.data.preprocessing import fit_preprocessing
from ansatz.data.read import read
from ansatz.data.split import split
from ansatz.data.statistics import survey
from ansatz.data.stored import SHARE
from ansatz.data.streamed import source_of
from ansatz.protocol.errors import OptionError, RunError, nearest
from ansatz.protocol.keys import Keys, Stream, streams
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import AbstractSource
from ansatz.runs.arrays import fill
from ansatz.runs.checkpoints import last_good
from ansatz.runs.folder import RunFolder, part
from ansatz.runs.pipeline import Pipeline
from ansatz.runs.record import Record
from ansatz.training import Engine, Standing, TrainingState, stack
from ansatz.training.devices import count_devices, here, mesh_of

FIRST_BATCH = 4096


class Saved(eqx.Module):
    """The arrays of a checkpoint: the pipeline with the best model so far, and the state."""

    pipeline: Pipeline
    update: Any
    source: Any


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit that is ready to run, from its first step or from a checkpoint.

    The model of an ensemble's pipeline, and its state, have an axis of members.
    """

    record: Record
    pipeline: Pipeline
    engine: Engine
    state: TrainingState

    def members(self, state: TrainingState) -> list[TrainingState]:
        """The state of each member alone, on this process's own device."""
        trees = here((state.update, state.source, state.best), self.engine.mesh)
        own = replace(state, update=trees[0], source=trees[1], best=trees[2])
        return own.members()

    def result(self, member: TrainingState) -> Pipeline:
        """The pipeline with the model that training has found so far."""
        return eqx.tree_at(lambda p: p.model, self.pipeline, self.engine.result(member))

    def saved(self, member: TrainingState) -> tuple[Saved, dict[str, Any]]:
        """What a checkpoint holds: arrays and plain values."""
        (standing,) = member.standings
        values = {"step": member.step, **asdict(standing)}
        return Saved(self.result(member), member.update, member.source), values


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
    if dataset.missing and not recipe.takes_missing:
        raise OptionError(
            f"{recipe.kind} cannot learn from events with missing numbers: leave these events "
            "out, or fit a recipe that can, such as vae."
        )
    if dataset.weights is not None and dataset.weights.min() < 0 and not recipe.takes_negative:
        raise OptionError(
            f"{recipe.kind} cannot learn from events with negative weights, and {dataset.name} has "
            f"{np.sum(dataset.weights < 0):,}: leave these events out, or learn without --weights."
        )
    train, _, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
    given = None if dataset.conditions is None else dataset.conditions[train]
    if given is not None:
        check_size(f"The condition of {dataset.name}", given.min(0), given.max(0), recipe.dtype)
    encoder = fit_conditions(
        dataset.condition_columns,
        given,
        recipe.dtype,
        logarithms=recipe.log_conditions,
    )
    seen = survey(dataset.events, train)
    check_learnable(dataset, seen.statistics.count)
    check_size(dataset.name, seen.statistics.minimum, seen.statistics.maximum, recipe.dtype)
    table = bool(dataset.event_columns)
    lowest, highest = seen.statistics.ends(each=table)
    spec = Spec(
        shape=dataset.shape,
        condition=0 if encoder is None else encoder.size,
        classes=tuple(len(column.categories) for column in encoder.columns) if encoder else (),
        events=len(train),
        steps_per_epoch=-(-len(train) // recipe.batch),
        columns=tuple(column.name for column in dataset.event_columns),
        levels=seen.statistics.levels(each=table),
        lowest=lowest,
        highest=highest,
        condition_lowest=() if given is None else tuple(given.min(0).tolist()),
        condition_highest=() if given is None else tuple(given.max(0).tolist()),
        constant=seen.statistics.constant(),
        missing=dataset.missing,
    )
    recipe = replace(recipe.resolve(spec), devices=count_devices(recipe.devices))
    preprocessing = fit_preprocessing(
        recipe.preprocess,
        spec.shape,
        recipe.dtype,
        seen,
        missing=spec.missing,
        untouched=recipe.untouched(spec),
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
    opening = _batches(record, pipeline, dataset, train[:FIRST_BATCH], FIRST_BATCH)

    @eqx.filter_jit
    def initial(opening: AbstractSource, loaded: Any, keys: tuple[Keys, ...]) -> Any:
        def one(key_model: Any, key_batch: Any, key_start: Any) -> Any:
            model = recipe.build(spec, key_model, **nets)
            batch, _ = opening.draw(None, loaded, model, jnp.int32(0), key_batch)
            return recipe.initialise(model, batch, key_start)

        return (eqx.filter_vmap(one) if keys[0].ndim else one)(*keys)

    purposes = (Stream.PARAMETERS, Stream.FIRST_BATCH, Stream.START)
    keys = tuple(streams(recipe.seed, purpose, recipe.seeds) for purpose in purposes)
    model = initial(opening, opening.load(0), keys)
    if nets and recipe.seeds == 1:
        recipe.check(model, opening.draw(None, opening.load(0), model, jnp.int32(0), keys[1])[0])
    if start is not None:
        model = _weights_of(start, model, recipe.seeds)
    pipeline = Pipeline(model, preprocessing, encoder)
    engine = _engine(record, pipeline, dataset)
    return Fit(record, pipeline, engine, engine.initial(model))


def _source(data: Any) -> str | None:
    """Where to find the data again, from whatever folder: a whole path, or a name."""
    if not isinstance(data, str | Path):
        return None
    path = Path(data)
    return str(path.resolve()) if path.exists() else str(data)


def _weights_of(start: Path, model: Any, members: int) -> Any:
    """The model, or each member, with the weights of the run `start`, which must fit it."""
    record = Record.load(start)
    if record.members > 1:
        raise RunError(f"{start} is an ensemble: begin from one of its runs, {start}/seed-...")
    if members > 1:
        arrays, rest = eqx.partition(model, eqx.is_array)
        first = eqx.combine(jax.tree.map(lambda leaf: leaf[0], arrays), rest)
        return stack([_weights_of(start, first, 1)] * members)
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
    dataset = read(record.where(data), record.options, settled=True)
    if fingerprint(dataset) != record.fingerprint:
        raise RunError(
            f"{dataset.name} has changed since {folder.path} was fitted to it. Put it back as it "
            "was, or start another fit from this run's weights with --from."
        )
    found = last_good([one.checkpoints for one in folder.members(record)])
    step = found[0][2]["step"]
    done = step // record.spec.steps_per_epoch
    if epochs is not None and epochs < done:
        raise OptionError(
            f"{folder.path} has done {done} epochs already: give --epochs {done} or more, for it "
            "counts all of them."
        )
    record = replace(record, recipe=replace(record.recipe, devices=_devices_left(record)))
    empty = empty_pipeline(record, nets)
    pipelines = [fill(empty, part(arrays, "pipeline"), str(path)) for path, arrays, _ in found]
    engine = _engine(record, pipelines[0], dataset)
    alone = replace(engine, members=1)
    states = []
    for pipeline, (path, arrays, values) in zip(pipelines, found, strict=True):
        state = alone.initial(pipeline.model)
        update = fill(state.update, part(arrays, "update"), str(path))
        memory = fill(state.source, part(arrays, "source"), str(path))
        standing = Standing(**{name: value for name, value in values.items() if name != "step"})
        states.append(
            replace(state, update=update, source=memory, standings=(standing,), step=step)
        )
    return Fit(record, pipelines[0], engine, TrainingState.of_members(states))


def _devices_left(record: Record) -> int:
    """The devices that the run was begun on, or as many as there are here."""
    try:
        return count_devices(record.recipe.devices)
    except OptionError:
        there = count_devices(0)
        warnings.warn(
            f"The run was begun on {record.recipe.devices} devices and goes on with {there}: "
            "not to the same last bits.",
            RuntimeWarning,
            stacklevel=4,
        )
        return there


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
    columns = record.condition_columns
    ones = jnp.ones(len(columns), recipe.dtype)
    shapes = eqx.filter_eval_shape(recipe.build, spec, jax.random.key(0), **nets)
    return Pipeline(
        model=shapes,
        preprocessing=fit_preprocessing(
            recipe.preprocess,
            spec.shape,
            recipe.dtype,
            None,
            missing=spec.missing,
            untouched=recipe.untouched(spec),
        ),
        encoder=ConditionEncoder(columns, ones, ones, recipe.log_conditions) if columns else None,
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
    Double precision stays on afterwards, for the model is still to be used.
    """
    if dtype == "float64":
        jax.config.update("jax_enable_x64", True)
        yield
    else:
        with jax.enable_x64(False):
            yield


def _engine(record: Record, pipeline: Pipeline, dataset: Dataset) -> Engine:
    recipe = record.recipe
    train, validation, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
    judges = validation[: _held(dataset)]
    return Engine(
        update=recipe.update(record.spec),
        source=source_of(
            dataset,
            train,
            pipeline.preprocessing,
            pipeline.encoder,
            batch=recipe.batch,
            dtype=recipe.dtype,
            seed=recipe.seed,
            devices=recipe.devices,
        ),
        validation=_batches(record, pipeline, dataset, judges, recipe.batch)
        if len(judges)
        else None,
        seed=record.noise,
        epochs=recipe.epochs,
        patience=recipe.patience,
        members=record.members,
        mesh=mesh_of(recipe.devices),
    )


def _held(dataset: Dataset) -> int | None:
    """How many events of a streamed file may be held in memory to validate on; None for all.

    The file is not read again for them at every epoch. They are a random sample either way.
    """
    events = dataset.events
    return None if isinstance(events, np.ndarray) else events.buffer // SHARE // events.event_bytes


def _batches(
    record: Record, pipeline: Pipeline, dataset: Dataset, index: np.ndarray, batch: int
) -> Batches:
    """The events at `index`, held in memory, in their order."""
    return Batches(
        dataset,
        index,
        pipeline.preprocessing,
        pipeline.encoder,
        batch=batch,
        dtype=record.recipe.dtype,
        seed=None,
        devices=record.recipe.devices,
    )
