"""Several fits of one recipe to the same data, made side by side."""

from dataclasses import dataclass
from pathlib import Path

from ansatz.runs.run import Run


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fits that differ in their first parameters and noise alone: what they disagree on is chance.

    Each is a run like any other, in a folder of its own below `path`.
    """

    members: tuple[Run, ...]
    path: Path | None = None

    @property
    def finished(self) -> bool:
        """Whether all of them are."""
        return all(run.finished for run in self.members)
