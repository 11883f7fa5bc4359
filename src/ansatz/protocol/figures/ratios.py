"""Counts of several kinds of events, and their ratios."""

from dataclasses import dataclass

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


@dataclass(frozen=True, eq=False)
class Counts:
    """How many events of each kind fell into the bins between `edges`; the reference is first."""

    axis: str
    edges: np.ndarray
    counts: dict[str, np.ndarray]
    note: str = ""
    """A few letters about the difference."""
    log: bool = False
    """Whether the bins are even in the logarithm."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Ratios(Figure):
    """Histograms, each with what the other kinds are of the reference below it."""

    panels: tuple[Counts, ...]
    unit: str = ""
    """Of what is on the axes."""
    log: bool = False
    """Whether how often spans orders of magnitude."""

    def table(self) -> Table:
        labels = tuple(self.panels[0].counts)
        return Table(
            ("axis", "from", "to", *labels),
            (
                (panel.axis, *row)
                for panel in self.panels
                for row in zip(
                    panel.edges[:-1],
                    panel.edges[1:],
                    *(panel.counts[label] for label in labels),
                    strict=True,
                )
            ),
        )
