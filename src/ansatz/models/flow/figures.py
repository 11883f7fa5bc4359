"""What is worth looking at in a flow."""

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array
from scipy import stats

from ansatz.distributions import Logistic, Normal
from ansatz.models.flow.model import Flow
from ansatz.protocol.capabilities import Condition
from ansatz.protocol.figures import Curve, Curves, Figure, Histogram, Histograms, Panel
from ansatz.protocol.subject import Subject

LEAST_BINS, MOST_BINS = 10, 50
MOST = 9
"""Numbers of the noise that are shown each by itself."""


@eqx.filter_jit
def _seen(model: Flow, key: Array, events: Array, condition: Array | None) -> tuple[Array, ...]:
    """The noise that events come from, log p of the events, and of as many samples."""

    def one(key: Array, event: Array, condition: Condition) -> tuple[Array, Array, Array]:
        p = model(condition)
        noise = event if model.extended else model.noise(event, condition)
        return noise, p.log_prob(event), p.sample_and_log_prob(key)[1]

    keys = jax.random.split(key, len(events))
    return jax.vmap(one)(keys, events, condition)


def figures(model: Flow, subject: Subject) -> tuple[Figure, ...]:
    """The noise that events come from beside what it should be, and how likely events are."""
    if subject.batch is None:
        return ()
    batch = subject.batch
    noise, events, samples = map(
        np.asarray, _seen(model, jax.random.key(0), batch.event, batch.condition)
    )
    found: list[Figure] = [_typical(events, samples)]
    if not model.extended and isinstance(model.base, Normal | Logistic):
        found.insert(0, _noise(model.base, noise.reshape(len(noise), -1)))
    return tuple(found)


def _noise(base: Normal | Logistic, noise: np.ndarray) -> Histograms:
    exact = stats.norm() if isinstance(base, Normal) else stats.logistic()
    edges = exact.ppf(1e-3) * np.linspace(1, -1, _bins(len(noise)) + 1)
    expected = np.diff(exact.cdf(edges)) / np.diff(edges)

    def panel(name: str, values: np.ndarray) -> Histogram:
        counts = np.histogram(values, edges)[0]
        density = counts / (values.size * np.diff(edges))
        return Histogram(name, edges, {"events": density, "base": expected})

    # Those first that are furthest from what they should be.
    by_distance = sorted(
        range(noise.shape[1]), key=lambda k: stats.kstest(noise[:, k], exact.cdf).statistic
    )[::-1][:MOST]
    panels = [panel("all numbers", noise.ravel())]
    if noise.shape[1] > 1:
        panels += [panel(f"z{k}", noise[:, k]) for k in by_distance]
    shown = "" if noise.shape[1] <= MOST else f"; {MOST} of them each by itself, worst first"
    return Histograms(
        name="noise",
        title="Events as noise",
        caption="Where the flow carries the events, number by number, and the density that their "
        f"noise should have{shown}. With a good model the two agree.",
        panels=tuple(panels),
    )


def _typical(events: np.ndarray, samples: np.ndarray) -> Curves:
    """Distributions of log p over events and over samples."""
    finite = [x[np.isfinite(x)] for x in (events, samples)]
    low, high = np.quantile(np.concatenate(finite), [0.005, 0.995])
    edges = np.linspace(low, max(high, low + 1e-6), _bins(len(events)) + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    curves = [
        Curve(label, middle, np.histogram(x, edges)[0] / (len(x) * np.diff(edges)))
        for label, x in zip(("data", "samples"), finite, strict=True)
    ]
    return Curves(
        name="typicality",
        title="How likely events are",
        caption="The distribution of log p over the events and over samples of the flow, as "
        "preprocessed. Events to the left of all samples are unlike what the flow knows; where "
        "they lie to the right, likelihood alone will not find what is unusual.",
        panels=(Panel("density", tuple(curves)),),
        x_label="log p, nats",
    )


def _bins(events: int) -> int:
    """As many as leave some events in each."""
    return int(np.clip(events**0.5, LEAST_BINS, MOST_BINS))
