"""Draws rows of discs."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas

from ansatz.protocol.figures import Disc, Discs
from ansatz.report.draw import draw
from ansatz.report.plane import decades, plane, power_of_ten
from ansatz.report.style import INK, LETTER, SCALE, SMALL, transparent

TILE, LARGEST = 52.0, 120.0
GAP, HEAD, FOOT, BETWEEN, STRIP = 6.0, 18.0, 40.0, 10.0, 180.0
FINE = 4
"""Samples of the picture to a pixel of the page, in each direction."""


@draw.register
def draw_discs(figure: Discs, width: float) -> Canvas:
    """Discs of one column belong together; where a row is too long it goes on below."""
    count = max(map(len, figure.rows))
    left = LETTER * max(map(len, figure.row_labels)) + 16
    across = max(1, min(count, int((width - left) // (TILE + GAP))))
    bands = -(-count // across)
    across = -(-count // bands)
    tile = min((width - left - 4) / across - GAP, LARGEST)
    band = HEAD + len(figure.rows) * (tile + GAP) + BETWEEN
    scale = left + STRIP + 20 + LETTER * len(figure.unit)
    full = max(left + across * (tile + GAP), scale), bands * band + FOOT
    sheet, ax = plane(*full)
    words: dict[str, Any] = {"size": SMALL, "va": "center"}
    for column in range(count):
        down, along = divmod(column, across)
        x, y = left + along * (tile + GAP), down * band
        label = next(row[column].label for row in figure.rows if column < len(row))
        if len(label) * LETTER > tile + GAP:
            label = ""
        ax.text(x + tile / 2, y + HEAD / 2, label, ha="center", **words)
        for k, row in enumerate(figure.rows):
            if column >= len(row):
                continue
            top = y + HEAD + k * (tile + GAP)
            picture = disc(row[column], figure.limits, int(FINE * tile))
            ax.imshow(
                picture,
                extent=(x, x + tile, top + tile, top),
                interpolation="antialiased",
                aspect="auto",
                zorder=2,
            )
            if along == 0:
                ax.text(left - 8, top + tile / 2, figure.row_labels[k], ha="right", **words)
    ax.set(xlim=(0, full[0]), ylim=(full[1], 0))
    _scale(ax, figure, left, full[1])
    return sheet


def disc(values: Disc, limits: tuple[float, float], size: int) -> np.ndarray:
    """A picture (size, size, 4): colours on the scale, a faint ground where there is nothing.

    The first coordinate, r cos(alpha), goes to the right, and the second upwards.
    """
    middle = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = middle[None, :], -middle[:, None]
    radius = np.hypot(x, y)
    angles, rings = values.values.shape
    a = np.minimum(((np.arctan2(y, x) + np.pi) / (2 * np.pi) * angles).astype(int), angles - 1)
    r = np.minimum((radius * rings).astype(int), rings - 1)
    found = values.values[a, r]
    low, high = np.log(limits)
    seen = found > 0
    level = np.log(np.where(seen, found, limits[0])) - low
    picture = _colours(np.clip(level / ((high - low) or 1.0), 0, 1))
    ground = transparent(INK, np.full(found.shape, 0.07))
    picture = np.where(seen[..., None], picture, ground)
    # The rim, as wide as a sample, lets the paper through by degrees.
    picture[..., 3] = picture[..., 3] * np.clip((1 - radius) * size / 2, 0, 1)
    return picture


def _colours(level: np.ndarray) -> np.ndarray:
    name, first, last = SCALE
    colours = matplotlib.colormaps[name](first + (last - first) * level)
    return np.rint(255 * colours).astype(np.uint8)


def _scale(ax: matplotlib.axes.Axes, figure: Discs, left: float, bottom: float) -> None:
    """A strip from the least value to the largest, with powers of ten below it."""
    low, high = figure.limits
    top = bottom - FOOT + 6
    strip = _colours(np.linspace(0, 1, 181)[None])
    ax.imshow(strip, extent=(left, left + STRIP, top + 8, top), aspect="auto", interpolation="none")
    ax.text(left + STRIP + 8, top + 4, figure.unit, size=SMALL, va="center")
    if high > low:
        for exponent in decades(low, high, 4):
            at = left + STRIP * np.log(10.0**exponent / low) / np.log(high / low)
            ax.plot([at, at], [top + 8, top + 11], color=f"{INK}66", linewidth=0.8)
            text = power_of_ten(exponent)
            ax.text(at, top + 20, text, ha="center", va="center", size=SMALL)
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
