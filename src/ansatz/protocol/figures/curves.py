"""Curves over one kind of x."""

from dataclasses import dataclass

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


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
