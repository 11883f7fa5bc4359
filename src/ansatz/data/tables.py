"""Tables as text: comma, semicolon, tab or white space between cells, plain or gzip.

Lines that begin with # are comments. A first row of names is a header, and so is a comment
just above the numbers with one name for each column; a name may end in a unit, as in
`energy [MeV]`. Cells that are empty are NaN.
"""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

import numpy as np

from ansatz.data.contents import Contents, held, sound
from ansatz.data.table_layout import (
    WHITE_SPACE,
    Layout,
    Lines,
    cells_of,
    find_layout,
    number_or_empty,
    open_text,
)
from ansatz.protocol.errors import DataError

ROWS = 20_000
"""Rows that are held as Python strings at one time."""


def open_table(path: Path, compressed: bool) -> Contents:
    """The columns of the table: numbers in float64, text as positions among its categories.

    A column written in whole numbers only is of an integer type.
    """
    try:
        with sound(str(path), "gzip" if compressed else "text"):
            layout = find_layout(path, compressed)
            columns = _matrix(path, compressed, layout)
            if columns is None:
                columns = _columns(path, compressed, layout, layout.text)
            if columns is None:
                text = _late_text(path, compressed, layout)
                columns = _columns(path, compressed, layout, text)
    except csv.Error as error:
        raise DataError(f"{path} is not a table that can be read: {error}.") from None
    assert columns is not None
    fields = []
    for j, (values, categories) in enumerate(columns):
        if j in layout.whole and (values == np.rint(values)).all() and abs(values).max() < 2**53:
            dtype = np.dtype(np.int64)
        else:
            dtype = values.dtype
        name, unit = layout.names[j], layout.units[j]
        fields.append(held(name, values.astype(dtype, copy=False), unit, categories))
    return Contents(str(path), tuple(fields), table=True)


Columns = list[tuple[np.ndarray, tuple[str, ...]]]
"""Each column's values and categories."""


def _matrix(path: Path, compressed: bool, layout: Layout) -> Columns | None:
    """All columns by NumPy's quick parser; None where text or an empty cell needs more care."""
    if layout.text:
        return None
    with open_text(path, compressed) as stream:
        lines = iter(Lines(stream))
        if layout.header:
            next(lines)
        try:
            matrix = np.loadtxt(
                lines,
                delimiter=None if layout.delimiter == WHITE_SPACE else layout.delimiter,
                comments=None,
                quotechar='"',
                ndmin=2,
            )
        except UnicodeDecodeError:
            raise
        except ValueError:
            return None
    if matrix.shape[1] != len(layout.names):
        return None
    return [(column, ()) for column in matrix.T]


def _rows(path: Path, stream: TextIOWrapper, layout: Layout) -> Iterator[list[str]]:
    """The rows below the header, all of one width."""
    lines = Lines(stream)
    rows = cells_of(iter(lines), layout.delimiter)
    if layout.header:
        next(rows)
    width = len(layout.names)
    for row in rows:
        if len(row) != width:
            raise DataError(
                f"{path}, line {lines.number}: {len(row)} cells where the table has {width} "
                "columns. Mend the line, or comment it out with #."
            )
        yield row


def _columns(path: Path, compressed: bool, layout: Layout, text: frozenset[int]) -> Columns | None:
    """The columns cell by cell; None if one that is not in `text` holds some."""
    width = len(layout.names)
    blocks: list[list[np.ndarray]] = [[] for _ in range(width)]
    codes: list[dict[str, int]] = [{} for _ in range(width)]
    with open_text(path, compressed) as stream:
        rows = _rows(path, stream, layout)
        while chunk := list(islice(rows, ROWS)):
            for j, cells in enumerate(zip(*chunk, strict=True)):
                values = _text(cells, codes[j]) if j in text else _numbers(cells)
                if values is None:
                    return None
                blocks[j].append(values)
    columns = []
    for parts, known in zip(blocks, codes, strict=True):
        values, categories = np.concatenate(parts), tuple(sorted(known))
        if categories:
            # Codes were given in order of appearance.
            place = {word: i for i, word in enumerate(categories)}
            values = np.array([place[word] for word in known])[values]
        columns.append((values, categories))
    return columns


def _text(cells: tuple[str, ...], codes: dict[str, int]) -> np.ndarray:
    return np.array([codes.setdefault(cell.strip(), len(codes)) for cell in cells])


def _numbers(cells: tuple[str, ...]) -> np.ndarray | None:
    # map keeps the loop over cells in C.
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        filled = [cell if cell.strip() else "nan" for cell in cells]
    try:
        return np.fromiter(map(float, filled), np.float64, len(cells))
    except ValueError:
        return None


def _late_text(path: Path, compressed: bool, layout: Layout) -> frozenset[int]:
    """The columns that hold text anywhere in the file, for when the sample did not show it."""
    text = set(layout.text)
    with open_text(path, compressed) as stream:
        for row in _rows(path, stream, layout):
            text |= {j for j, cell in enumerate(row) if not number_or_empty(cell)}
    return frozenset(text)
