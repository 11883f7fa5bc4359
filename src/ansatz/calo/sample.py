"""What metrics see of some showers, and what they come to where nothing differs but chance."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from ansatz.calo.survey import Survey

EMPTY = 0.1
"""MeV that stand for an empty voxel where the logarithm of its energy is taken."""

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Sample:
    """What metrics see of some showers: features, and some whole showers."""

    features: np.ndarray
    survey: Survey
    rows: np.ndarray
    """Which of the showers that the survey kept whole."""

    @classmethod
    def of(cls, survey: Survey, every: slice = slice(None)) -> "Sample":
        """Of a file, all that was kept or every so many of it."""
        rows = np.arange(len(survey.energies))[every]
        return cls(survey.features[every], survey, rows)

    def first(self, events: int) -> "Sample":
        """At most so many whole showers of it, evenly from all."""
        return replace(self, rows=evenly(self.rows, events))

    def low(self) -> sparse.csr_array:
        """log10 of the incident energy, and the voxels divided by it."""
        energies = self.survey.energies[self.rows]
        scaled = self.survey.voxels[self.rows]
        scaled.data /= np.repeat(energies.astype(np.float32), np.diff(scaled.indptr))
        first = sparse.csr_array(np.log10(energies)[:, None].astype(np.float32))
        return sparse.hstack([first, scaled], format="csr")

    def logarithms(self) -> np.ndarray:
        """log10 of every voxel, an empty one as `EMPTY`."""
        voxels = self.survey.voxels[self.rows]
        found = np.full(voxels.shape, np.log10(np.float32(EMPTY)), np.float32)
        rows = np.repeat(np.arange(len(found)), np.diff(voxels.indptr))
        found[rows, voxels.indices] = np.log10(voxels.data)
        return found


@dataclass(frozen=True, eq=False)
class Floor:
    """Two samples of the reference, measured once however many files are judged."""

    one: Sample
    other: Sample
    _found: dict[Any, Any] = field(default_factory=dict)

    def measured(self, key: Any, measure: Callable[[Sample, Sample], Value]) -> Value:
        """What a measure comes to; `key` tells it from all others."""
        if key not in self._found:
            self._found[key] = measure(self.one, self.other)
        found: Value = self._found[key]
        return found


def evenly(found: np.ndarray, events: int) -> np.ndarray:
    """At most so many rows, evenly from all."""
    n = len(found)
    return found if n <= events else found[np.arange(events) * n // events]
