"""Conditions as a network takes them: categories unfolded, numbers standardised or logarithms."""

import math
from collections.abc import Iterable
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.data.columns import condition
from ansatz.data.dataset import Column
from ansatz.data.read import open_source
from ansatz.protocol.errors import DataError, OptionError, nearest


class ConditionEncoder(eqx.Module):
    """A row of condition columns -> a vector: one-hot categories, (number - mean) / deviation.

    Or the natural logarithms of numbers, for a model that has to know them in their own units.
    """

    columns: tuple[Column, ...] = eqx.field(static=True)
    mean: Float[Array, " columns"]
    deviation: Float[Array, " columns"]
    logarithms: bool = eqx.field(static=True, default=False)

    @property
    def size(self) -> int:
        """The length of the vector."""
        return sum(len(column.categories) or 1 for column in self.columns)

    def __call__(self, row: Float[Array, " columns"]) -> Float[Array, " condition"]:
        pieces = []
        for i, column in enumerate(self.columns):
            if column.categories:
                codes = row[i].astype(int)
                pieces.append(jax.nn.one_hot(codes, len(column.categories), dtype=row.dtype))
            elif self.logarithms:
                pieces.append(jnp.log(row[i : i + 1]))
            else:
                pieces.append((row[i : i + 1] - self.mean[i]) / self.deviation[i])
        return jnp.concatenate(pieces)


def fit_conditions(
    columns: tuple[Column, ...], rows: np.ndarray | None, dtype: str, *, logarithms: bool = False
) -> ConditionEncoder | None:
    """The encoder for these columns, standardised on the training rows; None without any."""
    if rows is None:
        return None
    for values, column in zip(rows.T, columns, strict=True):
        if logarithms and not column.categories and not values.min() > 0:
            raise DataError(
                f"The numbers of {column.name!r} have to be positive, for their logarithms are "
                f"taken; the least is {values.min():g}."
            )
    # Rounding of the mean leaves a constant column a small deviation, not zero.
    deviation = np.where(np.ptp(rows, 0) > 0, rows.std(0), 1.0)
    return ConditionEncoder(
        columns,
        jnp.asarray(rows.mean(0), dtype),
        jnp.asarray(deviation, dtype),
        logarithms,
    )


def parse_conditions(columns: tuple[Column, ...], words: Iterable[str]) -> np.ndarray:
    """The row that words such as 'label=3' or 'particle=photon' name, every column once."""
    values: dict[str, float] = {}
    by_name = {column.name: column for column in columns}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise OptionError(f"A condition is written name=value, not {word!r}.")
        if name not in by_name:
            raise OptionError(f"The run has no condition {name!r}. {nearest(name, by_name)}")
        if name in values:
            raise OptionError(f"The condition {name!r} is given twice.")
        values[name] = condition_value(by_name[name], text)
    missing = [column.name for column in columns if column.name not in values]
    if missing:
        wanted = ", ".join(f"{name}={_values(by_name[name])}" for name in missing)
        raise OptionError(f"The run is conditional on {', '.join(by_name)}; give also {wanted}.")
    return np.array([values[column.name] for column in columns])


def _values(column: Column) -> str:
    """What a condition may be: its categories, where they are few."""
    return "|".join(column.categories) if 0 < len(column.categories) <= 10 else "..."


def condition_value(column: Column, text: str) -> float:
    """A number, or the code of a category by its name."""
    if column.categories:
        if text not in column.categories:
            raise OptionError(
                f"{column.name} has no category {text!r}. {nearest(text, column.categories)}"
            )
        return float(column.categories.index(text))
    try:
        number = float(text)
    except ValueError:
        raise OptionError(f"{column.name} is a number; {text!r} is not.") from None
    if not np.isfinite(number):
        raise OptionError(f"{column.name} must be a finite number, not {text}.")
    return number


def read_conditions(path: Path, wanted: tuple[Column, ...]) -> np.ndarray:
    """Rows of conditions from a file: columns by their names, or one array with a column each.

    A category is given by its name, also where that is a number.
    """
    if not wanted:
        raise OptionError("The run is not conditional: it takes no conditions.")
    contents = open_source(path)
    names = [column.name for column in wanted]
    fields = [field for field in contents.fields if field.name in names]
    if len(contents.fields) == 1 and not fields:
        values = contents.fields[0].load()
        if not values.ndim or values.dtype.kind not in "biufUS":
            raise DataError(f"{path} must hold numbers or text, a row of them per condition.")
        values = values.reshape(len(values), math.prod(values.shape[1:]))
        if values.shape[1] != len(wanted):
            raise DataError(f"{path} has {values.shape[1]} columns; give {', '.join(names)}.")
        columns = [_recode(values[:, i], column) for i, column in enumerate(wanted)]
        return _some(np.stack(columns, 1), path)
    found = [condition(contents, field) for field in fields]
    given = tuple(column for _, columns in found for column in columns)
    rows = np.concatenate([values for values, _ in found], 1) if found else np.empty((1, 0))
    return _some(recode(rows, given, wanted), path)


def _some(rows: np.ndarray, path: Path) -> np.ndarray:
    if not len(rows):
        raise DataError(f"{path} holds no conditions: it must have a row for each event.")
    return rows


def recode(rows: np.ndarray, given: tuple[Column, ...], wanted: tuple[Column, ...]) -> np.ndarray:
    """Rows of the columns `given`, reordered and coded as the columns `wanted`."""
    names = [column.name for column in given]
    out = np.empty((len(rows), len(wanted)))
    for i, column in enumerate(wanted):
        if column.name not in names:
            raise DataError(
                f"The run is conditional on {column.name!r}, which these data do not have. "
                f"{nearest(column.name, names)}"
            )
        j = names.index(column.name)
        values = rows[:, j]
        if given[j].categories:
            values = np.array(given[j].categories)[values.astype(int)]
        out[:, i] = _recode(values, column)
    return out


def _recode(values: np.ndarray, column: Column) -> np.ndarray:
    """Numbers or names as the values of `column`.

    Data that hold only whole numbers have categories where others have numbers: so both may
    stand for either.
    """
    if values.dtype.kind == "f" and not column.categories and np.isfinite(values).all():
        return values.astype(np.float64)
    distinct, places = np.unique(values, return_inverse=True)
    return np.array([condition_value(column, _name(value)) for value in distinct])[places]


def _name(value: np.generic) -> str:
    """What a category of this value is called."""
    if isinstance(value, np.bytes_):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.str_):
        return str(value)
    return str(int(value)) if np.isfinite(value) and value == np.rint(value) else str(value)
