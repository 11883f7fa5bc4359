"""Groups of points and their outlines."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


@dataclass(frozen=True, eq=False)
class Plane:
    """Points in one plane, and where groups of them are."""

    x_label: str
    y_label: str
    points: np.ndarray
    """(points, 2)."""
    centres: np.ndarray
    """(groups, 2)."""
    outlines: np.ndarray
    """(groups, outlines, corners, 2), the innermost first; a group may have none."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Ellipses(Figure):
    """Groups of points with their outlines, in one plane beside another."""

    names: tuple[str, ...]
    """Of the groups."""
    groups: np.ndarray
    """The group of each point, the same in all planes."""
    planes: tuple[Plane, ...]

    def table(self) -> Table:
        def rows() -> Iterable[tuple[Any, ...]]:
            for plane in self.planes:
                place = plane.x_label, plane.y_label
                for group, (x, y) in zip(self.groups, plane.points, strict=True):
                    yield *place, "point", self.names[int(group)], x, y
                for name, (x, y) in zip(self.names, plane.centres, strict=True):
                    yield *place, "centre", name, x, y
                for name, outlines in zip(self.names, plane.outlines, strict=True):
                    for k, outline in enumerate(outlines, 1):
                        for x, y in outline:
                            yield *place, f"outline {k}", name, x, y

        return Table(("x axis", "y axis", "part", "group", "x", "y"), rows())
