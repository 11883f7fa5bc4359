"""One sheet whose unit is the pixel, for figures of more panels than axes of their own can be."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from ansatz.report.style import PIXELS

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plane(width: float, height: float) -> tuple[Canvas, Axes]:
    """A sheet of so many pixels, and axes in which (x, y) are pixels from its upper left."""
    sheet = Canvas(figsize=(width / PIXELS, height / PIXELS))
    ax = sheet.add_axes((0, 0, 1, 1), frameon=False)
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.set_axis_off()
    return sheet, ax


def power_of_ten(exponent: int) -> str:
    """As a person writes it."""
    if exponent in (0, 1, 2):
        return str(10**exponent)
    return "10" + str(exponent).translate(SUPERSCRIPTS)


def decades(low: float, high: float, most: int) -> list[int]:
    """The exponents of powers of ten within an interval, at most so many, evenly spaced."""
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    step = max(1, -(-(last - first + 1) // most))
    # Zero is among them if it can be.
    start = first + -first % step
    return list(range(start if start <= last else first, last + 1, step))
