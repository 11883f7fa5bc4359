"""A fit that is ready to run: its record, its pipeline, its engine and where it stands."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import equinox as eqx
import numpy as np

from ansatz.data.batches import Batches
from ansatz.data.dataset import Dataset
from ansatz.data.split import split
from ansatz.data.stored import SHARE
from ansatz.data.streamed import source_of
from ansatz.runs.pipeline import Pipeline
from ansatz.runs.record import Record
from ansatz.training import Engine, TrainingState
from ansatz.training.devices import here, mesh_of


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


def engine_of(record: Record, pipeline: Pipeline, dataset: Dataset) -> Engine:
    """What learns `dataset` as the record says."""
    recipe = record.recipe
    train, validation, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
    judges = judges_of(dataset, validation)
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
        validation=batches_of(record, pipeline, dataset, judges, recipe.batch)
        if len(judges)
        else None,
        seed=record.noise,
        epochs=recipe.epochs,
        patience=recipe.patience,
        members=record.members,
        mesh=mesh_of(recipe.devices),
    )


def judges_of(dataset: Dataset, validation: np.ndarray) -> np.ndarray:
    """Those that are validated on: of a streamed file as many as may be held in memory.

    The file is not read again for them at every epoch. They are a random sample either way.
    """
    events = dataset.events
    if isinstance(events, np.ndarray):
        return validation
    return validation[: events.buffer // SHARE // events.event_bytes]


def batches_of(
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
