"""A fit that goes on from where it was stopped, or for more epochs."""

import warnings
from dataclasses import replace
from typing import Any

import equinox as eqx

from ansatz.data.fingerprint import fingerprint
from ansatz.data.finite import check_finite
from ansatz.data.read import unchecked
from ansatz.data.split import split
from ansatz.data.stored import Stored
from ansatz.protocol.errors import OptionError, RunError
from ansatz.protocol.watch import Watch
from ansatz.runs.arrays import fill
from ansatz.runs.checkpoints import last_good
from ansatz.runs.folder import RunFolder, part
from ansatz.runs.ready import Fit, engine_of, judges_of
from ansatz.runs.record import Record
from ansatz.runs.structure import empty_pipeline
from ansatz.training import Standing, TrainingState
from ansatz.training.devices import count_devices


def further(
    folder: RunFolder, epochs: int | None, data: Any, nets: dict[str, eqx.Module], watch: Watch
) -> Fit:
    """A fit that goes on from the last good checkpoint of `folder`."""
    record = Record.load(folder.path)
    if epochs is not None:
        record = replace(record, recipe=record.recipe.with_settings({"epochs": epochs}))
    dataset = unchecked(record.where(data), record.options)
    if isinstance(dataset.events, Stored):
        recipe = record.recipe
        _, validation, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
        dataset.events.keep(judges_of(dataset, validation))
    check_finite(dataset, settled=True, watch=watch)
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
    engine = engine_of(record, pipelines[0], dataset)
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
