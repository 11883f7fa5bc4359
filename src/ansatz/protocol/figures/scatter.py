"""Clouds of points."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ansatz.protocol.figures.figure import Figure, Labels, Table


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points in a plane, (n, 2), and what colours them."""

    label: str
    points: np.ndarray
    labels: Labels | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Scatter(Figure):
    """Clouds of points side by side, on the same axes."""

    clouds: tuple[Cloud, ...]
    x_label: str
    y_label: str

    def table(self) -> Table:
        def rows() -> Iterable[tuple[Any, ...]]:
            for cloud in self.clouds:
                labels = cloud.labels
                for i, (x, y) in enumerate(cloud.points):
                    value: Any = "" if labels is None else labels.values[i]
                    if labels is not None and labels.categories:
                        value = labels.categories[int(value)]
                    yield cloud.label, x, y, value

        colour = next((c.labels.name for c in self.clouds if c.labels is not None), "label")
        return Table(("cloud", self.x_label, self.y_label, colour), rows())
