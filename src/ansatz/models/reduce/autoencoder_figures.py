"""What is worth looking at in an autoencoder."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ansatz.models.reduce.autoencoder import Autoencoder
from ansatz.models.reduce.contraction import Contraction, contraction
from ansatz.models.reduce.jacobian import jacobian
from ansatz.protocol.figures import (
    Curve,
    Curves,
    Figure,
    Histogram,
    Histograms,
    ImageGrid,
    Panel,
    as_images,
    is_image,
)
from ansatz.protocol.subject import Subject

QUANTILES = {"a tenth is below": 0.1, "median": 0.5, "a tenth is above": 0.9}
TANGENTS = 8
"""Directions that are shown of an event."""
ROWS = 4
"""Events of which they are shown."""
BINS = 40


def figures(model: Autoencoder, subject: Subject) -> tuple[Figure, ...]:
    """The Jacobian's singular values along the data, the directions they belong to, and how
    saturated codes are."""
    if subject.batch is None:
        return ()
    found = contraction(model, subject.batch)
    shown: list[Figure] = [spectrum({"encoder": found})]
    if is_image(subject.shape):
        shown.append(_tangents(model, subject))
    if model.code == "sigmoid":
        shown.append(_saturation(found))
    return tuple(shown)


def spectrum(found: dict[str, Contraction]) -> Curves:
    """The singular values at the events, by their rank: of one model the spread over events, of
    several their medians."""
    panels = []
    alone = len(found) == 1
    for label, one in found.items():
        rank = np.arange(1, one.singular.shape[1] + 1)
        quantiles = QUANTILES if alone else {label: 0.5}
        curves = [
            Curve(name, rank, np.quantile(one.singular, q, axis=0)) for name, q in quantiles.items()
        ]
        panels.append(curves)
    told = "" if alone else " (medians over events)"
    return Curves(
        name="spectrum",
        title="Singular values of the encoder's Jacobian",
        caption="How far a code moves when an event does, in the direction that matters most, in "
        f"the next, and so on{told}. Where they fall steeply, codes heed a few directions at every "
        "event and let the others go.",
        panels=(
            Panel("singular value", tuple(curve for curves in panels for curve in curves), True),
        ),
        x_label="rank",
    )


@eqx.filter_jit
def _directions(model: Autoencoder, events: Array, conditions: Array | None) -> Array:
    def one(event: Array, condition: Array | None) -> Array:
        down = jacobian(lambda x: model.encode(x, condition), event)
        return jnp.linalg.svd(down, full_matrices=False)[2][:TANGENTS]

    return jax.vmap(one)(events, conditions)


def _tangents(model: Autoencoder, subject: Subject) -> ImageGrid:
    assert subject.batch is not None
    events = subject.batch.event[:ROWS]
    conditions = None if subject.batch.condition is None else subject.batch.condition[:ROWS]
    directions = np.asarray(_directions(model, events, conditions))
    # Each on the scale of its own: a direction has no sign and no length.
    directions = directions / np.abs(directions).max(axis=2, keepdims=True)
    rows, count, _ = directions.shape
    own = np.asarray(events).reshape(rows, 1, -1)
    own = own / np.maximum(np.abs(own).max(axis=2, keepdims=True), 1e-12)
    images = as_images(
        np.concatenate([own, directions], 1).reshape(-1, *subject.shape), subject.shape
    )
    return ImageGrid(
        name="tangents",
        title="What codes heed",
        caption="An event, and the directions in which it must change for its code to change most: "
        "right singular vectors of the encoder's Jacobian, as preprocessed and each on a scale of "
        "its own. Good ones look like what happens to events: strokes that move, lengthen, turn.",
        images=images.reshape(rows, count + 1, *images.shape[1:]),
        column_labels=("event", *(f"{i + 1}" for i in range(count))),
        signed=True,
    )


def _saturation(found: Contraction) -> Histograms:
    edges = np.linspace(0, 1, BINS + 1)
    density, _ = np.histogram(found.codes.ravel(), edges, density=True)
    return Histograms(
        name="saturation",
        title="Numbers of the codes",
        caption="All numbers of all codes: those at either end are saturated, where the slope is "
        f"nearly zero and the code heeds nothing; {found.saturated:.0%} are within 0.05 of an end, "
        f"and the mean is {found.codes.mean():.2g}.",
        panels=(Histogram("z", edges, {"codes": density}),),
    )
