"""The history of a run: one line of JSON an epoch, with no clock in it."""

import json
import math
import os
from pathlib import Path
from typing import Any

from ansatz.protocol.errors import RunError
from ansatz.runs.files import read_bytes, unwritable, write_atomic


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Add a row; a number that is not finite becomes null, as JSON has none."""
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(plain) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(path, error) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All rows; a last line that was cut off by a crash is left out."""
    if not os.path.lexists(path):
        return []
    rows = []
    lines = read_bytes(path).splitlines()
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            if not (isinstance(row, dict) and isinstance(row.get("step"), int)):
                raise ValueError("it is not the row of an epoch")
        except (ValueError, RecursionError) as error:
            if number == len(lines):
                break
            raise RunError(
                f"{path}, line {number}, is damaged: {error}. Mend the line or delete it."
            ) from error
        rows.append(row)
    return rows


def cut_back(path: Path, step: int) -> None:
    """Drop the rows of steps after `step`, which are about to be made again."""
    rows = [row for row in read_lines(path) if row["step"] <= step]
    write_atomic(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
