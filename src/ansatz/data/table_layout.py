"""How a table is laid out as text: what parts the cells, what the columns are called and hold."""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

from ansatz.data.columns import is_number
from ansatz.protocol.errors import DataError

SAMPLE = 200
"""Rows that decide on the delimiter, the header and which columns hold text."""

WHITE_SPACE = " "
DELIMITERS = ("\t", ";", ",", WHITE_SPACE)


@dataclass(frozen=True)
class Layout:
    """What the first rows tell: how cells are parted, how columns are called and what they hold."""

    delimiter: str
    header: bool
    names: tuple[str, ...]
    units: tuple[str, ...]
    text: frozenset[int]
    whole: frozenset[int]


class Lines:
    """The lines with cells; `number` counts all lines up to the present one."""

    def __init__(self, stream: TextIOWrapper) -> None:
        self.stream, self.number, self.comment = stream, 0, ""

    def __iter__(self) -> Iterator[str]:
        begun = False
        for number, line in enumerate(self.stream, 1):
            self.number = number
            if "#" not in line:
                kept = line
            elif line.lstrip().startswith("#"):
                kept = ""
                # Only the comment just above the first row can be its header.
                self.comment = self.comment if begun else line.strip().lstrip("# \t")
            else:
                kept = line if '"' in line else re.split(r"\s#", line, maxsplit=1)[0]
            if kept.strip(" \n"):
                begun = True
                yield kept


def open_text(path: Path, compressed: bool) -> TextIOWrapper:
    """The file as lines of text."""
    # A byte order mark, as spreadsheets write it, is not part of the first name.
    if compressed:
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def cells_of(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    """Each line cut into its cells."""
    if delimiter != WHITE_SPACE:
        return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    return (line.split() if '"' not in line else _quoted(line) for line in lines)


def _quoted(line: str) -> list[str]:
    line = line.strip().replace("\t", " ")
    return next(csv.reader([line], delimiter=" ", skipinitialspace=True))


def find_layout(path: Path, compressed: bool) -> Layout:
    """The layout that the first rows tell."""
    with open_text(path, compressed) as stream:
        lines = Lines(stream)
        # Between white space, a unit would be a cell of its own: x [cm] -> x[cm].
        sample = [
            re.sub(r"\s+(?=[\[(])", "", line) if i == 0 else line
            for i, line in enumerate(islice(lines, SAMPLE))
        ]
    if not sample:
        raise DataError(f"{path} holds no events: every line is empty or a comment.")
    delimiter = _delimiter(sample)
    first, *rest = cells_of(iter(sample), delimiter)
    header = _is_header(first, rest)
    if header and not rest:
        raise DataError(f"{path} holds no events, only a header.")
    rows = [row for row in (rest if header else [first, *rest]) if len(row) == len(first)]
    words = first if header else _commented(lines.comment, delimiter, len(first))
    names, units = zip(*(_name_and_unit(word, j) for j, word in enumerate(words)), strict=True)
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise DataError(
            f"{path} has several columns called {doubled[0]!r}; give each a name of its own."
        )
    columns = list(enumerate(zip(*rows, strict=True)))
    return Layout(
        delimiter,
        header,
        names,
        units,
        frozenset(j for j, cells in columns if not all(map(number_or_empty, cells))),
        frozenset(j for j, cells in columns if all(map(_WHOLE.fullmatch, cells))),
    )


_WHOLE = re.compile(r"\s*[+-]?\d+\s*")


def _delimiter(sample: list[str]) -> str:
    """The first delimiter that cuts all rows alike, else the first that cuts the first row."""
    widths = {d: [len(row) for row in cells_of(iter(sample), d)] for d in DELIMITERS}
    alike = [d for d, width in widths.items() if min(width) > 1 and len(set(width)) == 1]
    some = [d for d, width in widths.items() if width[0] > 1]
    return (alike + some + [WHITE_SPACE])[0]


def number_or_empty(cell: str) -> bool:
    """Whether a cell fits a column of numbers."""
    return not cell.strip() or is_number(cell)


def _is_header(first: list[str], rest: list[list[str]]) -> bool:
    """Whether some column has a word on top and numbers below."""
    words = [j for j, cell in enumerate(first) if not number_or_empty(cell)]
    if not rest:
        return len(words) == len(first)
    for j in words:
        below = [row[j] for row in rest if j < len(row) and row[j].strip()]
        # A stray word in a column of numbers does not make them text.
        if 2 * sum(map(is_number, below)) > len(below):
            return True
    return False


def _commented(comment: str, delimiter: str, width: int) -> list[str]:
    """The names in a comment above the numbers; empty ones where it is no header."""
    comment = re.sub(r"\s+(?=[\[(])", "", comment)
    for between in (delimiter, WHITE_SPACE, ","):
        words = next(cells_of(iter([comment]), between), []) if comment else []
        if len(words) == width and not any(map(number_or_empty, words)):
            return words
    return [""] * width


def _name_and_unit(word: str, j: int) -> tuple[str, str]:
    match = re.fullmatch(r"(.+?)\s*[\[(]([^\[\]()]*)[\])]", word.strip())
    name, unit = match.groups() if match else (word.strip(), "")
    return name or f"x{j}", unit.strip()
