"""What any run shows, by what its model can do; a family adds what only it knows."""

from dataclasses import dataclass

import numpy as np

from ansatz.data.bins import bins, density, density_of_pair
from ansatz.protocol.figures import (
    Cloud,
    Curve,
    Curves,
    Figure,
    Histogram,
    Histograms,
    ImageGrid,
    Labels,
    Matrix,
    Pairs,
    Panel,
    Scatter,
    as_images,
    is_image,
)

ACROSS = 10
"""Images in a row."""
MOST_AXES = 16
"""Numbers of an event that are shown each by itself."""
MOST_PAIRED = 8

Weighted = tuple[np.ndarray, np.ndarray | None]
"""Events and their weights."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Events and what the model makes of them; None is what cannot be had."""

    shape: tuple[int, ...]
    """Of one event."""
    axes: tuple[str, ...] = ()
    """What the numbers of an event are called, if they have names."""
    categories: tuple[tuple[str, ...], ...] = ()
    """Of each named number; none for those that are numbers."""
    events: np.ndarray | None = None
    weights: np.ndarray | None = None
    labels: Labels | None = None
    codes: np.ndarray | None = None
    """Of all events."""
    classes: bool = False
    """Whether a code holds the probability of each of several classes."""
    decoded: np.ndarray | None = None
    """What the decoder makes of the codes, of the first events at least."""
    expected: np.ndarray | None = None
    """What the decoder makes of codes drawn from the model."""
    drawn: np.ndarray | None = None
    """Events drawn from the model."""


def figures(seen: Seen) -> tuple[Figure, ...]:
    """Data beside reconstructions and samples, in the form that suits an event, and codes."""
    found: list[Figure] = []
    if is_image(seen.shape):
        found += _images(seen)
    elif seen.axes:
        found += _table(seen)
    elif len(seen.shape) == 1:
        found += _profiles(seen)
    if seen.codes is not None and min(seen.codes.shape) > 1:
        if not seen.classes:
            found.append(_codes(seen.codes, seen.labels))
        elif seen.labels is not None and seen.labels.categories:
            found.append(_classes(seen.codes, seen.labels))
    return tuple(found)


def _images(seen: Seen) -> list[Figure]:
    found: list[Figure] = []
    if seen.events is not None and seen.decoded is not None:
        data, decoded = (_rows(seen.shape, x, 3) for x in (seen.events, seen.decoded))
        rows = np.stack([data, decoded], 1).reshape(-1, *data.shape[1:])
        found.append(
            ImageGrid(
                name="reconstructions",
                title="Events and their reconstructions",
                caption="Below each row of events what the decoder makes of their codes: a good "
                "one keeps all but the noise.",
                images=rows,
                row_labels=("data", "decoded") * len(data),
                scale=_range(seen.events),
            )
        )
    kinds = {"data": seen.events, "expected": seen.expected, "drawn": seen.drawn}
    blocks = {label: _rows(seen.shape, x, 2) for label, x in kinds.items() if x is not None}
    if blocks.keys() - {"data"}:
        words = {
            "data": "events",
            "expected": "what the decoder expects for codes drawn from the model",
            "drawn": "new events with all their noise",
        }
        told = ", ".join(words[label] for label in blocks)
        found.append(
            ImageGrid(
                name="samples",
                title="Data and samples",
                caption=f"In this order: {told}. Good ones are as sharp and as varied as the data.",
                images=np.concatenate(list(blocks.values())),
                row_labels=tuple(label for label, rows in blocks.items() for _ in rows),
                scale=_range(seen.events),
            )
        )
    return found


def _range(events: np.ndarray | None) -> tuple[float, float] | None:
    """The scale on which the data look as they are, whatever the model makes of them."""
    return None if events is None else (float(np.nanmin(events)), float(np.nanmax(events)))


def _rows(shape: tuple[int, ...], events: np.ndarray, most: int) -> np.ndarray:
    """The first events as (rows, columns, *image), in whole rows."""
    across = min(ACROSS, len(events))
    down = min(most, len(events) // across)
    images = as_images(events[: down * across], shape)
    return images.reshape(down, across, *images.shape[1:])


def _table(seen: Seen) -> list[Figure]:
    """The plane itself, or densities of single numbers and of pairs of them."""
    there: dict[str, Weighted] = {}
    if seen.events is not None:
        there["data"] = seen.events, seen.weights
    # Without samples, what the decoder makes of the events is set against them.
    if seen.drawn is not None:
        there["samples"] = seen.drawn, None
    elif seen.decoded is not None:
        there["decoded"] = seen.decoded, None
    else:
        return []
    reference, _ = next(iter(there.values()))
    columns = zip(reference.T, seen.categories, strict=True)
    edges = [bins(values, named) for values, named in columns]
    found: list[Figure] = [] if len(edges) != 2 else [_plane(seen)]
    found.append(_marginals(seen, there, edges))
    if 2 < len(edges) <= MOST_PAIRED and len(there) == 2:
        found.append(_pairs(seen, there, edges))
    return found


def _plane(seen: Seen) -> Scatter:
    clouds = []
    for label, points, labels in [
        ("data", seen.events, seen.labels),
        ("samples", seen.drawn, None),
        ("decoded", seen.decoded, seen.labels),
    ]:
        if points is not None:
            own = None if labels is None else labels.take(slice(len(points)))
            clouds.append(Cloud(label, points, own))
    words = {
        "data": "events",
        "samples": "new ones from the model",
        "decoded": "what the decoder makes of the events' codes",
    }
    told = ", ".join(words[cloud.label] for cloud in clouds)
    return Scatter(
        name="plane",
        title="The plane of events",
        caption=f"In this order: {told}. Good ones fill the same places as densely as the data.",
        clouds=tuple(clouds),
        x_label=seen.axes[0],
        y_label=seen.axes[1],
    )


def _marginals(seen: Seen, there: dict[str, Weighted], edges: list[np.ndarray]) -> Histograms:
    panels = [
        Histogram(
            seen.axes[j],
            edges[j],
            {label: density(x[:, j], edges[j], w) for label, (x, w) in there.items()},
            seen.categories[j],
        )
        for j in range(len(edges))
    ]
    chosen = "Densities of the numbers of an event, each by itself"
    if len(panels) > MOST_AXES:
        chosen += f": {MOST_AXES} of {len(panels)}"
        if len(there) == 2:
            chosen += ", those that differ most first"
            panels = sorted(panels, key=_distance, reverse=True)
    good = "; a good model lies on the data" if len(there) == 2 else ""
    return Histograms(
        name="marginals",
        title="Single numbers",
        caption=f"{chosen}{good}. Where numbers have long tails, the outermost half per cent of "
        "either is left out.",
        panels=tuple(panels[:MOST_AXES]),
    )


def _distance(panel: Histogram) -> float:
    """The largest difference between the two cumulative distributions."""
    first, second = panel.densities.values()
    return float(np.max(np.abs(np.cumsum((first - second) * np.diff(panel.edges)))))


def _pairs(seen: Seen, there: dict[str, Weighted], edges: list[np.ndarray]) -> Pairs:
    first, second = there
    return Pairs(
        name="pairs",
        title="Pairs of numbers",
        caption=f"Densities of every pair: {first} below the diagonal, {second} above it. With a "
        "good model the two sides mirror each other.",
        axes=seen.axes,
        edges=tuple(edges),
        densities={
            label: {
                (i, j): density_of_pair(x[:, i], x[:, j], edges[i], edges[j], w)
                for i in range(len(edges))
                for j in range(i)
            }
            for label, (x, w) in there.items()
        },
    )


def _profiles(seen: Seen) -> list[Figure]:
    """Events of many numbers in a row, as curves."""
    found: list[Figure] = []
    place = np.arange(seen.shape[0])
    if seen.events is not None and seen.decoded is not None:
        found.append(
            Curves(
                name="reconstructions",
                title="Events and their reconstructions",
                caption="The numbers of an event in their order, and what the decoder makes of "
                "its code: a good one keeps all but the noise.",
                panels=tuple(
                    Panel(f"event {i + 1}", (Curve("data", place, x), Curve("decoded", place, y)))
                    for i, (x, y) in enumerate(zip(seen.events[:6], seen.decoded[:6], strict=True))
                ),
                x_label="place",
            )
        )
    if seen.drawn is not None:
        kinds = {"data": seen.events, "samples": seen.drawn}
        found.append(
            Curves(
                name="samples",
                title="Data and samples",
                caption="The numbers of some events in their order: good samples are as smooth "
                "and as varied as the data.",
                panels=tuple(
                    Panel(label, tuple(Curve(label, place, x) for x in events[:8]))
                    for label, events in kinds.items()
                    if events is not None
                ),
                x_label="place",
            )
        )
    return found


def _codes(codes: np.ndarray, labels: Labels | None) -> Scatter:
    told, x, y = "The two numbers of the codes", "z0", "z1"
    if codes.shape[1] > 2:
        codes, share = principal_axes(codes)
        told = f"The codes along the two directions in which they vary most, {share:.0%} in all"
        x, y = "principal axis 1", "principal axis 2"
    if labels is not None:
        told += f", coloured by {labels.name}: where the colours part, codes tell them apart"
    return Scatter(
        name="codes",
        title="Codes of the events",
        caption=f"{told}.",
        clouds=(Cloud("codes", codes, labels),),
        x_label=x,
        y_label=y,
    )


def _classes(codes: np.ndarray, labels: Labels) -> Matrix:
    known = [code for code in range(len(labels.categories)) if (labels.values == code).any()]
    return Matrix(
        name="codes",
        title="Classes of the events",
        caption=f"The probability of each class (columns) over the events of each {labels.name} "
        "(rows): where a row has one dark place, and its column no other, they have found each "
        "other.",
        values=np.stack([codes[labels.values == code].mean(0) for code in known]),
        row_labels=tuple(labels.categories[code] for code in known),
        column_labels=tuple(f"{k + 1}" for k in range(codes.shape[1])),
    )


def principal_axes(codes: np.ndarray) -> tuple[np.ndarray, float]:
    """Coordinates along the two directions of largest variance, and their share of it all.

    A direction has no sign of its own: its largest entry is made positive.
    """
    centred = np.asarray(codes, np.float64) - codes.mean(0, dtype=np.float64)
    _, widths, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    largest = np.argmax(np.abs(directions), axis=1, keepdims=True)
    directions *= np.sign(np.take_along_axis(directions, largest, axis=1))
    total = np.sum(widths**2)
    share = float(np.sum(widths[:2] ** 2) / total) if total > 0 else 1.0
    return centred @ directions.T, share
