"""The look of all figures: sizes in pixels of a page, ink on paper, colours that all eyes part."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

WIDE, HALF, NARROW = 908.0, 440.0, 350.0
"""Widths of a figure: the page on a desk, half of it, and a phone."""
PIXELS = 72
"""To an inch, so that a point of text is a pixel of the page."""

INK, PAPER = "#1f2328", "#ffffff"
"""Colours that a page of another brightness replaces by its own; nothing else has them."""

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#e69f00",
    "#cc79a7",
    "#56b4e9",
    "#8c8c8c",
    "#c5b800",
)
"""The palette of Okabe and Ito (2008), with a grey for its black and its yellow made darker, so
that all are seen on white and on black. The data come first, the model second."""

GREY = COLOURS[6]
"""For what is no kind of its own."""

SCALE = ("viridis", 0.12, 0.92)
"""A perceptually uniform map for numbers, without the ends that vanish on white or on black."""

STEPS = (1, 2, 5, 10)
"""Between ticks, times a power of ten."""

FONT = "DejaVu Sans"
"""Comes with matplotlib, and is wide: what fits in it fits in a reader's own fonts."""

TEXT, SMALL = 11.5, 10.5
LETTER = 6.7
"""Width of a small digit, and of most small letters at most."""

LOOK: dict[str, Any] = {
    "font.family": FONT,
    "font.size": TEXT,
    "text.color": INK,
    # A dollar in a column's name is a dollar.
    "text.parse_math": False,
    "axes.edgecolor": f"{INK}66",
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.labelsize": SMALL,
    "axes.linewidth": 0.8,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": TEXT,
    "axes.titlepad": 7.0,
    "axes.xmargin": 0.02,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": False,
    "figure.dpi": PIXELS,
    "figure.facecolor": PAPER,
    "grid.color": f"{INK}1c",
    "grid.linewidth": 0.8,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.4,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "ansatz",
    "xtick.color": f"{INK}66",
    "xtick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "xtick.major.size": 3.0,
    "xtick.minor.size": 0.0,
    "ytick.color": f"{INK}66",
    "ytick.labelcolor": INK,
    "ytick.labelsize": SMALL,
    "ytick.major.size": 0.0,
    "ytick.minor.size": 0.0,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in this look, whatever the user's own settings of matplotlib are."""
    with matplotlib.style.context(["default", LOOK]):
        yield


def canvas(width: float, height: float) -> Canvas:
    """An empty figure of so many pixels, which finds room for its labels by itself."""
    figure = Canvas(figsize=(width / PIXELS, height / PIXELS), layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=4 / PIXELS, h_pad=4 / PIXELS, wspace=0.02, hspace=0.03)
    return figure


def panels(
    width: float, count: int, least: float, height: float, head: float = 0.0
) -> tuple[Canvas, list[Axes]]:
    """Axes in rows, each at least so wide where the figure is, and so high; `head` is above."""
    across = max(1, min(count, int(width // least)))
    # As many in every row as can be, rather than a last row of one.
    down = -(-count // across)
    across = -(-count // down)
    figure = canvas(width, down * height + head)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for empty in axes[count:]:
        empty.remove()
    return figure, list(axes[:count])


def legend(
    sheet: Canvas, handles: Sequence[Artist], across: int = 6, title: str | None = None
) -> None:
    """A legend above everything, so many entries in a row."""
    across = min(across, len(handles))
    sheet.legend(
        # Matplotlib fills columns; a person reads rows.
        handles=[handle for k in range(across) for handle in handles[k::across]],
        loc="outside upper left",
        ncols=across,
        title=title,
        title_fontsize=SMALL,
        alignment="left",
    )


def transparent(colour: str, strength: np.ndarray) -> np.ndarray:
    """Pixels of one colour, as opaque as `strength` in [0, 1] says."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    alpha = np.rint(255 * np.nan_to_num(np.clip(strength, 0, 1)))
    levels = np.broadcast_to(np.array([red, green, blue, 0]), (*strength.shape, 4)).copy()
    levels[..., 3] = alpha
    return levels.astype(np.uint8)


def two_sided(values: np.ndarray, end: float) -> np.ndarray:
    """Pixels for numbers in [-end, end]: the paper at zero, a colour for each sign."""
    strength = np.abs(values) / end if end > 0 else np.zeros_like(values)
    negative = (values < 0)[..., None]
    return np.where(negative, transparent(COLOURS[0], strength), transparent(COLOURS[1], strength))


def number(value: float) -> str:
    """A number as a person writes it, with a true minus."""
    return f"{value:.3g}".replace("-", "−")
