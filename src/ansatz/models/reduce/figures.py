"""What is worth looking at in a principal component analysis."""

import numpy as np

from ansatz.models.reduce.pca import PCA
from ansatz.protocol.figures import (
    Bars,
    Curve,
    Curves,
    Figure,
    ImageGrid,
    Matrix,
    Panel,
    as_images,
    is_image,
)
from ansatz.protocol.subject import Subject

MOST_ROWS = 3
MOST_COMPONENTS = 16
MOST_COLUMNS = 40
MOST_CURVES = 6


def figures(model: PCA, subject: Subject) -> tuple[Figure, ...]:
    """How much variance the components explain, and the components themselves."""
    explained = np.asarray(model.explained())
    scree = Bars(
        name="variance",
        title="Variance explained",
        caption="The fraction of all variance along each component, and that along all so far: "
        f"{len(explained)} components keep {explained.sum():.1%}; where bars level out, noise "
        "begins.",
        labels=tuple(f"{i + 1}" for i in range(len(explained))),
        values=explained,
        x_label="component",
        y_label="fraction of the variance",
        line=np.cumsum(explained),
        line_label="all so far",
    )
    return (scree, *_components(model, subject))


def _components(model: PCA, subject: Subject) -> list[Figure]:
    components = np.asarray(model.components)
    count = len(components)
    name, title = "components", "Components"
    if is_image(model.shape):
        images = as_images(components.reshape(-1, *model.shape), model.shape)
        across, down = _whole_rows(count)
        firsts = range(0, across * down, across)
        return [
            ImageGrid(
                name=name,
                title=title,
                caption="The directions in which events vary most, largest variance first: a "
                "code says how much of each to add to the mean event.",
                images=images[: across * down].reshape(down, across, *images.shape[1:]),
                row_labels=tuple(f"{first + 1} to {first + across}" for first in firsts),
                signed=True,
            )
        ]
    if len(model.shape) > 1:
        return []
    if subject.axes:
        shown, all_of = components[:MOST_COMPONENTS], len(subject.axes)
        # The names of more would lie on top of each other.
        largest = np.sort(np.argsort(-np.abs(shown).max(0), kind="stable")[:MOST_COLUMNS])
        some = f" {len(largest)} of {all_of} numbers, those with the largest shares."
        return [
            Matrix(
                name=name,
                title=title,
                caption="The share of each number of an event (columns) in each direction of "
                "large variance (rows), as preprocessed: a row has length one."
                f"{some if len(largest) < all_of else ''}",
                values=shown[:, largest],
                row_labels=tuple(f"{i + 1}" for i in range(len(shown))),
                column_labels=tuple(subject.axes[i] for i in largest),
            )
        ]
    place = np.arange(components.shape[1])
    return [
        Curves(
            name=name,
            title=title,
            caption="The directions in which events vary most, number by number of an event: a "
            "code says how much of each to add to the mean event.",
            panels=tuple(
                Panel(f"component {i + 1}", (Curve("component", place, component),))
                for i, component in enumerate(components[:MOST_CURVES])
            ),
            x_label="place",
        )
    ]


def _whole_rows(count: int) -> tuple[int, int]:
    """Across and down: a grid without holes that shows as many of `count` as it can."""
    if count < 5:
        return count, 1
    across = max(range(5, 11), key=lambda a: (a * min(MOST_ROWS, count // a), a))
    return across, min(MOST_ROWS, count // across)
