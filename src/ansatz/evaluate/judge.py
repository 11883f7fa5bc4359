"""The measures that a run's capabilities allow, on events it has not seen."""

from collections.abc import Iterator

import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.data.statistics import blocks
from ansatz.evaluate.classify import MOST, classify
from ansatz.evaluate.codes import code_measure
from ansatz.evaluate.estimate import weighted_mean
from ansatz.evaluate.samples import sample_measure, sample_measures
from ansatz.protocol.capabilities import (
    Bound,
    Codec,
    Density,
    Likelihood,
    Sampler,
    Unnormalised,
)
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Labels
from ansatz.protocol.measure import Measure
from ansatz.protocol.watch import Watch, unseen
from ansatz.runs.run import Run


def judge(
    run: Run,
    dataset: Dataset,
    *,
    samples: int,
    refine: int = 0,
    two_sample: bool = False,
    labels: Labels | None = None,
    seed: int = 0,
    watch: Watch = unseen,
) -> list[Measure]:
    """All measures that this model has: log-likelihood, bound, reconstruction, its family's own.

    A model that knows nothing of a likelihood is judged by its samples. With `refine` the
    posterior of every event is improved by so many steps, where there is one; with `two_sample` a
    classifier is trained to tell codes of events from those of the prior, or events from samples
    where there are no codes; and with `labels` of the events others are trained to tell these from
    codes.
    """
    measures = []
    blind = isinstance(run.model, Sampler) and not isinstance(run.model, Likelihood)
    if refine and not isinstance(run.model, Bound):
        raise OptionError(f"The recipe {run.record.recipe.name!r} has no posterior to refine.")
    if isinstance(run.model, Density | Unnormalised):
        values = _whole(watch(run.log_likelihood_batches(dataset, seed=seed), *_told(dataset, 1)))
        measures += _likelihood(run, "log-likelihood", values, dataset, 1)
    elif isinstance(run.model, Bound):
        tighter = run.evidence_batches(dataset, samples=samples, seed=seed)
        # The plain evidence lower bound comes along with a tighter one, to show the difference.
        batches = run.log_likelihood_batches(dataset, samples=1, seed=seed)
        values = _whole(watch(batches, *_told(dataset, 1)))
        measures += _likelihood(run, "bound (K = 1)", values, dataset, 1)
        if samples > 1:
            values = _whole(watch(tighter, *_told(dataset, samples)))
            measures += _evidence(run, values, dataset, samples)
    if isinstance(run.model, Unnormalised):
        measures += _normalisers(run, dataset, seed)
    if blind:
        measures += sample_measures(run, dataset, seed=seed, watch=watch)
    if isinstance(run.model, Codec):
        measures += _reconstruction(run, dataset, seed, watch)
    if two_sample:
        test = sample_measure if blind else code_measure
        measures.append(test(run, dataset, seed=seed, watch=watch))
    if labels is not None:
        measures += _classified(run, dataset, labels, seed, watch)
    return [*measures, *run.diagnose(dataset, refine=refine, seed=seed)]


def _classified(
    run: Run, dataset: Dataset, labels: Labels, seed: int, watch: Watch
) -> list[Measure]:
    generator = np.random.Generator(np.random.Philox(seed))
    chosen = generator.choice(len(dataset), min(MOST, len(dataset)), replace=False)
    batches = run.encode_batches(dataset.take(chosen), seed=seed)
    codes = _whole(watch(batches, len(chosen), "Encoding"))
    return classify(codes, labels.take(chosen), seed)


def _whole(batches: Iterator[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(batches))


def _told(dataset: Dataset, samples: int) -> tuple[int, str]:
    return len(dataset), f"Scoring with {samples} draws"


def _likelihood(
    run: Run, name: str, values: np.ndarray, dataset: Dataset, samples: int
) -> list[Measure]:
    what = run.log_likelihood_is(samples)
    mean, error = weighted_mean(values, dataset.weights)
    bits = 1 / (run.record.spec.size * np.log(2))
    return [
        Measure(name, mean, error, "nats per event", what),
        Measure(f"{name}, in bits", -mean * bits, error * bits, "bits per number", what),
    ]


def _evidence(run: Run, values: np.ndarray, dataset: Dataset, samples: int) -> list[Measure]:
    """The bound with many draws, what it may miss, and how many draws the weights are worth."""
    bound, corrected, effective = values.T
    mean, error = weighted_mean(corrected, dataset.weights)
    missed = weighted_mean(corrected - bound, dataset.weights).value
    worth, spread = weighted_mean(effective, dataset.weights)
    return [
        *_likelihood(run, f"bound (K = {samples})", bound, dataset, samples),
        Measure(
            "log-likelihood, corrected",
            mean,
            error,
            "nats per event",
            f"jackknife of the bound with K = {samples}, no bound itself; it lies {missed:.2g} "
            "above it: where that is not small, both need a larger K",
        ),
        Measure(
            "effective draws",
            worth,
            spread,
            f"of {samples}",
            "(sum w)^2 / sum w^2 of the importance weights w",
        ),
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
