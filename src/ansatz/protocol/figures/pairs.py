"""Densities of every pair of axes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


@dataclass(frozen=True, eq=False, kw_only=True)
class Pairs(Figure):
    """Densities of every pair of axes, of one kind of events below the diagonal, of another above.

    `densities[label][i, j]` with i > j has the bins of axis i down and those of axis j across.
    """

    axes: tuple[str, ...]
    edges: tuple[np.ndarray, ...]
    densities: dict[str, dict[tuple[int, int], np.ndarray]]

    def table(self) -> Table:
        labels = tuple(self.densities)

        def rows() -> Iterable[tuple[Any, ...]]:
            for i, j in self.densities[labels[0]]:
                u, v = self.edges[j], self.edges[i]
                for b in range(len(v) - 1):
                    for a in range(len(u) - 1):
                        found = (self.densities[label][i, j][b, a] for label in labels)
                        yield self.axes[j], u[a], u[a + 1], self.axes[i], v[b], v[b + 1], *found

        bins = ("x axis", "x from", "x to", "y axis", "y from", "y to")
        return Table((*bins, *labels), rows())
