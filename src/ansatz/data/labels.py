"""Labels by which events can be told apart when they are looked at; nothing is learnt from them."""

from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.columns import condition, event_names
from ansatz.data.contents import Contents, Field
from ansatz.data.dataset import Column, Dataset
from ansatz.data.options import DataOptions
from ansatz.data.read import open_source
from ansatz.protocol.errors import DataError
from ansatz.protocol.figures import Labels

MOST = 32
"""More categories than this cannot be told apart in a figure."""


def find_labels(dataset: Dataset, source: Any, options: DataOptions) -> Labels | None:
    """The labels of the events of `dataset`, which was read from `source`.

    They are its conditions, categories before numbers. Without conditions they are the first
    field of the source with a category, or one of few whole numbers, for every event, that is
    neither learnt nor a weight.
    """
    if dataset.conditions is not None:
        columns = dataset.condition_columns
        few = [j for j, column in enumerate(columns) if _few(column)]
        numbers = [j for j, column in enumerate(columns) if not column.categories]
        for j in (*few, *numbers):
            return Labels(axis(columns[j]), dataset.conditions[:, j], columns[j].categories)
        return None
    if not isinstance(source, str | Path):
        return None
    contents = open_source(source)
    taken = {*event_names(contents, options), options.weights}
    for field in contents.fields:
        if field.name not in taken and field.shape == (len(dataset),):
            found = _as_labels(contents, field)
            if found is not None:
                return found
    return None


def _as_labels(contents: Contents, field: Field) -> Labels | None:
    """The field as labels, if it is of categories or of few whole numbers."""
    if field.dtype.kind not in "biufUS" or len(field.categories) > MOST:
        return None
    values = field.load()
    if field.dtype.kind == "f":
        # A table has only floats, those of its labels too.
        if not np.isfinite(values).all() or (values != np.rint(values)).any():
            return None
        values = values.astype(np.int64)
        field = Field(field.name, field.shape, values.dtype, lambda: values, field.unit)
    try:
        rows, (column,) = condition(contents, field)
    except DataError:
        # Empty cells: these are no labels of every event.
        return None
    return Labels(axis(column), rows[:, 0], column.categories) if _few(column) else None


def _few(column: Column) -> bool:
    return 2 <= len(column.categories) <= MOST


def axis(column: Column) -> str:
    """What an axis of these numbers is called."""
    return f"{column.name} [{column.unit}]" if column.unit else column.name
