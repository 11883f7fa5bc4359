"""From a recipe and data to a fit that can take its first step."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ansatz.data.conditions import fit_conditions
from ansatz.data.fingerprint import fingerprint
from ansatz.data.finite import check_given, check_learnable, check_size
from ansatz.data.options import DataOptions
from ansatz.data.read import unchecked
from ansatz.data.split import split
from ansatz.data.statistics import survey_checked
from ansatz.data.stored import Stored
from ansatz.protocol.errors import OptionError, RunError
from ansatz.protocol.keys import Keys, Stream, streams
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import AbstractSource
from ansatz.protocol.watch import Watch
from ansatz.runs.arrays import fill
from ansatz.runs.folder import RunFolder, part
from ansatz.runs.pipeline import Pipeline
from ansatz.runs.ready import Fit, batches_of, engine_of, judges_of
from ansatz.runs.record import Record
from ansatz.runs.structure import check_nets, preprocessing_of
from ansatz.training import stack
from ansatz.training.devices import count_devices

FIRST_BATCH = 4096


def prepare(
    recipe: Recipe,
    data: Any,
    options: DataOptions,
    nets: dict[str, eqx.Module],
    start: Path | None,
    watch: Watch,
) -> Fit:
    """A fit from its first step; with `start`, from the weights of that run."""
    check_nets(recipe, nets)
    dataset = unchecked(data, options)
    check_given(dataset)
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
    train, validation, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
    if isinstance(dataset.events, Stored):
        for index in (train[:FIRST_BATCH], judges_of(dataset, validation)):
            dataset.events.keep(index)
    seen = survey_checked(dataset, train, watch)
    given = None if dataset.conditions is None else dataset.conditions[train]
    if given is not None:
        check_size(f"The condition of {dataset.name}", given.min(0), given.max(0), recipe.dtype)
    encoder = fit_conditions(
        dataset.condition_columns,
        given,
        recipe.dtype,
        logarithms=recipe.log_conditions,
    )
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
    preprocessing = preprocessing_of(recipe, spec, seen)
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
    opening = batches_of(record, pipeline, dataset, train[:FIRST_BATCH], FIRST_BATCH)

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
    engine = engine_of(record, pipeline, dataset)
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
