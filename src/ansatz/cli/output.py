"""What commands print on standard output, and the files they write."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from ansatz.data.write import Writer


def print_json(content: dict[str, Any]) -> None:
    """One JSON object; a number that is not finite becomes null."""
    print(json.dumps(_plain(content)))


def print_table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> None:
    """Columns of text, each as wide as it needs."""
    lines = [tuple(header), *map(tuple, rows)] if header else list(map(tuple, rows))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print(
            "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def write_batches(
    batches: Iterable[np.ndarray],
    path: Path,
    *,
    total: int,
    names: tuple[str, ...] = (),
    force: bool = False,
    quiet: bool = False,
    verb: str = "Writing",
) -> None:
    """Write batches to a file as they come, with a bar if they take long."""
    batches = iter(batches)
    first = next(batches)
    console = Console(stderr=True)
    count = -(-total // len(first))
    with Writer(path, first.shape[1:], first.dtype, names=names, force=force) as writer:
        writer.append(first)
        for batch in track(
            batches,
            description=verb,
            total=count - 1,
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        ):
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
