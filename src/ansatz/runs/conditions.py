"""Rows of conditions, as a run codes them: those beside events, and those asked for."""

from collections.abc import Sequence

import numpy as np

from ansatz.data.conditions import parse_conditions, recode
from ansatz.data.dataset import Column, Dataset
from ansatz.protocol.errors import DataError, OptionError


def rows_of(dataset: Dataset, columns: tuple[Column, ...]) -> np.ndarray | None:
    """The conditions of a dataset, coded as these columns are; None where there are no columns."""
    if not columns:
        return None
    given = () if dataset.conditions is None else dataset.condition_columns
    rows = np.empty((len(dataset), 0)) if dataset.conditions is None else dataset.conditions
    return recode(rows, given, columns)


def rows_given(
    condition: Sequence[str] | np.ndarray | None, n: int, columns: tuple[Column, ...]
) -> np.ndarray | None:
    """n rows: words such as "label=3", the same for all, or an array of so many."""
    if not columns:
        if condition is not None and len(condition):
            raise OptionError("The run is not conditional: leave the condition out.")
        return None
    if isinstance(condition, np.ndarray):
        rows = condition.reshape(len(condition), -1)
        if rows.shape != (n, len(columns)):
            raise DataError(
                f"The conditions have shape {rows.shape}; {n} events with "
                f"{', '.join(c.name for c in columns)} need {(n, len(columns))}."
            )
        for values, column in zip(rows.T, columns, strict=True):
            _check(values, column)
        return rows
    return np.tile(parse_conditions(columns, condition or ()), (n, 1))


def _check(values: np.ndarray, column: Column) -> None:
    """Refuse numbers that are not finite, and codes of no category."""
    if not np.isfinite(values).all():
        raise DataError(f"The conditions hold a value of {column.name!r} that is not finite.")
    codes = len(column.categories)
    if codes and not np.isin(values, np.arange(codes)).all():
        raise DataError(
            f"{column.name!r} is a category, given by its code from 0 to {codes - 1}; "
            "the conditions hold other values."
        )
