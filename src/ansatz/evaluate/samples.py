"""Samples beside events, for a model that knows nothing but how to sample."""

import jax.numpy as jnp
import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.neighbours import coverage_by_chance, neighbourhoods
from ansatz.evaluate.told_apart import area, small_test, some
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.measure import Measure
from ansatz.protocol.watch import Watch, unseen
from ansatz.runs.conditions import rows_of
from ansatz.runs.pipeline import batch_of
from ansatz.runs.run import Run


def sample_measures(
    run: Run, dataset: Dataset, *, seed: int, watch: Watch = unseen
) -> list[Measure]:
    """Precision, recall, density and coverage of samples under the conditions of the events."""
    events, samples = drawn_beside(run, dataset, seed)
    found = neighbourhoods(events, samples, watch=watch)
    number = f"{len(events):,} events and as many samples, as preprocessed"
    chance = coverage_by_chance(len(events), len(samples))
    said = {
        "precision": f"samples among an event and its 5 nearest others; {number}; a "
        f"{run.record.recipe.name} knows no likelihood",
        "recall": "events among a sample and its 5 nearest others",
        "density": "neighbourhoods of events that a sample lies in, over 5: 1 is ideal",
        "coverage": f"events with a sample among their 5 nearest: {chance:.3f} is ideal",
    }
    values: dict[str, Estimate] = found._asdict()
    return [Measure(name, *values[name], "", what) for name, what in said.items()]


def sample_measure(run: Run, dataset: Dataset, *, seed: int, watch: Watch = unseen) -> Measure:
    """How well a classifier tells events from samples: the area under its ROC curve."""
    events, samples = drawn_beside(run, dataset, seed)
    found = small_test(events, samples, seed=seed, watch=watch)
    return area("two-sample test", "events against samples", found)


def drawn_beside(run: Run, dataset: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Events and samples as the model takes them, each with its condition behind it."""
    dataset = some(dataset, seed)
    rows = rows_of(dataset, run.record.condition_columns)
    drawn = run.sample(len(dataset), condition=rows, seed=seed)
    # Of another seed, so that no noise of the preprocessing is the same.
    return _as_learnt(run, dataset.events[:], rows, seed), _as_learnt(run, drawn, rows, seed + 1)


def _as_learnt(run: Run, events: np.ndarray, rows: np.ndarray | None, seed: int) -> np.ndarray:
    dtype = run.record.recipe.dtype
    given = None if rows is None else jnp.asarray(rows, dtype)
    key = stream(seed, Stream.USE)
    batch = batch_of(run.pipeline, key, given, jnp.asarray(events, dtype))
    flat = np.asarray(batch.event).reshape(len(events), -1)
    return flat if given is None else np.concatenate([flat, np.asarray(batch.condition)], 1)
