"""What can be read of a run, and what cannot and why."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from ansatz.protocol.errors import AnsatzError, RunError
from ansatz.report.history import Rows
from ansatz.runs.ensemble import Ensemble
from ansatz.runs.folder import RunFolder
from ansatz.runs.history import read_lines
from ansatz.runs.load import load_all
from ansatz.runs.record import Record
from ansatz.runs.run import Run

Found = TypeVar("Found")


@dataclass
class Evidence:
    """A run as far as it is there: without a record there is none."""

    record: Record
    path: Path | None
    run: Run | None = None
    """The model ready to use, an ensemble's first; None where it cannot be loaded."""
    histories: list[tuple[str, Rows]] = field(default_factory=list)
    """One, or one for each member of an ensemble with what it is called."""
    timing: Rows = field(default_factory=list)
    finished: bool = False
    missing: list[str] = field(default_factory=list)
    """What could not be had and why, each in a sentence."""

    def unless_missing(self, what: str, make: Callable[[], Found]) -> Found | None:
        """What is made, or nothing and a sentence."""
        try:
            return make()
        except AnsatzError as error:
            self.missing.append(f"{what} missing: {error}")
            return None


def gather(run: Run | str | Path) -> Evidence:
    """All that can be read of a run, which may be unfinished or damaged."""
    if isinstance(run, Run):
        found = Evidence(run.record, run.path, run, [("", run.history)], finished=run.finished)
    else:
        path = Path(run)
        found = Evidence(Record.load(path), path)
        fitted = found.unless_missing("Figures of the model are", lambda: load_all(path))
        # An ensemble is shown by its first member: all of them learnt the same.
        found.run = fitted.members[0] if isinstance(fitted, Ensemble) else fitted
        members = RunFolder(path).members(found.record)
        found.finished = all(member.finished for member in members)
        for member in members:
            rows = found.unless_missing("A history is", partial(_epochs, member))
            found.histories.append((member.path.name, rows or []))
    if found.path is not None:
        timing = found.path / "timing.jsonl"
        found.timing = found.unless_missing("Times are", lambda: read_lines(timing)) or []
    return found


def _epochs(folder: RunFolder) -> Rows:
    rows = folder.history()
    for row in rows:
        numbers = all(isinstance(value, int | float | None) for value in row.values())
        if not numbers or not isinstance(row.get("epoch"), int):
            raise RunError(f"{folder.path / 'history.jsonl'} is damaged: {row} is no epoch.")
    return rows
