"""One family in a comparison: its run or why there is none, and what was measured of it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.contents import DAMAGE, reason
from ansatz.protocol.errors import RunError
from ansatz.runs.files import write_atomic


@dataclass(frozen=True)
class Cell:
    """A number, its standard error and what it is; or no number, and why."""

    value: float | None
    error: float = 0.0
    what: str = ""


@dataclass(frozen=True, eq=False)
class Entrant:
    """What became of one recipe or run."""

    name: str
    recipe: str
    run: str | None = None
    """Where its run lies."""
    refusal: str = ""
    """Why it has no run, in a sentence; empty if it has one."""
    traceback: str = ""
    """Of a failure that is no mistake of the user's."""
    notes: tuple[str, ...] = ()
    """What has to be said beside its numbers."""
    can: tuple[str, ...] = ()
    """Its model's capabilities."""
    space: str = ""
    """What the likelihoods were to be of."""
    cells: dict[str, Cell] = field(default_factory=dict)
    """By the name of a measure."""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    """Its samples, and numbers for each event it was judged on."""

    def value(self, name: str) -> float | None:
        """The number of a measure, if there is one."""
        cell = self.cells.get(name)
        return None if cell is None else cell.value

    def save(self, folder: Path) -> None:
        """Write it as NAME.npz and, last, NAME.json."""
        from io import BytesIO

        content = BytesIO()
        np.savez(content, allow_pickle=False, **self.arrays)
        write_atomic(folder / f"{self.name}.npz", content.getvalue())
        write_atomic(folder / f"{self.name}.json", json.dumps(self.to_dict(), indent=2).encode())

    @classmethod
    def load(cls, folder: Path, name: str) -> "Entrant | None":
        """What was written, if it was."""
        path = folder / f"{name}.json"
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            cells = {key: Cell(**cell) for key, cell in content.pop("cells").items()}
            for key in ("notes", "can"):
                content[key] = tuple(content[key])
            with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
                arrays = dict(file)
            return cls(**content, cells=cells, arrays=arrays)
        except (*DAMAGE, TypeError, AttributeError) as error:
            raise RunError(
                f"{path} is damaged: {reason(error)}. Delete it, and it is made again."
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        content = asdict(self)
        del content["arrays"]
        return content
