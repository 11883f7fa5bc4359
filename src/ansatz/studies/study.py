"""What a study is, and what it is given to work with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ansatz import api
from ansatz.data.write import Writer
from ansatz.protocol.errors import RunError
from ansatz.protocol.figures import Figure
from ansatz.protocol.watch import Watch, unseen
from ansatz.report.page import Grid
from ansatz.runs.ensemble import Ensemble
from ansatz.runs.load import load_all
from ansatz.runs.record import NAME as RECIPE
from ansatz.runs.record import Record
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where a study works, how much of it is asked for, and who watches."""

    folder: Path
    """Where its data and runs go."""
    quick: bool = False
    """Whether a smaller run will do: with the same claims and tolerances, and larger errors."""
    seed: int = 0
    """Decides the data and the fits."""
    minutes: float | None = None
    """How long its fits may take in all, where it can be longer or shorter."""
    quiet: bool = False
    watch: Watch = unseen

    def save(self, name: str, events: np.ndarray) -> Path:
        """Write events into the study's folder."""
        path = self.folder / name
        with Writer(path, events.shape[1:], events.dtype, force=True) as writer:
            writer.append(events)
        return path

    def fit(self, name: str, recipe: str, data: Path | str, **settings: Any) -> tuple[Run, ...]:
        """Fit a recipe to data and keep it in the study's folder; one run for each of `seeds`.

        A fit that is there is not done again, and one that was stopped goes on. Of a fit that is
        stopped nothing can be claimed, so the study stops too.
        """
        settings = {"seed": self.seed, **settings}
        out = self.folder / name
        if (out / RECIPE).exists():
            _check_same(out, recipe, settings)
            result = load_all(out)
            if not all(run.finished for run in _members(result)):
                result = api.resume(out, quiet=self.quiet)
        else:
            result = api.fit(recipe, data, out=out, quiet=self.quiet, **settings)
        if not result.finished:
            raise KeyboardInterrupt
        return _members(result)


def _members(result: Run | Ensemble) -> tuple[Run, ...]:
    return result.members if isinstance(result, Ensemble) else (result,)


def _check_same(out: Path, recipe: str, settings: dict[str, Any]) -> None:
    """Refuse a fit in the study's folder that is not the one that belongs there."""
    found = Record.load(out).recipe
    for name, value in {"name": recipe, **settings}.items():
        if getattr(found, name, value) != value:
            raise RunError(
                f"The fit {out} has {name} = {getattr(found, name)!r}, and the study wants "
                f"{value!r}: begin the study again with --force."
            )


class Findings(NamedTuple):
    """What a study comes to."""

    claims: tuple[Claim, ...]
    figures: tuple[Figure, ...]
    tables: tuple[Grid, ...] = ()


class Study(ABC):
    """A published or exactly known result, to be found again: data, a recipe and claims.

    The docstring of a study says what the result is.
    """

    name: ClassVar[str]
    """What the command line calls it."""
    title: ClassVar[str]
    """The result in a few words."""

    @abstractmethod
    def run(self, context: Context) -> Findings:
        """Make the data, fit, measure."""
