"""From named arrays to a dataset: which are events, which conditions, which weights."""

from pathlib import PurePath

import numpy as np

from ansatz.data.contents import Contents, Field
from ansatz.data.dataset import Column, Dataset
from ansatz.data.events import events_of
from ansatz.data.options import DataOptions
from ansatz.protocol.errors import NAMED, DataError, few, nearest

MOST_CATEGORIES = 256
"""Whole numbers with more distinct values than this are numbers, not categories."""

USUAL_NAMES = ("events", "x", "X", "data", "arr_0")
"""What people call the array of events in a file that holds others too."""


def choose(contents: Contents, options: DataOptions) -> Dataset:
    """The dataset that `options` picks out of `contents`."""
    names = event_names(contents, options)
    if not names:
        raise _undecided(contents, options)
    fields = {field.name: field for field in contents.fields}
    for name in names:
        if not fields[name].numeric or not fields[name].shape:
            raise _not_numbers(contents, fields[name])
    events, event_columns = events_of(
        contents, [fields[name] for name in names], options.buffer_bytes
    )
    conditions, condition_columns = _conditions(
        contents, [fields[name] for name in options.conditions], len(events)
    )
    weights = None
    if options.weights is not None:
        weights = _weights(contents, fields[options.weights], len(events))
    return Dataset(
        events,
        conditions,
        weights,
        event_columns,
        condition_columns,
        contents.parts,
        PurePath(contents.name).name or contents.name,
        options.missing == "nan",
    )


def event_names(contents: Contents, options: DataOptions) -> tuple[str, ...]:
    """The fields that are the events; none where that cannot be told."""
    _check_names(contents, options)
    if options.events:
        return options.events
    used = {*options.conditions, *options.drop, options.weights}
    if contents.events and not used & {*contents.events}:
        return contents.events
    left = [field for field in contents.fields if field.name not in used]
    if contents.table:
        return tuple(field.name for field in left)
    able = [field.name for field in left if field.numeric and field.shape]
    usual = [name for name in able if name in USUAL_NAMES]
    if len(able) == 1:
        return (able[0],)
    return (usual[0],) if len(usual) == 1 else ()


def _check_names(contents: Contents, options: DataOptions) -> None:
    """Every name is known, and none has two uses."""
    known = [field.name for field in contents.fields]
    kind = "column" if contents.table else "key"
    uses = [("--events", name) for name in options.events]
    uses += [("--conditions", name) for name in options.conditions]
    uses += [("--weights", options.weights)] if options.weights is not None else []
    uses += [("--drop", name) for name in options.drop]
    seen: dict[str, str] = {}
    for use, name in uses:
        if name not in known:
            hint = nearest(name, known)
            # Without a close name the hint is a list already.
            listing = f" It has {few(known, NAMED)}." if hint.startswith("Did") else ""
            raise DataError(f"{contents.name} has no {kind} {name!r}. {hint}{listing}")
        if name in seen:
            where = f"twice in {use}" if seen[name] == use else f"in both {seen[name]} and {use}"
            raise DataError(
                f"The {kind} {name!r} of {contents.name} is named {where}; name it once."
            )
        seen[name] = use


def _undecided(contents: Contents, options: DataOptions) -> DataError:
    used = {*options.conditions, *options.drop, options.weights}
    left = [field for field in contents.fields if field.name not in used]
    if not left:
        return DataError(
            f"{contents.name} has nothing left to learn: every column or key has another use. "
            f"It has {few([field.name for field in contents.fields], NAMED)}."
        )
    if len(left) == 1:
        return _not_numbers(contents, left[0])
    return DataError(
        f"{contents.name} holds several arrays; say which are the events with --events KEY. "
        f"It has {few([str(field) for field in left], NAMED, '; ')}."
    )


def _not_numbers(contents: Contents, field: Field) -> DataError:
    if field.categories:
        example = next((text for text in field.categories if not is_number(text)), "")
        return DataError(
            f"The column {field.name!r} of {contents.name} holds text such as {example!r}. "
            f"Use it as --conditions {field.name} or leave it out with --drop {field.name}."
        )
    what = {
        "O": "Python objects, which are never unpickled",
        "c": "complex numbers; store the real and imaginary parts as numbers of their own",
        "U": "text",
        "S": "text",
    }.get(field.dtype.kind, f"values of type {field.dtype}")
    if not field.shape:
        what = "a single value"
    return DataError(
        f"The array {field.name!r} of {contents.name} holds {what}; "
        "events must be an array of real numbers, one row an event."
    )


def is_number(text: str) -> bool:
    """Whether a cell of a table reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _conditions(
    contents: Contents, fields: list[Field], n: int
) -> tuple[np.ndarray | None, tuple[Column, ...]]:
    if not fields:
        return None, ()
    values: list[np.ndarray] = []
    columns: tuple[Column, ...] = ()
    for field in fields:
        more, named = condition(contents, field)
        if len(more) != n:
            raise DataError(
                f"{contents.name}: {n} events but {len(more)} values of {field.name!r}; "
                "they must be as many."
            )
        values.append(more)
        columns += named
    return np.concatenate(values, axis=1), columns


def condition(contents: Contents, field: Field) -> tuple[np.ndarray, tuple[Column, ...]]:
    """One field as condition columns, (n, columns) in float64: category codes or numbers."""
    if len(field.shape) not in (1, 2) or field.dtype.kind not in "biufUS":
        raise DataError(
            f"{contents.name}: {field.name!r} of shape {field.shape} and type {field.dtype} "
            "cannot be a condition; that takes numbers or text, one or a row of them per event."
        )
    values = field.load()
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 1:
        categories, codes = _categories(field, values)
        if categories:
            if "" in categories:
                empty = np.flatnonzero(codes == categories.index(""))
                raise DataError(
                    f"The column {field.name!r} of {contents.name} is empty in {len(empty)} "
                    f"events, the first at index {empty[0]}. Fill it or leave these events out."
                )
            column = Column(field.name, field.unit, categories)
            return codes[:, None].astype(np.float64), (column,)
        return values[:, None].astype(np.float64), (Column(field.name, field.unit),)
    if values.dtype.kind in "US":
        raise DataError(f"{contents.name}: {field.name!r} holds several texts per event, not one.")
    columns = tuple(Column(f"{field.name}{j}", field.unit) for j in range(values.shape[1]))
    return values.astype(np.float64), columns


def _categories(field: Field, values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The sorted categories and each value's position among them; none for numbers."""
    if field.categories:
        return field.categories, values
    if values.dtype.kind == "f":
        return (), values
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    distinct, codes = np.unique(values, return_inverse=True)
    if values.dtype.kind in "iu" and len(distinct) > MOST_CATEGORIES:
        return (), values
    return tuple(str(value) for value in distinct), codes


def _weights(contents: Contents, field: Field, n: int) -> np.ndarray:
    if not field.numeric or field.shape not in ((n,), (n, 1)):
        raise DataError(
            f"{contents.name}: the weights {field.name!r} have shape {field.shape} and type "
            f"{'text' if field.categories else field.dtype}; they must be one number for each "
            f"of the {n} events."
        )
    return field.load().reshape(n).astype(np.float64)
