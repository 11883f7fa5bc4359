"""Draws densities of pairs."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from ansatz.protocol.figures import Pairs
from ansatz.report.draw import draw
from ansatz.report.style import COLOURS, SMALL, canvas, legend, transparent

LARGEST = 110.0
CELL, GAP = 60, 3
"""Pixels of a density, and between two."""


@draw.register
def draw_pairs(figure: Pairs, width: float) -> Canvas:
    """A square of densities about a diagonal of names; darker is denser, to the square root."""
    count = len(figure.axes)
    side = min(width / count, LARGEST)
    sheet = canvas(side * count, side * count + 24)
    ax = sheet.subplots()
    ax.imshow(mosaic(figure), interpolation="none", extent=(0, count, count, 0))
    ax.set_axis_off()
    for i, name in enumerate(figure.axes):
        _name(ax, i, name, side)
    handles = [Patch(color=COLOURS[k], label=label) for k, label in enumerate(figure.densities)]
    legend(sheet, handles)
    return sheet


def mosaic(figure: Pairs) -> np.ndarray:
    """All densities as one image; the two of a pair share one scale."""
    count, pitch = len(figure.axes), CELL + GAP
    whole = np.zeros((count * pitch - GAP, count * pitch - GAP, 4), np.uint8)
    below, above = figure.densities.values()
    for i, j in below:
        # Weights of either sign can make a density negative; that is no ink.
        densest = max(below[i, j].max(), above[i, j].max(), 1e-300)
        first, second = (np.sqrt(np.maximum(x[i, j], 0) / densest)[::-1] for x in (below, above))
        _put(whole, i, j, transparent(COLOURS[0], _resampled(first)))
        # Exchanged axes: what was across grows upwards.
        mirrored = second[::-1].T[::-1]
        _put(whole, j, i, transparent(COLOURS[1], _resampled(mirrored)))
    return whole


def _put(whole: np.ndarray, i: int, j: int, cell: np.ndarray) -> None:
    top, left = i * (CELL + GAP), j * (CELL + GAP)
    # A breath of the colour shows where the cell ends.
    cell[..., 3] = np.maximum(cell[..., 3], 10)
    whole[top : top + CELL, left : left + CELL] = cell


def _resampled(cell: np.ndarray) -> np.ndarray:
    down, across = ((np.arange(CELL) * n) // CELL for n in cell.shape)
    return cell[np.ix_(down, across)]


def _name(ax: Axes, i: int, name: str, side: float) -> None:
    lines = name.replace(" ", "\n")
    longest = max(map(len, lines.split("\n")))
    size = float(np.clip(1.6 * (side - 8) / longest, 6.0, SMALL + 1))
    middle = i + 0.5 - GAP / CELL / 2
    ax.text(middle, middle, lines, ha="center", va="center", size=size)
