"""Draws clouds of points."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from ansatz.protocol.figures import Cloud, Labels, Scatter
from ansatz.report.draw import draw
from ansatz.report.style import COLOURS, GREY, HALF, LETTER, PAPER, SCALE, SMALL, legend, panels

MARKERS = ("o", "^", "s", "D")
"""Categories beyond the palette repeat its colours in another shape."""
"""Of points without a label beside others that have one."""
LEAST, LARGEST = 250.0, 400.0
MOST_NAMED = 20
"""Categories whose names are written into the cloud."""


@draw.register
def draw_scatter(figure: Scatter, width: float) -> Canvas:
    """Panels on common axes; categories by colour and shape, numbers by a colour scale."""
    count = len(figure.clouds)
    labels = next((c.labels for c in figure.clouds if c.labels is not None), None)
    if count == 1:
        width = min(width, HALF)
    side = min(width / min(count, max(1, width // LEAST)), LARGEST)
    sheet, axes = panels(width, count, LEAST, side, head=_legend_height(labels, width))
    points = np.concatenate([cloud.points for cloud in figure.clouds])
    limits = [_limits(points[:, k]) for k in (0, 1)]
    for k, (ax, cloud) in enumerate(zip(axes, figure.clouds, strict=True)):
        plain = COLOURS[k % len(COLOURS)] if labels is None else GREY
        _cloud(ax, cloud, plain, float(np.clip(100 / len(cloud.points) ** 0.5, 2.5, 6)))
        ax.set(xlim=limits[0], ylim=limits[1], xlabel=figure.x_label)
        ax.grid(visible=True, axis="both")
        ax.locator_params(nbins=5)
        title = figure.y_label if count == 1 else cloud.label
        ax.set_title(title, size=SMALL + 0.5)
        if count > 1:
            place = ax.get_subplotspec()
            ax.set_ylabel(figure.y_label if place is None or place.is_first_col() else "")
    if labels is not None:
        _legend(sheet, axes, labels, width)
    return sheet


def _limits(values: np.ndarray) -> tuple[float, float]:
    """All but a few of the points: the farthest in ten thousand may lie outside."""
    low, high = np.nanquantile(values, [0.0005, 0.9995])
    margin = 0.04 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


def _cloud(ax: Axes, cloud: Cloud, plain: str, size: float) -> None:
    common: dict[str, Any] = {
        "markersize": size,
        "markeredgewidth": 0,
        "alpha": 0.55,
        "linestyle": "none",
        "rasterized": True,
    }
    x, y = cloud.points.T
    if cloud.labels is None:
        ax.plot(x, y, "o", color=plain, **common)
        return
    values = cloud.labels.values
    if not cloud.labels.categories:
        ax.scatter(x, y, size**2, values, cmap=_map(), alpha=0.7, linewidths=0, rasterized=True)
        return
    for code in range(len(cloud.labels.categories)):
        chosen = values == code
        colour, marker = _look_of(code)
        ax.plot(x[chosen], y[chosen], marker, color=colour, **common)
    if len(cloud.labels.categories) <= MOST_NAMED:
        _names(ax, cloud.points, cloud.labels)


def _names(ax: Axes, points: np.ndarray, labels: Labels) -> None:
    """The name of each category in the middle of its points, where no other name stands.

    The legend has them all.
    """
    low, high = np.nanquantile(points, [0.01, 0.99], axis=0)
    span = np.where(high > low, high - low, 1.0)
    middles = {
        code: np.nanmedian(points[labels.values == code], axis=0)
        for code in np.unique(labels.values).astype(int).tolist()
    }
    free: dict[int, np.ndarray] = {}
    for code, middle in middles.items():
        if all(np.max(np.abs(middle - other) / span) > 0.08 for other in free.values()):
            free[code] = middle
    if 2 * len(free) < len(middles):
        # The categories lie on top of each other, and none has a place of its own.
        return
    for code, (x, y) in free.items():
        ax.text(
            x,
            y,
            labels.categories[code],
            size=SMALL,
            weight="bold",
            ha="center",
            va="center",
            bbox={
                "boxstyle": "round,pad=0.22",
                "facecolor": PAPER,
                "edgecolor": _look_of(code)[0],
                "linewidth": 1.0,
                "alpha": 0.85,
            },
        )


def _look_of(code: int) -> tuple[str, str]:
    return COLOURS[code % len(COLOURS)], MARKERS[code // len(COLOURS) % len(MARKERS)]


def _map() -> ListedColormap:
    name, low, high = SCALE
    return ListedColormap(matplotlib.colormaps[name](np.linspace(low, high, 256)))


def _columns(labels: Labels, width: float) -> int:
    longest = LETTER * max(map(len, labels.categories)) + 36
    return max(1, min(len(labels.categories), int((width - 20) // longest)))


def _legend_height(labels: Labels | None, width: float) -> float:
    if labels is None:
        return 0.0
    if not labels.categories:
        return 46.0
    return 34.0 + 15.0 * -(-len(labels.categories) // _columns(labels, width))


def _legend(sheet: Canvas, axes: list[Axes], labels: Labels, width: float) -> None:
    if not labels.categories:
        points = next(ax.collections[0] for ax in axes if ax.collections)
        opaque = ScalarMappable(points.norm, points.cmap)
        bar = sheet.colorbar(
            opaque, ax=axes, location="top", aspect=40, shrink=0.6, pad=0.02, anchor=(0, 0)
        )
        bar.set_label(labels.name, size=SMALL, loc="left")
        bar.outline.set_visible(False)
        return
    handles = []
    for code, name in enumerate(labels.categories):
        colour, marker = _look_of(code)
        handles.append(
            Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5, label=name)
        )
    legend(sheet, handles, _columns(labels, width), labels.name)
