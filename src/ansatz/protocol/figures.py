"""Figures as data: arrays and labels that a family returns and the report draws.

A figure knows what it is called, how to read it and its numbers; how it looks is the report's.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np


class Table(NamedTuple):
    """The numbers of a figure, row by row under a header."""

    header: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Figure(ABC):
    """Something to look at."""

    name: str
    """Short and stable: it names the figure's files."""
    title: str
    caption: str
    """How to read it: what is on the axes, and what good looks like."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(
                f"The name of a figure is small letters, digits and hyphens, not {self.name!r}: "
                "it becomes the name of a file."
            )

    @abstractmethod
    def table(self) -> Table:
        """Every number that is drawn."""


@dataclass(frozen=True, eq=False)
class Labels:
    """One value for each of several points: the code of a category, or a number."""

    name: str
    values: np.ndarray
    categories: tuple[str, ...] = ()

    def take(self, index: np.ndarray | slice) -> "Labels":
        """The labels at `index`."""
        return replace(self, values=self.values[index])


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageGrid(Figure):
    """Images in rows and columns, (rows, columns, height, width) or with three colours behind.

    They share one scale of brightness.
    """

    images: np.ndarray
    row_labels: tuple[str, ...] = ()
    column_labels: tuple[str, ...] = ()
    unit: str = ""
    """Of a pixel."""
    scale: tuple[float, float] | None = None
    """The values at the ends of the common scale, if not the lowest and the highest."""
    signed: bool = False
    """Whether zero is a middle and the sign matters."""
    joined: bool = False
    """Whether neighbours blend into each other, with no gap between them."""

    @property
    def limits(self) -> tuple[float, float]:
        """The values at the ends of the common scale."""
        if self.scale is not None:
            return self.scale
        low, high = float(np.nanmin(self.images)), float(np.nanmax(self.images))
        if self.signed:
            high = max(-low, high)
            low = -high
        return low, high

    def table(self) -> Table:
        rows, columns = self.images.shape[:2]
        pixels = self.images.reshape(rows, columns, -1)
        across = self.column_labels or tuple(map(str, range(columns)))
        down = self.row_labels or tuple(map(str, range(rows)))
        return Table(
            ("row", "column", *(f"pixel {k}" for k in range(pixels.shape[2]))),
            ((down[i], across[j], *pixels[i, j]) for i in range(rows) for j in range(columns)),
        )


@dataclass(frozen=True, eq=False)
class Curve:
    """y against x; curves of one label look alike."""

    label: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves with one pair of axes."""

    label: str
    """What y is."""
    curves: tuple[Curve, ...]
    log: bool = False
    """Whether y spans orders of magnitude."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Curves(Figure):
    """Panels of curves over one kind of x."""

    panels: tuple[Panel, ...]
    x_label: str = ""
    mark: float | None = None
    """An x worth pointing at."""
    mark_label: str = ""

    def table(self) -> Table:
        return Table(
            ("panel", "curve", self.x_label or "x", "y"),
            (
                (panel.label, curve.label, x, y)
                for panel in self.panels
                for curve in panel.curves
                for x, y in zip(curve.x, curve.y, strict=True)
            ),
        )


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


@dataclass(frozen=True, eq=False, kw_only=True)
class Bars(Figure):
    """One number for each label, and perhaps another drawn as a line above."""

    labels: tuple[str, ...]
    values: np.ndarray
    x_label: str
    y_label: str
    line: np.ndarray | None = None
    line_label: str = ""

    def table(self) -> Table:
        if self.line is None:
            return Table((self.x_label, self.y_label), zip(self.labels, self.values, strict=True))
        return Table(
            (self.x_label, self.y_label, self.line_label),
            zip(self.labels, self.values, self.line, strict=True),
        )


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


@dataclass(frozen=True, eq=False, kw_only=True)
class Matrix(Figure):
    """Numbers of either sign in rows and columns with names."""

    values: np.ndarray
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]

    def table(self) -> Table:
        return Table(
            ("", *self.column_labels),
            ((label, *row) for label, row in zip(self.row_labels, self.values, strict=True)),
        )


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an event of this shape can be looked at: in grey, or with three colours."""
    return len(shape) == 2 or (len(shape) == 3 and bool({shape[0], shape[-1]} & {1, 3}))


def as_images(events: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Events (..., *shape) as images (..., height, width) or (..., height, width, 3).

    Colours may stand first or last in `shape`.
    """
    if not is_image(shape):
        raise ValueError(f"Events of shape {shape} are no images.")
    if len(shape) == 2:
        return events
    if shape[-1] not in (1, 3):
        events = np.moveaxis(events, -3, -1)
    return events[..., 0] if events.shape[-1] == 1 else events
