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


Loaded = tuple[Path, dict[str, Any], dict[str, Any]]
"""The path of a checkpoint, its arrays and its values."""


def last_good(several: list[Checkpoints]) -> list[Loaded]:
    """The newest checkpoints of one step that are intact, one from each folder.

    Damaged ones are passed over with a warning, never loaded.
    """
    common = set.intersection(*({path.name for path in each.paths()} for each in several))
    damaged = []
    for name in sorted(common, reverse=True):
        try:
            found = [(each.folder / name, *load_arrays(each.folder / name)) for each in several]
        except RunError as error:
            damaged.append(str(error))
            continue
        if damaged:
            warnings.warn(
                f"{' '.join(damaged)} Going back to {name}.", RuntimeWarning, stacklevel=2
            )
        return found
    folder = several[0].folder
    if damaged:
        raise RunError(
            f"{' '.join(damaged)} No other checkpoint is left in {folder}: "
            "fit again from the start."
        )
    raise RunError(f"{folder} holds no checkpoint: fit again from the start.")
