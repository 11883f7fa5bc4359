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


def print_json(content: dict[str, Any]) -> None:
    """One JSON object; a number that is not finite becomes null."""
    print(json.dumps(_plain(content)))


def print_table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> None:
    """Columns of text, each as wide as it needs; on a terminal the last one breaks at its edge."""
    lines = [tuple(header), *map(tuple, rows)] if header else list(map(tuple, rows))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = shutil.get_terminal_size().columns - before if sys.stdout.isatty() else widths[-1]
    for line in lines:
        *cells, last = line
        first, *others = textwrap.wrap(last, max(room, NARROWEST)) or [""]
        shown = [f"{cell:{width}}" for cell, width in zip(cells, widths[:-1], strict=True)]
        print("  ".join([*shown, first]).rstrip())
        for other in others:
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
