"""The measures that a run's capabilities allow, on events it has not seen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.data.statistics import blocks
from ansatz.evaluate.estimate import weighted_mean
from ansatz.protocol.capabilities import Bound, Codec, Density, Unnormalised
from ansatz.runs.run import Run

Watch = Callable[[Iterator[np.ndarray], int, str], Iterator[np.ndarray]]
"""Passes on batches of so many events in all, and may show how far they are."""


def unseen(batches: Iterator[np.ndarray], total: int, what: str) -> Iterator[np.ndarray]:
    """Shows nothing."""
    return batches


@dataclass(frozen=True)
class Measure:
    """One number about a run: what it is called, its error, its unit, and what it is."""

    name: str
    value: float
    error: float
    unit: str
    what: str


def judge(
    run: Run, dataset: Dataset, *, samples: int, seed: int = 0, watch: Watch = unseen
) -> list[Measure]:
    """All measures that this model has: log-likelihood, bound, reconstruction."""
    measures = []
    if isinstance(run.model, Density | Bound | Unnormalised):
        # The plain evidence lower bound comes along with a tighter one, to show the difference.
        for k in sorted({1, samples}) if isinstance(run.model, Bound) else [samples]:
            batches = run.log_likelihood_batches(dataset, samples=k, seed=seed)
            values = list(watch(batches, len(dataset), f"Scoring with {k} draws"))
            measures += _likelihood(run, np.concatenate(values), dataset, k)
    if isinstance(run.model, Unnormalised):
        measures += _normalisers(run, dataset, seed)
    if isinstance(run.model, Codec):
        measures += _reconstruction(run, dataset, seed, watch)
    return measures


def _likelihood(run: Run, values: np.ndarray, dataset: Dataset, samples: int) -> list[Measure]:
    what = run.log_likelihood_is(samples)
    bound = isinstance(run.model, Bound)
    name = f"bound (K = {samples})" if bound else "log-likelihood"
    mean, error = weighted_mean(values, dataset.weights)
    bits = 1 / (run.record.spec.size * np.log(2))
    return [
        Measure(name, mean, error, "nats per event", what),
        Measure(f"{name}, in bits", -mean * bits, error * bits, "bits per number", what),
    ]


def _normalisers(run: Run, dataset: Dataset, seed: int) -> list[Measure]:
    """log Z from either side; under several conditions the widest gap alone."""
    found = list(run.normalisers(dataset, seed=seed).values())
    if all(each.error == 0 for each in found):
        return [Measure("log Z", found[0].value, 0.0, "nats", "exact")] if len(found) == 1 else []
    widest = max(found, key=lambda each: abs(each.high - each.low))
    gap = Measure(
        "gap",
        widest.high - widest.low,
        2**0.5 * widest.error,
        "nats",
        "between both estimates of log Z: as far the log-likelihood may be off",
    )
    if len(found) > 1:
        return [gap]
    return [
        Measure("log Z, forward", widest.low, widest.error, "nats", "errs downwards"),
        Measure("log Z, in reverse", widest.high, widest.error, "nats", "errs upwards"),
        gap,
    ]


def _reconstruction(run: Run, dataset: Dataset, seed: int, watch: Watch) -> list[Measure]:
    centre = _centre(dataset)
    own, whole = np.empty(len(dataset)), np.empty(len(dataset))
    start = 0
    batches = run.reconstruct_batches(dataset, seed=seed)
    for again in watch(batches, len(dataset), "Reconstructing"):
        span = slice(start, start + len(again))
        events = np.asarray(dataset.events[span], np.float64)
        own[span] = _mean_square(events - again)
        whole[span] = _mean_square(events - centre)
        start = span.stop
    squared = weighted_mean(own, dataset.weights)
    spread = weighted_mean(whole, dataset.weights)
    root = squared.value**0.5
    measures = [
        Measure(
            "reconstruction error",
            root,
            squared.error / (2 * root) if root > 0 else 0.0,
            "units of the data",
            "root mean square over events and their numbers",
        )
    ]
    if spread.value > 0:
        measures.append(
            Measure(
                "variance explained",
                1 - squared.value / spread.value,
                squared.error / spread.value,
                "",
                "1 - squared error / variance of these events",
            )
        )
    return measures


def _centre(dataset: Dataset) -> np.ndarray:
    """The weighted mean of every coordinate, over the events that have a number there."""
    total = count = np.zeros(dataset.shape)
    weights = np.ones(len(dataset)) if dataset.weights is None else dataset.weights
    start = 0
    for block in blocks(dataset.events):
        w = weights[start : start + len(block)].reshape(-1, *(1,) * len(dataset.shape))
        total = total + np.nansum(w * block, 0)
        count = count + np.sum(w * ~np.isnan(block), 0)
        start += len(block)
    return total / np.where(count == 0, 1, count)


def _mean_square(difference: np.ndarray) -> np.ndarray:
    """The mean square of each event's known numbers."""
    return np.nanmean(difference.reshape(len(difference), -1) ** 2, 1)
