"""What a study is, and what it is given to work with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ansatz import api
from ansatz.data.write import Writer
from ansatz.evaluate.watch import Watch, unseen
from ansatz.protocol.figures import Figure
from ansatz.runs.ensemble import Ensemble
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
    quiet: bool = False
    watch: Watch = unseen

    def save(self, name: str, events: np.ndarray) -> Path:
        """Write events into the study's folder."""
        path = self.folder / name
        with Writer(path, events.shape[1:], events.dtype) as writer:
            writer.append(events)
        return path

    def fit(self, name: str, recipe: str, data: Path | str, **settings: Any) -> tuple[Run, ...]:
        """Fit a recipe to data and keep it in the study's folder; one run for each of `seeds`.

        Of a fit that was stopped nothing can be claimed, so the study stops too.
        """
        result = api.fit(
            recipe, data, out=self.folder / name, quiet=self.quiet, seed=self.seed, **settings
        )
        if not result.finished:
            raise KeyboardInterrupt
        return result.members if isinstance(result, Ensemble) else (result,)


class Findings(NamedTuple):
    """What a study comes to."""

    claims: tuple[Claim, ...]
    figures: tuple[Figure, ...]


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
