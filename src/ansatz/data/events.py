"""From the fields that are the events to one array of them, in memory or on disk."""

import math

import numpy as np

from ansatz.data.contents import Contents, Field, Rows
from ansatz.data.dataset import Column
from ansatz.data.stored import Stored
from ansatz.protocol.errors import DataError


def events_of(
    contents: Contents, fields: list[Field], buffer: int
) -> tuple[np.ndarray | Stored, tuple[Column, ...]]:
    """The events that these fields of numbers are, and the names of their columns in a table.

    What takes more than `buffer` bytes and can be read in parts stays on disk.
    """
    if len(fields) == 1 and not contents.table:
        (field,) = fields
        # A plain list of numbers is a table of one column.
        shape = field.shape if len(field.shape) > 1 else (*field.shape, 1)
        dtype = _native(field.dtype)
        if field.rows is not None and _size(shape, dtype) > buffer:
            rows = field.rows if len(field.shape) > 1 else _column(field.rows)
            return Stored(contents.name, rows, shape, dtype, buffer), ()
        events = field.load().astype(dtype, copy=False)
        return (events if events.ndim > 1 else events[:, None]), ()
    _check_alike(contents, fields)
    columns = tuple(Column(field.name, field.unit) for field in fields)
    shape = fields[0].shape[0], len(fields)
    dtype = np.result_type(*(field.dtype for field in fields))
    dtype = _native(dtype) if dtype.kind == "f" else np.dtype(np.float64)
    beside = _beside(fields)
    if beside is not None and _size(shape, dtype) > buffer:
        return Stored(contents.name, beside, shape, dtype, buffer), columns
    # Filled column by column, so that only one loaded column exists beside the table.
    events = np.empty(shape, dtype)
    for j, field in enumerate(fields):
        events[:, j] = field.load()
    return events, columns


def _size(shape: tuple[int, ...], dtype: np.dtype) -> int:
    return math.prod(shape) * dtype.itemsize


def _native(dtype: np.dtype) -> np.dtype:
    """The type for the same numbers that accelerators know."""
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype(np.float64)
    return dtype.newbyteorder("=")


def _column(rows: Rows) -> Rows:
    """Reads single numbers as rows of one."""
    return Rows(lambda start, out: rows.fill(start, out[:, 0]), rows.chunk)


def _beside(fields: list[Field]) -> Rows | None:
    """Reads columns side by side; None where one of them cannot be read in parts."""
    columns = [field.rows for field in fields if field.rows is not None]
    if len(columns) < len(fields):
        return None

    def fill(start: int, out: np.ndarray) -> None:
        for j, column in enumerate(columns):
            column.fill(start, out[:, j])

    return Rows(fill, max(column.chunk for column in columns))


def _check_alike(contents: Contents, fields: list[Field]) -> None:
    for field in fields:
        if len(field.shape) != 1:
            raise DataError(
                f"{contents.name}: {field.name!r} has shape {field.shape}; several --events are "
                "put side by side as columns, so each must be one number per event."
            )
        if field.shape != fields[0].shape:
            raise DataError(
                f"{contents.name}: {field.name!r} has {field.shape[0]} values but "
                f"{fields[0].name!r} has {fields[0].shape[0]}; they must be as many."
            )
