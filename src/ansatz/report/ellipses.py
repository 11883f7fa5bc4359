"""Draws groups of points with their outlines."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from ansatz.protocol.figures import Ellipses, Plane
from ansatz.report.draw import draw
from ansatz.report.style import COLOURS, HALF, PAPER, SMALL, panels

LEAST, LARGEST = 250.0, 400.0
APART = 0.055
"""How far two names must be from each other, as a fraction of the panel."""


@draw.register
def draw_ellipses(figure: Ellipses, width: float) -> Canvas:
    """A panel for each plane; a group has one colour in all of them."""
    count = len(figure.planes)
    if count == 1:
        width = min(width, HALF)
    side = min(width / min(count, max(1, width // LEAST)), LARGEST)
    sheet, axes = panels(width, count, LEAST, side)
    for ax, plane in zip(axes, figure.planes, strict=True):
        _plane(ax, plane, figure)
    return sheet


def _plane(ax: Axes, plane: Plane, figure: Ellipses) -> None:
    size = float(np.clip(70 / max(1, len(plane.points)) ** 0.5, 2.0, 5))
    for k in range(len(figure.names)):
        colour = COLOURS[k % len(COLOURS)]
        x, y = plane.points[figure.groups == k].T
        ax.plot(
            x,
            y,
            "o",
            color=colour,
            markersize=size,
            markeredgewidth=0,
            alpha=0.4,
            linestyle="none",
            rasterized=True,
        )
        for level, outline in enumerate(plane.outlines[k]):
            closed = np.concatenate([outline, outline[:1]])
            ax.plot(*closed.T, color=colour, linewidth=1.8 / (1 + level), alpha=0.95)
    low, high = _limits(plane)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel=plane.x_label)
    ax.grid(visible=True, axis="both")
    ax.locator_params(nbins=5)
    ax.set_title(plane.y_label, size=SMALL + 0.5)
    _names(ax, plane, figure.names, high - low)


def _limits(plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """All but a few of the points, and all of the innermost outlines."""
    parts = [plane.centres, plane.outlines[:, :1].reshape(-1, 2)]
    if len(plane.points):
        parts.append(np.nanquantile(plane.points, [0.002, 0.998], axis=0))
    corners = np.concatenate(parts)
    low, high = np.nanmin(corners, 0), np.nanmax(corners, 0)
    margin = np.where(high > low, 0.06 * (high - low), 0.5)
    return low - margin, high + margin


def _names(ax: Axes, plane: Plane, names: tuple[str, ...], span: np.ndarray) -> None:
    """The name of each group at its centre, where no other name stands."""
    free: list[np.ndarray] = []
    for k, (name, centre) in enumerate(zip(names, plane.centres, strict=True)):
        if any(np.max(np.abs(centre - other) / span) < APART for other in free):
            continue
        free.append(centre)
        ax.text(
            *centre,
            name,
            size=SMALL - 1,
            weight="bold",
            ha="center",
            va="center",
            bbox={
                "boxstyle": "round,pad=0.18",
                "facecolor": PAPER,
                "edgecolor": COLOURS[k % len(COLOURS)],
                "linewidth": 1.0,
                "alpha": 0.85,
            },
        )
