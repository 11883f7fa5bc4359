"""Draws histograms side by side."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ansatz.protocol.figures import Histogram, Histograms
from ansatz.report.draw import draw
from ansatz.report.style import COLOURS, HALF, LETTER, SMALL, legend, panels

LEAST = 165.0
HEIGHT = 128.0
ROOM, LONGEST = 140.0, 8
"""For the names of categories: across a panel in pixels, and below it in letters."""


@draw.register
def draw_histograms(figure: Histograms, width: float) -> Canvas:
    """The first kind of events as an area, others as outlines over it."""
    count = len(figure.panels)
    if count < 3:
        width = min(width, HALF)
    labels = list(figure.panels[0].densities)
    height = HEIGHT if count > 2 else 170.0
    sheet, axes = panels(width, count, LEAST, height, head=22.0)
    for ax, panel in zip(axes, figure.panels, strict=True):
        _histogram(ax, panel)
    handles: list[Patch | Line2D] = [Patch(color=COLOURS[0], alpha=0.5, label=labels[0])]
    handles += [
        Line2D([], [], color=COLOURS[k], label=label) for k, label in enumerate(labels) if k
    ]
    legend(sheet, handles)
    return sheet


def _histogram(ax: Axes, panel: Histogram) -> None:
    for k, heights in enumerate(panel.densities.values()):
        if k == 0:
            ax.stairs(heights, panel.edges, fill=True, color=COLOURS[0], alpha=0.5, linewidth=0)
        else:
            ax.stairs(heights, panel.edges, color=COLOURS[k], linewidth=1.3)
    # Only the shape matters: its area is one.
    ax.set_yticks([])
    ax.set_ylim(bottom=min(0.0, *(float(np.min(h)) for h in panel.densities.values())))
    ax.set_xlim(panel.edges[0], panel.edges[-1])
    ax.set_title(panel.axis, size=SMALL + 0.5, pad=3)
    if panel.categories:
        _name(ax, panel.categories)
    else:
        ax.locator_params(axis="x", nbins=4)


def _name(ax: Axes, categories: tuple[str, ...]) -> None:
    """The categories below their bars: upright where they are long, only some where many."""
    flat = LETTER * (sum(map(len, categories)) + len(categories)) <= ROOM
    step = 1 if flat else int(np.ceil(1.3 * SMALL * len(categories) / ROOM))
    names = categories if flat else [_short(name) for name in categories[::step]]
    ax.set_xticks(range(0, len(categories), step), names, rotation=0 if flat else 90)


def _short(name: str) -> str:
    """A name that leaves room for the bars."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
