"""Densities over bins."""

from dataclasses import dataclass

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


@dataclass(frozen=True, eq=False)
class Histogram:
    """Densities over the bins between `edges`, one for each label.

    The bins of categories have width one about their codes.
    """

    axis: str
    edges: np.ndarray
    densities: dict[str, np.ndarray]
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Histograms(Figure):
    """Histograms side by side, each with an axis of its own."""

    panels: tuple[Histogram, ...]

    def table(self) -> Table:
        labels = tuple(self.panels[0].densities)
        return Table(
            ("axis", "from", "to", *labels),
            (
                (panel.axis, low, high, *densities)
                for panel in self.panels
                for low, high, *densities in zip(
                    panel.edges[:-1],
                    panel.edges[1:],
                    *(panel.densities[label] for label in labels),
                    strict=True,
                )
            ),
        )
