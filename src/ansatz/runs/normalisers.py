"""log Z of a model that knows its density but for that, under the conditions of some events."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ansatz.protocol.capabilities import LogZ
from ansatz.protocol.errors import OptionError
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.recipe import Recipe
from ansatz.runs.pipeline import Pipeline

MOST = 20

Normalisers = dict[tuple[float, ...], LogZ]
"""By the row of conditions, which is () where there are none."""


def find_normalisers(
    recipe: Recipe,
    pipeline: Pipeline,
    known: Normalisers,
    rows: np.ndarray | None,
    begin: Array,
    seed: int,
) -> Normalisers:
    """log Z under every one of these rows; what is `known` already is not found again."""
    distinct = _distinct(rows)
    if len(distinct) > MOST:
        raise OptionError(
            f"The events have {len(distinct)} different conditions, each with a normaliser of its "
            f"own; {MOST} are the most."
        )
    key = stream(seed, Stream.USE)
    for place, row in enumerate(distinct):
        if row not in known:
            given = pipeline.given(jnp.asarray(np.array(row), begin.dtype)) if row else None
            own = jax.random.fold_in(key, place)
            known[row] = recipe.log_normaliser(pipeline.model, own, begin, given)
    return {row: known[row] for row in distinct}


def normalised(
    batches: Iterator[np.ndarray], found: Normalisers, rows: np.ndarray | None
) -> Iterator[np.ndarray]:
    """-E of events, batch by batch, less log Z of their own conditions."""
    start = 0
    for batch in batches:
        stop = start + len(batch)
        given = [()] * len(batch) if rows is None else [tuple(row) for row in rows[start:stop]]
        start = stop
        yield batch - np.array([found[row].value for row in given], batch.dtype)


def in_words(found: Normalisers) -> str:
    """What a log-likelihood with these normalisers is."""
    if all(each.error == 0 for each in found.values()):
        return "exact"
    if len(found) == 1:
        return next(iter(found.values())).what
    widest = max(abs(each.high - each.low) for each in found.values())
    return (
        f"log Z annealed from both sides under {len(found)} conditions, the widest gap "
        f"{widest:.2f} nats"
    )


def _distinct(rows: np.ndarray | None) -> list[tuple[float, ...]]:
    return [()] if rows is None else [tuple(row) for row in np.unique(rows, axis=0)]
