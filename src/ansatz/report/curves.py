"""Draws curves in panels."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from ansatz.protocol.figures import Curves, Panel
from ansatz.report.draw import draw
from ansatz.report.style import COLOURS, HALF, INK, LETTER, SMALL, STEPS, legend, panels

LEAST = 250.0
HEIGHT, ALONE = 185.0, 300.0
MARK: dict[str, Any] = {"color": f"{INK}99", "linestyle": (0, (2, 2)), "linewidth": 1.0}


@draw.register
def draw_curves(figure: Curves, width: float) -> Canvas:
    """One panel beside another where there is room; curves of one label have one colour."""
    labels = list(dict.fromkeys(c.label for panel in figure.panels for c in panel.curves))
    colour = {label: COLOURS[k % len(COLOURS)] for k, label in enumerate(labels)}
    count = len(figure.panels)
    height = HEIGHT
    if count == 1:
        width, height = min(width, HALF), ALONE
    explained = len(labels) > 1 or figure.mark is not None
    longest = max(map(len, (*labels, figure.mark_label)))
    across = max(1, int(width // (36 + LETTER * longest)))
    lines = -(-(len(labels) + (figure.mark is not None)) // across)
    sheet, axes = panels(width, count, LEAST, height, head=(6.0 + 16.0 * lines) * explained)
    for ax, panel in zip(axes, figure.panels, strict=True):
        _panel(ax, panel, colour, figure.mark)
        ax.set_xlabel(figure.x_label)
    if explained:
        handles = [Line2D([], [], color=colour[label], label=label) for label in labels]
        if figure.mark is not None:
            handles.append(Line2D([], [], label=figure.mark_label, **MARK))
        legend(sheet, handles, across)
    return sheet


def _panel(ax: Axes, panel: Panel, colour: dict[str, str], mark: float | None) -> None:
    crowded = len(panel.curves) > 8
    for curve in panel.curves:
        thin: dict[str, Any] = {"linewidth": 0.9, "alpha": 0.7} if crowded else {}
        ax.plot(curve.x, curve.y, color=colour[curve.label], **thin)
        if mark is not None:
            at = np.flatnonzero(curve.x == mark)
            ax.plot(curve.x[at], curve.y[at], "o", markersize=4, color=colour[curve.label])
    if mark is not None:
        ax.axvline(mark, zorder=0.9, **MARK)
    if panel.log:
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        # A few powers of ten or less need ticks between them.
        subs = (1.0, 2.0, 5.0) if high < 50 * low else (1.0,)
        ax.yaxis.set_major_locator(LogLocator(subs=subs))
        ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
        ax.yaxis.set_minor_locator(NullLocator())
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS, integer=_whole(panel)))
    ax.set_title(panel.label, size=SMALL + 0.5)


def _whole(panel: Panel) -> bool:
    return all((curve.x == np.rint(curve.x)).all() for curve in panel.curves)
