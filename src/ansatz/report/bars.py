"""Draws bars."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from ansatz.protocol.figures import Bars
from ansatz.report.draw import draw
from ansatz.report.style import COLOURS, HALF, LETTER, SMALL, STEPS, panels

NAMES = 16
"""So many that stand aslant are legible."""


@draw.register
def draw_bars(figure: Bars, width: float) -> Canvas:
    """The bars, and beside them the line that goes with them."""
    count = 1 if figure.line is None else 2
    if count == 1:
        width = min(width, HALF)
    sheet, axes = panels(width, count, 300.0, 210.0)
    places = np.arange(len(figure.labels))
    axes[0].bar(places, figure.values, width=0.75, color=COLOURS[0])
    axes[0].set_title(figure.y_label, size=SMALL + 0.5)
    if figure.line is not None:
        axes[1].plot(places, figure.line, color=COLOURS[1])
        axes[1].set_title(figure.line_label, size=SMALL + 0.5)
        axes[1].set_ylim(bottom=0)
    across = len({ax.get_position().x0 for ax in axes})
    for ax in axes:
        _label(ax, figure, width / across)
    return sheet


def _label(ax: Axes, figure: Bars, room: float) -> None:
    """As many labels as fit; a few names are told aslant before one is left out."""
    count = len(figure.labels)
    longest = max(map(len, figure.labels), default=1) * LETTER + 5
    # A few bars are no wider than many, unless their names are.
    most = (room - 50) / longest
    margin = float(np.clip((most - count + 1) / 2, 0.7, 0.7 + max(0, 8 - count) / 2))
    step = max(1, int(np.ceil((count - 1 + 2 * margin) / most)))
    if step > 1 and count <= NAMES and not all(map(str.isnumeric, figure.labels)):
        ax.set_xticks(range(count), figure.labels, rotation=35, ha="right", rotation_mode="anchor")
    else:
        ax.set_xticks(range(0, count, step), figure.labels[::step])
    ax.set_xlim(-margin, count - 1 + margin)
    ax.set_xlabel(figure.x_label)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
