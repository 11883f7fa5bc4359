"""Draws histograms with their ratios to a reference."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon
from matplotlib.ticker import MaxNLocator

from ansatz.protocol.figures import Counts, Ratios
from ansatz.report.draw import draw
from ansatz.report.plane import decades, plane, power_of_ten
from ansatz.report.style import COLOURS, GREY, HALF, INK, LETTER, SMALL, STEPS, number

LEAST, LARGEST = 150.0, 380.0
"""Widths of a panel."""
TITLE, SHAPE, RATIO, TICKS = 20.0, 84.0, 34.0, 30.0
"""Heights of its parts."""
HEAD, LEFT, GAP = 30.0, 28.0, 14.0
REACH = 0.5
"""How far from one a ratio is drawn."""
STRONGEST = 1e-4
"""The least density that is drawn, as a part of the largest, where they span magnitudes."""


class Frame(NamedTuple):
    """Where a panel is, in pixels: its left and right, and three heights from the top down."""

    left: float
    right: float
    top: float
    floor: float
    """Of the histogram."""
    end: float
    """Of the ratio."""


@draw.register
def draw_ratios(figure: Ratios, width: float) -> Canvas:
    """The reference as an area with the others as outlines; below, ratios on chance's own band."""
    count = len(figure.panels)
    if count < 3:
        width = min(width, HALF * count)
    across = max(1, min(count, int((width - LEFT + GAP) // (LEAST + GAP))))
    across = -(-count // -(-count // across))
    down = -(-count // across)
    room = min((width - LEFT - 2) / across - GAP, LARGEST)
    height = TITLE + SHAPE + RATIO + TICKS
    unit = 16.0 if figure.unit else 0.0
    sheet, ax = plane(LEFT + across * (room + GAP) - GAP + 8, HEAD + down * height + unit)
    for place, panel in enumerate(figure.panels):
        row, column = divmod(place, across)
        left, top = LEFT + column * (room + GAP), HEAD + row * height + TITLE
        frame = Frame(left, left + room, top, top + SHAPE, top + SHAPE + RATIO)
        _panel(ax, panel, frame, log=figure.log, first=column == 0)
    if figure.unit:
        ax.text(LEFT, HEAD + down * height + 4, figure.unit, size=SMALL, va="center")
    _legend(sheet, list(figure.panels[0].counts))
    return sheet


def _panel(ax: Axes, panel: Counts, frame: Frame, *, log: bool, first: bool) -> None:
    kinds = list(panel.counts.values())
    totals = [max(float(np.sum(counts)), 1.0) for counts in kinds]
    x = _across(panel, frame)
    shares = [counts / total for counts, total in zip(kinds, totals, strict=True)]
    highest = max((float(share.max()) for share in shares), default=0.0) or 1.0
    for k, share in enumerate(shares):
        outline = np.stack([np.repeat(x, 2), _up(share, highest, frame, log=log)], 1)
        if k == 0:
            ax.add_patch(Polygon(outline, closed=True, facecolor=COLOURS[0], alpha=0.45, lw=0))
        else:
            ax.plot(*outline.T, color=COLOURS[k], linewidth=1.2)
    _ratio(ax, kinds, totals, x, frame)
    line: dict[str, Any] = {"color": f"{INK}66", "linewidth": 0.8}
    for y in (frame.floor, frame.end):
        ax.plot([frame.left, frame.right], [y, y], **line)
    words: dict[str, Any] = {"size": SMALL, "va": "center"}
    ax.text(frame.left, frame.top - 9, panel.axis, **words)
    ax.text(frame.right, frame.top - 9, panel.note, ha="right", alpha=0.65, **words)
    for value, text in _ticks(panel, frame):
        at = float(_place(panel, frame, np.array([value]))[0])
        ax.plot([at, at], [frame.end, frame.end + 3], **line)
        ax.text(at, frame.end + 11, text, ha="center", **words)
    if first:
        for value, text in (
            (1 - REACH, number(1 - REACH)),
            (1.0, "1"),
            (1 + REACH, number(1 + REACH)),
        ):
            # Beside the line between the two parts there is no room for a label of the upper end.
            if value <= 1:
                ax.text(frame.left - 5, _ratio_at(value, frame), text, ha="right", **words)


def _across(panel: Counts, frame: Frame) -> np.ndarray:
    """Where the edges of the bins are."""
    return _place(panel, frame, panel.edges)


def _place(panel: Counts, frame: Frame, values: np.ndarray) -> np.ndarray:
    scale = np.log if panel.log else np.asarray
    low, high = scale(panel.edges[0]), scale(panel.edges[-1])
    return frame.left + (scale(values) - low) / (high - low) * (frame.right - frame.left)


def _up(share: np.ndarray, highest: float, frame: Frame, *, log: bool) -> np.ndarray:
    """The heights along an outline of bins, from the floor to the floor."""
    part = share / highest
    if log:
        part = 1 - np.log(np.maximum(part, STRONGEST)) / np.log(STRONGEST)
    inner = frame.floor - 0.95 * (frame.floor - frame.top) * np.repeat(part, 2)
    return np.concatenate([[frame.floor], inner, [frame.floor]])


def _ratio_at(value: float, frame: Frame) -> float:
    middle, half = (frame.floor + frame.end) / 2, (frame.end - frame.floor) / 2
    return float(middle - (value - 1) / REACH * half)


def _ratio(
    ax: Axes, kinds: list[np.ndarray], totals: list[float], x: np.ndarray, frame: Frame
) -> None:
    """Others divided by the reference, on a band as wide as one standard deviation by chance."""
    middle, half = (frame.floor + frame.end) / 2, (frame.end - frame.floor) / 2
    reference = kinds[0] / totals[0]
    known = kinds[0] > 0
    for k, counts in enumerate(kinds[1:], 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = counts / totals[k] / reference
            spread = np.sqrt((1 / totals[0] + 1 / totals[k]) / reference)
        for run in _runs(known):
            bins = np.repeat(x[run.start : run.stop + 1], 2)[1:-1]
            if k == 1:
                band = np.repeat(np.minimum(spread[run] / REACH, 1), 2) * half
                outline = np.concatenate([middle - band, (middle + band)[::-1]])
                both = np.stack([np.concatenate([bins, bins[::-1]]), outline], 1)
                ax.add_patch(Polygon(both, closed=True, facecolor=GREY, alpha=0.35, lw=0))
            offset = np.repeat(np.clip((ratio[run] - 1) / REACH, -1, 1), 2)
            ax.plot(bins, middle - half * offset, color=COLOURS[k], linewidth=1.0)
    ax.plot([x[0], x[-1]], [middle, middle], color=f"{INK}44", linewidth=0.8, zorder=1)


def _runs(known: np.ndarray) -> list[slice]:
    """Bins in a row that the reference has events in."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    return [slice(a, b) for a, b in ends.reshape(-1, 2).tolist()]


def _ticks(panel: Counts, frame: Frame) -> list[tuple[float, str]]:
    """As many labels as fit beside each other, and within the panel."""
    low, high = float(panel.edges[0]), float(panel.edges[-1])
    if panel.log:
        marks = [(10.0**k, power_of_ten(k)) for k in decades(low, high, 4)]
    else:
        most = max(3, int((frame.right - frame.left) // 45))
        values = MaxNLocator(most, steps=STEPS).tick_values(low, high)
        marks = [(v, number(v)) for v in values if low <= v <= high + 1e-9 * (high - low)]
    places = _place(panel, frame, np.array([value for value, _ in marks]))
    kept: list[tuple[float, str]] = []
    free = frame.left - 6
    for (value, text), at in zip(marks, places.tolist(), strict=True):
        half = LETTER * len(text) / 2
        if at - half >= free and at + half <= frame.right + 7:
            kept.append((value, text))
            free = at + half + 6
    return kept


def _legend(sheet: Canvas, labels: list[str]) -> None:
    handles: list[Patch | Line2D] = [Patch(color=COLOURS[0], alpha=0.45, label=labels[0])]
    handles += [
        Line2D([], [], color=COLOURS[k], label=label) for k, label in enumerate(labels) if k
    ]
    if len(labels) > 1:
        handles.append(Patch(color=GREY, alpha=0.35, label="by chance, 1 σ"))
    sheet.legend(handles=handles, loc="upper left", ncols=len(handles), borderaxespad=0)
