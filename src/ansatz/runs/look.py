"""A look at a run: some events, what the model makes of them, and the figures of both."""

import jax.numpy as jnp
import numpy as np

from ansatz.data.dataset import Column, Dataset
from ansatz.data.labels import axis
from ansatz.protocol.capabilities import Codec, CodeSampler, Sampler
from ansatz.protocol.figures import Figure, Labels, is_image
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.subject import Subject
from ansatz.runs.figures import MOST_AXES, Seen, figures
from ansatz.runs.fitted import Fitted
from ansatz.runs.pipeline import batch_of

FEW = 30
"""Events that are shown one by one."""
MANY = 2000
"""Samples, where there are no events to be as many as."""


def look(
    run: Fitted,
    seed: int,
    dataset: Dataset | None = None,
    rows: np.ndarray | None = None,
    labels: Labels | None = None,
) -> tuple[Figure, ...]:
    """The figures of a run on these events with these rows of conditions, or on none."""
    if rows is None:
        rows = _typical_rows(run)
    batch = None
    if dataset is not None:
        batch = batch_of(
            run.pipeline,
            stream(seed, Stream.USE),
            None if rows is None else jnp.asarray(rows, run.record.recipe.dtype),
            jnp.asarray(dataset.events, run.record.recipe.dtype),
        )
    seen = _seen(run, seed, dataset, rows, labels)
    first = None if rows is None else jnp.asarray(rows[0], run.record.recipe.dtype)
    subject = Subject(
        shape=seen.shape,
        axes=seen.axes,
        raw=run.pipeline.preprocessing.inverse,
        batch=batch,
        condition=run.pipeline.given(first),
        given="" if rows is None else f", given {_in_words(run, rows[0])}",
        history=tuple(run.history),
    )
    return (*figures(seen), *run.record.recipe.figures(run.model, subject))


def _seen(
    run: Fitted, seed: int, dataset: Dataset | None, rows: np.ndarray | None, labels: Labels | None
) -> Seen:
    """What the model's capabilities show, and no more of it than will be drawn."""
    shape, columns = run.record.spec.shape, run.record.event_columns
    if not columns and len(shape) == 1 and shape[0] <= MOST_AXES:
        # A narrow array is a table whose columns have no names.
        columns = tuple(Column(f"x{j}") for j in range(shape[0]))
    number = FEW if not columns else MANY if dataset is None else len(dataset)
    if dataset is not None:
        number = min(number, len(dataset))
    condition = None if rows is None else np.resize(rows, (number, rows.shape[1]))
    codes = decoded = expected = drawn = None
    if dataset is not None and isinstance(run.model, Codec):
        codes = run.encode(dataset, seed=seed)
        decoded = run.decode(codes[:number], condition=condition)
    if isinstance(run.model, Sampler):
        drawn = run.sample(number, condition=condition, seed=seed)
    if isinstance(run.model, CodeSampler) and is_image(shape):
        expected = run.sample(number, condition=condition, seed=seed, mean=True)
    return Seen(
        shape=shape,
        axes=tuple(axis(column) for column in columns),
        categories=tuple(column.categories for column in columns),
        events=None if dataset is None else np.asarray(dataset.events),
        weights=None if dataset is None else dataset.weights,
        labels=labels,
        decoded=decoded,
        codes=codes,
        classes=isinstance(run.model, Codec) and run.model.of_classes,
        expected=expected,
        drawn=drawn,
    )


def _typical_rows(run: Fitted) -> np.ndarray | None:
    """One row of conditions for want of events: mean numbers and first categories."""
    encoder = run.pipeline.encoder
    if encoder is None:
        return None
    named = [bool(column.categories) for column in encoder.columns]
    return np.where(named, 0.0, np.asarray(encoder.mean, np.float64))[None]


def _in_words(run: Fitted, row: np.ndarray) -> str:
    return ", ".join(
        f"{column.name} = {column.categories[int(x)] if column.categories else f'{x:.3g}'}"
        for column, x in zip(run.record.condition_columns, row, strict=True)
    )
