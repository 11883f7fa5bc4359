"""What is worth looking at in a mixture: its components, whose events are whose, its bound."""

from collections.abc import Sequence
from itertools import combinations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.models.mixture.kmeans import KMeans
from ansatz.models.mixture.model import Mixture
from ansatz.protocol.figures import (
    Bars,
    Cloud,
    Curve,
    Curves,
    Ellipses,
    Figure,
    ImageGrid,
    Labels,
    Panel,
    Plane,
    Scatter,
    as_images,
    is_image,
)
from ansatz.protocol.source import Batch, Masked
from ansatz.protocol.subject import Subject

LEAST = 1e-3
"""Weight of a component that is shown."""
DEVIATIONS = (1.0, 2.0)
CORNERS = 60
MOST_PAIRED = 4
ACROSS = 10
MOST_CURVES = 6


def figures(model: Mixture, subject: Subject) -> tuple[Figure, ...]:
    """The components with their weights, whose events are whose, and how the bound rose."""
    weights = np.asarray(model.weights)
    shown = np.flatnonzero(weights >= min(LEAST, weights.max()))
    chances = None if subject.batch is None else np.asarray(_codes(model, subject.batch))
    found: list[Figure] = [_weights(weights, chances)]
    means = np.asarray(model.components.mean)[shown]
    if subject.axes and len(subject.axes) > 1:
        found.append(
            _ellipses(subject, means, shown, chances, np.asarray(model.components.covariance()))
        )
        if len(subject.axes) == 2 and subject.batch is not None and chances is not None:
            found.append(_certainty(subject, subject.batch, chances))
    else:
        found += _means(subject, means, [f"{k + 1}  {weights[k]:.1%}" for k in shown])
    bound = _bound(subject)
    return (*found, *bound)


def kmeans_figures(model: KMeans, subject: Subject) -> tuple[Figure, ...]:
    """The centres, whose events are whose, and how many each has."""
    shares, centres = np.asarray(model.shares), np.asarray(model.centres)
    every = np.arange(len(centres))
    bars = Bars(
        name="shares",
        title="How many events each centre has",
        caption="The fraction of the events learnt from that are nearest to each centre.",
        labels=tuple(f"{k + 1}" for k in every),
        values=shares,
        x_label="centre",
        y_label="fraction of the events",
    )
    if subject.axes and len(subject.axes) > 1:
        chances = None if subject.batch is None else np.asarray(_codes(model, subject.batch))
        return bars, _ellipses(subject, centres, every, chances)
    return bars, *_means(subject, centres, [f"{k + 1}  {shares[k]:.1%}" for k in every])


@eqx.filter_jit
def _codes(model: Mixture | KMeans, batch: Batch) -> Float[Array, "n K"]:
    return jax.vmap(model.encode)(batch.event)


def _weights(weights: np.ndarray, chances: np.ndarray | None) -> Bars:
    told = "The probability of each component"
    line = None
    if chances is not None:
        own = np.argmax(chances, 1)
        line = np.array(
            [
                chances[own == k, k].mean() if (own == k).any() else np.nan
                for k in range(len(weights))
            ]
        )
        told += (
            ", and how surely an event that most probably is of a component is of it, on average: "
            "near one a component stands apart from all others"
        )
    few = int(np.sum(weights < LEAST))
    if few:
        told += f". {few} of {len(weights)} have next to no events"
    return Bars(
        name="weights",
        title="Weights of the components",
        caption=f"{told}.",
        labels=tuple(f"{k + 1}" for k in range(len(weights))),
        values=weights,
        x_label="component",
        y_label="weight",
        line=line,
        line_label="" if line is None else "mean responsibility for its own events",
    )


def _ellipses(
    subject: Subject,
    means: np.ndarray,
    shown: np.ndarray,
    chances: np.ndarray | None,
    covariance: np.ndarray | None = None,
) -> Ellipses:
    """Centres with outlines of some deviations, in the units of the data."""
    count = min(len(subject.axes), MOST_PAIRED)
    points, groups = np.empty((0, len(subject.axes))), np.empty(0, int)
    if subject.batch is not None and chances is not None:
        points = _raw_events(subject, subject.batch)
        groups = np.argmax(chances[:, shown], 1)
    planes = []
    for i, j in combinations(range(count), 2):
        outlines = np.empty((len(means), 0, CORNERS, 2))
        if covariance is not None:
            pair = covariance[shown][:, [[i], [j]], [[i, j]]]
            outlines = np.stack(
                [_raw_plane(subject, means, i, j, outline(pair, d)) for d in DEVIATIONS], 1
            )
        centres = _raw_plane(subject, means, i, j, np.zeros((len(means), 1, 2)))[:, 0]
        names = subject.axes[i], subject.axes[j]
        planes.append(Plane(*names, points[:, [i, j]], centres, outlines))
    named = "component" if covariance is not None else "centre"
    told = f"Events, coloured by the {named} that they most probably belong to"
    if covariance is None:
        told = "Events, coloured by the centre that is nearest"
    else:
        told += ", and the outlines of one and of two deviations of each"
    if len(subject.axes) > count:
        told += f"; the planes of the first {count} of {len(subject.axes)} numbers"
    return Ellipses(
        name="components" if covariance is not None else "centres",
        title="Components" if covariance is not None else "Centres",
        caption=f"{told}. Good ones lie where events are dense.",
        names=tuple(f"{k + 1}" for k in shown),
        groups=groups,
        planes=tuple(planes),
    )


def outline(covariance: np.ndarray, deviations: float) -> np.ndarray:
    """The points x with x^T C^-1 x = deviations^2 for each 2 x 2 matrix C, (matrices, corners, 2)."""
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))[:, None]
    return deviations * (root @ circle).swapaxes(1, 2)


def _raw_plane(
    subject: Subject, means: np.ndarray, i: int, j: int, moves: np.ndarray
) -> np.ndarray:
    """The means moved in the plane of two numbers, (means, moves, 2), in the units of the data."""
    events = np.repeat(means[:, None], moves.shape[1], 1)
    events[..., [i, j]] += moves
    flat = jnp.asarray(events.reshape(-1, means.shape[1]))
    raw = np.asarray(jax.vmap(subject.raw)(flat))
    return raw[:, [i, j]].reshape(moves.shape)


def _raw_events(subject: Subject, batch: Batch) -> np.ndarray:
    return np.asarray(jax.vmap(subject.raw)(batch.event)).reshape(len(batch.weight), -1)


def _certainty(subject: Subject, batch: Batch, chances: np.ndarray) -> Scatter:
    points = _raw_events(subject, batch)
    if isinstance(batch.event, Masked):
        points = np.where(np.asarray(batch.event.observed), points, np.nan)
    return Scatter(
        name="responsibilities",
        title="Whose events are whose",
        caption="The largest of an event's responsibilities, the probability that it belongs to "
        "its own component: it is small along the borders between components that overlap.",
        clouds=(Cloud("events", points, Labels("largest responsibility", chances.max(1))),),
        x_label=subject.axes[0],
        y_label=subject.axes[1],
    )


def _means(subject: Subject, means: np.ndarray, labels: Sequence[str]) -> list[Figure]:
    shape, name, title = subject.shape, "components", "What the components expect"
    if len(shape) > 1 and not is_image(shape):
        return []
    events = np.asarray(jax.vmap(subject.raw)(jnp.asarray(means.reshape(-1, *shape))))
    if is_image(shape):
        images = as_images(events, shape)
        across = min(ACROSS, len(images))
        down = -(-len(images) // across)
        empty = np.full((across * down - len(images), *images.shape[1:]), np.nan)
        images = np.concatenate([images, empty]).reshape(down, across, *images.shape[1:])
        return [
            ImageGrid(
                name=name,
                title=title,
                caption="The mean event of every component that has a weight, in their order.",
                images=images,
            )
        ]
    if len(shape) != 1 or shape[0] < 2:
        return []
    place = np.arange(shape[0])
    return [
        Curves(
            name=name,
            title=title,
            caption="The mean event of the components, number by number.",
            panels=tuple(
                Panel(label, (Curve("mean", place, event),))
                for label, event in list(zip(labels, events, strict=True))[:MOST_CURVES]
            ),
            x_label="place",
        )
    ]


def _bound(subject: Subject) -> list[Figure]:
    """The bound after every half-step, as far as the history tells."""
    rows = [row for row in subject.history if "bound" in row]
    if len(rows) < 2:
        return []
    top = "log_prob" if "log_prob" in rows[0] else "elbo"
    epoch = np.array([row["epoch"] for row in rows], float)
    touching, before = (np.array([row[name] for row in rows]) for name in (top, "bound"))
    # The maximisation at the end of an epoch gives the bound that the next one finds.
    steps = np.stack([epoch - 0.5, epoch], 1).ravel()[:-1]
    values = np.stack([touching, np.append(before[1:], np.nan)], 1).ravel()[:-1]
    gap = np.maximum(touching - before, 0)[1:]
    what = "log p(x)" if top == "log_prob" else "evidence lower bound"
    return [
        Curves(
            name="bound",
            title="The bound, half-step by half-step",
            caption=f"Above, the {what} for each event: an expectation (at halves) makes the bound "
            "touch it, a maximisation (at whole epochs) raises the bound, and neither ever lowers "
            "it. Beside it how far each expectation raised it, KL(q || p(z | x)): it falls to zero "
            "as learning comes to rest.",
            panels=(
                Panel("bound, nats for each event", (Curve("bound", steps, values),)),
                Panel(
                    "KL(q ‖ p(z | x)), nats for each event",
                    (Curve("gap", epoch[1:], np.where(gap > 0, gap, np.nan)),),
                    log=bool((gap > 0).any()),
                ),
            ),
            x_label="epoch",
        )
    ]
