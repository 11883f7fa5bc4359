"""The checkpoints of a run: the last two, of which the last good one counts."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import PyTree

from ansatz.protocol.errors import RunError
from ansatz.runs.arrays import load_arrays, save_arrays

KEPT = 2


@dataclass(frozen=True)
class Checkpoints:
    """A folder of `step-N.safetensors`, each whole or not there at all."""

    folder: Path

    def paths(self) -> list[Path]:
        """All of them, oldest first."""
        return sorted(self.folder.glob("step-*.safetensors"))

    def save(self, step: int, tree: PyTree, values: dict[str, Any]) -> None:
        """Write one, then drop all but the last few."""
        save_arrays(self.folder / f"step-{step:012d}.safetensors", tree, values)
        for old in self.paths()[:-KEPT]:
            old.unlink()

    def last_good(self) -> tuple[Path, dict[str, Any], dict[str, Any]]:
        """The path, arrays and values of the newest one that is intact.

        Damaged ones are passed over with a warning, never loaded.
        """
        damaged = []
        for path in reversed(self.paths()):
            try:
                arrays, values = load_arrays(path)
            except RunError as error:
                damaged.append(str(error))
                continue
            if damaged:
                warnings.warn(
                    f"{' '.join(damaged)} Going back to {path.name}.", RuntimeWarning, stacklevel=2
                )
            return path, arrays, values
        if damaged:
            raise RunError(
                f"{' '.join(damaged)} No other checkpoint is left in {self.folder}: "
                "fit again from the start."
            )
        raise RunError(f"{self.folder} holds no checkpoint: fit again from the start.")
