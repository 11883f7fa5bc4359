"""An array or a column in a few numbers, gathered block by block and with NaN counted."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ansatz.data.contents import Field, spans
from ansatz.data.stored import Stored

FEW = 256
"""Distinct values are counted up to this many."""


@dataclass(frozen=True)
class Summary:
    """One array or column; the statistics are those of its finite values."""

    name: str
    unit: str
    kind: str
    """numeric, categorical, or other: complex numbers, objects, single texts."""
    shape: tuple[int, ...]
    dtype: str
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    nan: int = 0
    infinite: int = 0
    distinct: int | None = None
    """How many distinct values there are, where they are few."""
    categories: tuple[str, ...] = ()


def summarise(field: Field, source: str, buffer: int) -> tuple[Summary, np.ndarray | None]:
    """What the field holds, and the distinct numbers if they are few.

    Numbers that are not finite are counted. A field of more than `buffer` bytes is read in
    parts if it can be.
    """
    name, unit, shape = field.name, field.unit, field.shape
    if field.numeric:
        if field.rows is None or math.prod(shape) * field.dtype.itemsize <= buffer:
            return summarise_values(name, unit, field.load())
        stored = Stored(source, field.rows, shape, field.dtype, buffer)
        return summarise_values(name, unit, stored)
    categories = field.categories
    if field.dtype.kind in "US" and shape:
        categories = tuple(np.unique(field.load()).astype(str).tolist())
    if not categories:
        return Summary(name, unit, "other", shape, str(field.dtype)), None
    few = categories if len(categories) <= FEW else ()
    distinct = len(categories)
    found = Summary(name, unit, "categorical", shape, "text", distinct=distinct, categories=few)
    return found, None


def summarise_values(
    name: str, unit: str, values: np.ndarray | Stored
) -> tuple[Summary, np.ndarray | None]:
    """The statistics of `values` block by block, and the distinct ones if they are few."""
    blocks = np.atleast_1d(values) if isinstance(values, np.ndarray | np.generic) else values
    count = nan = infinite = 0
    mean = square = 0.0
    low, high = np.inf, -np.inf
    distinct: np.ndarray | None = np.empty(0)
    for span in spans(blocks.shape):
        block = np.asarray(blocks[span], np.float64).ravel()
        finite = np.isfinite(block)
        if not finite.all():
            nan += int(np.isnan(block).sum())
            infinite += int(np.isinf(block).sum())
            block = block[finite]
        n = len(block)
        if n == 0:
            continue
        # Blocks are merged as in `Statistics`.
        with np.errstate(over="ignore", invalid="ignore"):
            shift = block.mean() - mean
            square += ((block - block.mean()) ** 2).sum() + shift**2 * count * n / (count + n)
            mean += shift * n / (count + n)
        count += n
        low, high = min(low, block.min()), max(high, block.max())
        distinct = _merge(distinct, blocks[span].ravel() if finite.all() else block)
    found = Summary(
        name,
        unit,
        "numeric",
        values.shape,
        str(values.dtype),
        nan=nan,
        infinite=infinite,
        distinct=None if distinct is None else len(distinct),
    )
    if count:
        deviation = float(np.sqrt(square / count))
        found = replace(
            found, minimum=float(low), maximum=float(high), mean=float(mean), deviation=deviation
        )
    return found, distinct


def _merge(distinct: np.ndarray | None, block: np.ndarray) -> np.ndarray | None:
    # A glance at the start settles most arrays of real numbers without sorting them.
    if distinct is None or len(np.unique(block[: 4 * FEW])) > FEW:
        return None
    found = np.flatnonzero(np.bincount(block)) if block.dtype == np.uint8 else np.unique(block)
    merged = np.union1d(distinct, found)
    return merged if len(merged) <= FEW else None
