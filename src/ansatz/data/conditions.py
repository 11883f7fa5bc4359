"""Conditions as a network takes them: categories unfolded, numbers standardised."""

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
    """A row of condition columns -> a vector: one-hot categories, (number - mean) / deviation."""

    columns: tuple[Column, ...] = eqx.field(static=True)
    mean: Float[Array, " columns"]
    deviation: Float[Array, " columns"]

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
            else:
                pieces.append((row[i : i + 1] - self.mean[i]) / self.deviation[i])
        return jnp.concatenate(pieces)


def fit_conditions(
    columns: tuple[Column, ...], rows: np.ndarray | None, dtype: str
) -> ConditionEncoder | None:
    """The encoder for these columns, standardised on the training rows; None without any."""
    if rows is None:
        return None
    deviation = rows.std(0)
    return ConditionEncoder(
        columns,
        jnp.asarray(rows.mean(0), dtype),
        jnp.asarray(np.where(deviation > 0, deviation, 1.0), dtype),
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
        values[name] = condition_value(by_name[name], text)
    missing = [column.name for column in columns if column.name not in values]
    if missing:
        raise OptionError(
            f"The run is conditional on {', '.join(by_name)}; "
            f"give also {', '.join(f'{name}=...' for name in missing)}."
        )
    return np.array([values[column.name] for column in columns])


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
    """Rows of conditions from a file: columns by their names, or one array with a column each."""
    if not wanted:
        raise OptionError("The run is not conditional: it takes no conditions.")
    contents = open_source(path)
    names = [column.name for column in wanted]
    fields = [field for field in contents.fields if field.name in names]
    if len(contents.fields) == 1 and not fields:
        rows = np.asarray(contents.fields[0].load(), np.float64).reshape(
            len(contents.fields[0].load()), -1
        )
        if rows.shape[1] != len(wanted):
            raise DataError(f"{path} has {rows.shape[1]} columns; give {', '.join(names)}.")
        return rows
    found = [condition(contents, field) for field in fields]
    given = tuple(column for _, columns in found for column in columns)
    rows = np.concatenate([values for values, _ in found], 1) if found else np.empty((1, 0))
    return recode(rows, given, wanted)


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
        if bool(column.categories) != bool(given[j].categories):
            raise DataError(
                f"{column.name!r} is a category in one place and a number in the other."
            )
        out[:, i] = rows[:, j]
        if column.categories:
            for code, name in enumerate(given[j].categories):
                out[rows[:, j] == code, i] = condition_value(column, name)
    return out
