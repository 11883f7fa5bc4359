"""What a source holds before anyone has chosen from it: named arrays, loaded when asked for."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ansatz.protocol.errors import DataError

BLOCK_BYTES = 1 << 24

DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zlib.error,
    zipfile.BadZipFile,
)
"""What libraries raise on a damaged file."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Reads parts of an array where it lies."""

    fill: Callable[[int, np.ndarray], None]
    """Fills an array with the rows from one on, as many as it has."""
    chunk: int = 1
    """How many rows the file keeps in one piece, which can only be read whole."""

    def load(self, shape: tuple[int, ...], dtype: np.dtype, parts: Iterable[slice]) -> np.ndarray:
        """All rows, part by part."""
        values = np.empty(shape, dtype)
        for part in parts:
            self.fill(part.start, values[part])
        return values


@dataclass(frozen=True, eq=False)
class Field:
    """One named array, or one column of a table.

    Text columns of tables have `categories`, and `load` gives positions in them. `rows` is None
    where nothing less than the whole can be read.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    load: Callable[[], np.ndarray]
    unit: str = ""
    categories: tuple[str, ...] = ()
    rows: Rows | None = None

    @property
    def numeric(self) -> bool:
        """Whether the values are real numbers."""
        return self.dtype.kind in "biuf" and not self.categories

    def __str__(self) -> str:
        return f"{self.name} {self.shape} {self.dtype}"


@dataclass(frozen=True, eq=False)
class Contents:
    """The fields of one source.

    The fields of a `table` are its columns and all have one length. `events` names the fields
    that are the events unless the user says otherwise, where the source knows.
    """

    name: str
    fields: tuple[Field, ...]
    table: bool = False
    events: tuple[str, ...] = ()
    parts: np.ndarray | None = None


def held(name: str, values: np.ndarray, unit: str = "", categories: tuple[str, ...] = ()) -> Field:
    """A field whose values are in memory already."""
    return Field(name, values.shape, values.dtype, lambda: values, unit, categories)


def members(values: np.ndarray) -> tuple[Field, ...]:
    """The members of a structured array as columns."""
    return tuple(held(name, values[name]) for name in values.dtype.names or ())


def spans(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices that cover the rows of an array, each of a bounded number of bytes in float64."""
    step = max(1, BLOCK_BYTES // (8 * max(1, math.prod(shape[1:]))))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


@contextmanager
def sound(name: str, form: str) -> Iterator[None]:
    """Turns what libraries raise on a damaged file into a sentence that names it."""
    try:
        yield
    except PermissionError:
        raise DataError(f"{name} may not be read by this user; change its permissions.") from None
    except MemoryError:
        raise DataError(
            f"{name} does not fit into memory. Of files larger than --buffer only HDF5 and plain "
            "npy are read in parts: write it as one of these, or give a smaller --buffer."
        ) from None
    except DAMAGE as error:
        raise DataError(
            f"{name} is not a sound {form} file: it is damaged or cut short ({reason(error)}). "
            "Fetch or write it again."
        ) from None


def reason(error: BaseException) -> str:
    """The first line of a library's own words, which says what it stumbled over."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
