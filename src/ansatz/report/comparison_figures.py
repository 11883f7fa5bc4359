"""What a comparison shows: samples beside events, and how well these are told apart."""

import numpy as np

from ansatz.data.bins import bins, density
from ansatz.data.labels import axis
from ansatz.evaluate.comparison.compare import Comparison
from ansatz.evaluate.comparison.entrant import Entrant
from ansatz.protocol.figures import (
    Bars,
    Cloud,
    Figure,
    Histogram,
    Histograms,
    ImageGrid,
    Scatter,
    as_images,
    is_image,
)

ACROSS = 10
"""Images of each."""
MOST_LINES = 5
"""Kinds of samples in one histogram: the best of them."""
MOST_PANELS = 16


def figures(found: Comparison) -> tuple[Figure, ...]:
    """Samples beside events, and how well they are told apart."""
    drawn = _by_merit(found)
    shape = found.held.events.shape
    shown: list[Figure] = []
    if drawn and is_image(shape):
        shown.append(_images(found, drawn, shape))
    elif drawn and shape == (2,):
        shown.append(_plane(found, drawn))
    if drawn and len(shape) == 1 and shape[0] > 0:
        shown.append(_marginals(found, drawn))
    if drawn:
        shown.append(_areas(found, drawn))
    return tuple(shown)


def _by_merit(found: Comparison) -> list[Entrant]:
    """Those with samples, the best first."""
    drawn = [one for one in found.entrants if "samples" in one.arrays]
    return sorted(drawn, key=lambda one: one.value("AUC") or 1.0)


def _images(found: Comparison, drawn: list[Entrant], shape: tuple[int, ...]) -> ImageGrid:
    events = np.asarray(found.held.events.events)
    across = min(ACROSS, len(events))
    rows = [events, *(one.arrays["samples"] for one in drawn)]
    return ImageGrid(
        name="samples",
        title="Samples side by side",
        caption="Events held out, and below them new ones of each family, those that are told from "
        "events least first.",
        images=np.stack([as_images(x[:across], shape) for x in rows]),
        row_labels=("events", *(one.name for one in drawn)),
        scale=(float(events.min()), float(events.max())),
    )


def _plane(found: Comparison, drawn: list[Entrant]) -> Scatter:
    names = _axes(found)
    clouds = [Cloud("events", np.asarray(found.held.events.events))]
    clouds += [Cloud(one.name, one.arrays["samples"]) for one in drawn]
    return Scatter(
        name="samples",
        title="Samples side by side",
        caption="Events held out, and as many new ones of each family, those that are told from "
        "events least first.",
        clouds=tuple(clouds),
        x_label=names[0],
        y_label=names[1],
    )


def _marginals(found: Comparison, drawn: list[Entrant]) -> Histograms:
    names, events = _axes(found), np.asarray(found.held.events.events, float)
    categories = tuple(column.categories for column in found.held.events.event_columns)
    categories = categories or ((),) * len(names)
    best = drawn[:MOST_LINES]
    panels = []
    for j in range(min(len(names), MOST_PANELS)):
        edges = bins(events[:, j], categories[j])
        kinds = {"events": events, **{one.name: one.arrays["samples"] for one in best}}
        densities = {
            name: density(np.asarray(x, float)[:, j], edges, None) for name, x in kinds.items()
        }
        panels.append(Histogram(names[j], edges, densities, categories[j]))
    few = f"; of {len(drawn)} families the best {len(best)}" if len(best) < len(drawn) else ""
    return Histograms(
        name="marginals",
        title="Single numbers",
        caption=f"Densities of the numbers of an event, each by itself{few}. A good family lies on "
        "the events.",
        panels=tuple(panels),
    )


def _areas(found: Comparison, drawn: list[Entrant]) -> Bars:
    return Bars(
        name="told-apart",
        title="How well samples are told from events",
        caption="Area under the ROC curve of a classifier, by cross-validation: ½ where it cannot "
        "tell them apart, 1 where it always can.",
        labels=tuple(one.name for one in drawn),
        values=np.array([one.value("AUC") for one in drawn], float),
        x_label="family",
        y_label="AUC",
    )


def _axes(found: Comparison) -> tuple[str, ...]:
    columns = found.held.events.event_columns
    count = found.held.events.shape[0]
    return tuple(map(axis, columns)) or tuple(f"x{j}" for j in range(count))
