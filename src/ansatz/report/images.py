"""Draws grids of images."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from ansatz.protocol.figures import ImageGrid
from ansatz.report.draw import draw
from ansatz.report.style import HALF, LETTER, PIXELS, SMALL, number, two_sided

LARGEST_TILE = 46.0
LARGEST_JOINED = 600.0
FINEST = 1400
"""Pixels across a grid; with more, neighbours are averaged."""


@draw.register
def draw_images(figure: ImageGrid, width: float) -> Canvas:
    """All images in one mosaic of their own pixels, and below it the scale they share."""
    rows, columns, height, breadth = figure.images.shape[:4]
    left = LETTER * max(map(len, figure.row_labels), default=0) + (8 if figure.row_labels else 0)
    top = 16.0 if figure.column_labels else 2.0
    bottom = 26.0
    if columns <= 10:
        width = min(width, HALF)
    across = min(width - left - 2, LARGEST_JOINED if figure.joined else columns * LARGEST_TILE)
    down = across / columns * height / breadth * rows
    full = left + across + 2, top + down + bottom
    sheet = Canvas(figsize=(full[0] / PIXELS, full[1] / PIXELS))
    axes = sheet.add_axes(
        (left / full[0], bottom / full[1], across / full[0], down / full[1]), frameon=False
    )
    axes.imshow(mosaic(figure), interpolation="none", aspect="auto", extent=(0, columns, rows, 0))
    axes.grid(visible=False)
    axes.tick_params(length=0, pad=4)
    axes.set_yticks(np.arange(len(figure.row_labels)) + 0.5, figure.row_labels)
    # On a phone there is room for every other label, and for the first and the last.
    step = next((k for k in (1, 2, 7) if across / columns * k >= 24), columns)
    shown = [
        label.replace("-", "−") if j % step == 0 else ""
        for j, label in enumerate(figure.column_labels)
    ]
    axes.set_xticks(np.arange(len(shown)) + 0.5, shown)
    axes.xaxis.tick_top()
    _scale(sheet, figure, left, full)
    return sheet


def mosaic(figure: ImageGrid) -> np.ndarray:
    """One image of all: grey, in colours or two-sided, with gaps that let the paper through."""
    pixels = _pixels(_averaged(figure.images), figure)
    rows, columns, height, breadth = pixels.shape[:4]
    # Small images in larger pixels, or a gap of one pixel would be too wide.
    zoom = max(1, round(28 / max(height, breadth)))
    pixels = pixels.repeat(zoom, 2).repeat(zoom, 3)
    gap = 0 if figure.joined else max(1, round(zoom * max(height, breadth) / 20))
    padded = np.pad(pixels, ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)))
    whole = padded.swapaxes(1, 2).reshape(rows * padded.shape[2], columns * padded.shape[3], 4)
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]


def _averaged(images: np.ndarray) -> np.ndarray:
    """Images of no more pixels than can be seen, by the mean of blocks."""
    columns, height, breadth = images.shape[1:4]
    block = min(-(-columns * breadth // FINEST), height, breadth)
    if block == 1:
        return images
    down, across = height // block, breadth // block
    cut = images[:, :, : down * block, : across * block]
    split = cut.reshape(*images.shape[:2], down, block, across, block, *images.shape[4:])
    return split.mean((3, 5))


def _pixels(images: np.ndarray, figure: ImageGrid) -> np.ndarray:
    low, high = figure.limits
    if figure.signed:
        return two_sided(images, high)
    levels = (images - low) / (high - low) if high > low else np.zeros_like(images, float)
    if images.ndim == 4:
        levels = np.repeat(levels[..., None], 3, -1)
    seen = np.isfinite(levels).all(-1, keepdims=True)
    opaque = np.concatenate([np.nan_to_num(levels), seen], -1)
    return np.rint(255 * np.clip(opaque, 0, 1)).astype(np.uint8)


def _scale(sheet: Canvas, figure: ImageGrid, left: float, full: tuple[float, float]) -> None:
    """A strip from the lowest value to the highest."""
    low, high = figure.limits
    # An end that is nearly zero beside the other is called so.
    near = [0.0 if abs(end) < (high - low) / 1000 else end for end in (low, high)]
    first, last = number(near[0]), f"{number(near[1])} {figure.unit}".rstrip()
    start = left + LETTER * len(first) + 4
    place = (start / full[0], 8 / full[1], 64 / full[0], 7 / full[1])
    strip = sheet.add_axes(place, frameon=False)
    values = np.linspace(low, high, 65)[None]
    strip.imshow(_pixels(values[None, None], figure)[0, 0], aspect="auto", interpolation="none")
    strip.set_axis_off()
    common: dict[str, Any] = {"size": SMALL, "va": "center_baseline"}
    sheet.text((start - 4) / full[0], 11 / full[1], first, ha="right", **common)
    sheet.text((start + 68) / full[0], 11 / full[1], last, ha="left", **common)
