"""What commands print on standard output, and the files they write."""

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.write import Writer
from ansatz.runs.watched import watched

NARROWEST = 20
"""Characters of a table's last column, at the least."""
INDENT = 4
"""Of columns that stand below the first ones."""


def print_json(content: dict[str, Any]) -> None:
    """One JSON object; a number that is not finite becomes null."""
    print(json.dumps(_plain(content)))


def print_table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> None:
    """Columns of text, each as wide as it needs; on a terminal the last one breaks at its edge.

    Where the others leave it no room, columns stand in several lines of the terminal, one row
    below the other.
    """
    lines = [tuple(header), *map(tuple, rows)] if header else list(map(tuple, rows))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    groups = _groups(widths, room)
    for line in lines:
        for number, group in enumerate(groups):
            indent = INDENT if number else 0
            if not number or any(line[i] for i in group):
                _print_cells([line[i] for i in group], [widths[i] for i in group], indent, room)


def _groups(widths: Sequence[int], room: int | None) -> list[list[int]]:
    """Which columns stand side by side."""
    *others, last = widths
    if room is None or sum(others) + 2 * len(others) + min(last, NARROWEST) <= room:
        return [list(range(len(widths)))]
    groups, taken = [[0]], widths[0]
    for i, width in enumerate(widths[1:], 1):
        if taken + 2 + min(width, NARROWEST if i == len(others) else width) > room:
            groups.append([])
            taken = INDENT - 2
        groups[-1].append(i)
        taken += 2 + width
    return groups


def _print_cells(
    cells: Sequence[str], widths: Sequence[int], indent: int, room: int | None
) -> None:
    *others, last = cells
    before = indent + sum(widths[:-1]) + 2 * len(others)
    most = widths[-1] if room is None else max(room - before, NARROWEST)
    first, *further = textwrap.wrap(last, max(most, 1)) or [""]
    shown = [f"{cell:{width}}" for cell, width in zip(others, widths[:-1], strict=True)]
    print((" " * indent + "  ".join([*shown, first])).rstrip())
    for other in further:
        print(" " * before + other)


def write_batches(
    batches: Iterable[np.ndarray],
    path: Path,
    *,
    total: int,
    names: tuple[str, ...] = (),
    letter: str = "x",
    force: bool = False,
    quiet: bool = False,
    verb: str = "Writing",
) -> None:
    """Write batches to a file as they come; `letter` is what columns without `names` are called."""
    batches = watched(iter(batches), total, verb, quiet=quiet)
    first = next(batches)
    form = first.shape[1:], first.dtype
    with Writer(path, *form, names=names, letter=letter, force=force) as writer:
        writer.append(first)
        for batch in batches:
            writer.append(batch)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
