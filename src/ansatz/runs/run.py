"""A fit: its model on data as they are, what it says of them, and what there is to see."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.data.labels import find_labels
from ansatz.protocol.capabilities import Bound, Delegating, Density, Evidence, Unnormalised
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure, Labels
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.measure import Measure
from ansatz.protocol.watch import Watch, unseen
from ansatz.runs.conditions import rows_of
from ansatz.runs.fitted import Fitted
from ansatz.runs.look import look
from ansatz.runs.normalisers import Normalisers, find_normalisers, in_words, normalised
from ansatz.runs.pipeline import LogLikelihood, WeighedEvidence, batch_of

DENSITY = "density in the units of the data"
EVENTS_TO_START = 4096
"""Events from whose means an estimate of log Z starts."""


@dataclass(frozen=True, eq=False)
class Run(Fitted):
    """A fitted model to sample, to score and to encode with, in the units of the data.

    Wherever a method takes data, it takes what `ansatz.read` takes: a path, a name, an array,
    an (events, conditions) pair, or a `Dataset`.
    """

    known: Normalisers = field(default_factory=dict, repr=False)
    """log Z under the conditions met so far, of a model that knows its density but for that."""

    def drawn_by(self, sampler: Any) -> "Run":
        """The same run, its events drawn by a sampler from outside, such as a `Device`."""
        self._need(Delegating, "be sampled by another sampler")
        model = self.model.drawn_by(sampler)
        pipeline = eqx.tree_at(lambda p: p.model, self.pipeline, model)
        return replace(self, pipeline=pipeline, outside=True)

    def log_likelihood(self, data: Any, *, samples: int = 100, seed: int = 0) -> np.ndarray:
        """log p of every event in nats: exact where the model knows it, else a lower bound.

        The bound takes the best of `samples` draws of the code, in the importance-weighted
        sense; `log_likelihood_is` says in words what the numbers are.
        """
        return np.concatenate(list(self.log_likelihood_batches(data, samples=samples, seed=seed)))

    def log_likelihood_batches(
        self, data: Any, *, samples: int = 100, seed: int = 0
    ) -> Iterator[np.ndarray]:
        """The same, a batch at a time."""
        if not isinstance(self.model, Density | Bound | Unnormalised):
            raise OptionError(
                f"The recipe {self.record.recipe.name!r} has neither a density nor a bound."
            )
        if samples < 1:
            raise OptionError(f"The number of samples must be at least 1; it is {samples}.")
        batches = self._map(LogLikelihood(samples), data, seed)
        if not isinstance(self.model, Unnormalised):
            return batches
        dataset = self.read(data)
        return normalised(
            batches,
            self.normalisers(dataset, seed=seed),
            rows_of(dataset, self.record.condition_columns),
        )

    def log_likelihood_is(self, samples: int = 100) -> str:
        """What the numbers of `log_likelihood` are, and of what."""
        steps = self.pipeline.preprocessing
        if isinstance(self.model, Unnormalised):
            kind = in_words(self.known)
        elif isinstance(self.model, Density):
            kind = "lower bound (one dequantisation)" if steps.dequantises else "exact"
        elif samples == 1:
            kind = "evidence lower bound"
        else:
            kind = f"importance-weighted lower bound, K = {samples}"
        kind += self.record.recipe.caveat(self.model)
        return f"{kind}; {self.log_likelihood_of}"

    @property
    def log_likelihood_of(self) -> str:
        """What the numbers of `log_likelihood` are logarithms of: only the same can be compared."""
        steps = self.pipeline.preprocessing
        if steps.binarises:
            return "probability of pixels binarised afresh"
        if steps.thresholds:
            return "probability of pixels cut at a threshold"
        if self.model.measure == "mixed":
            return "density in the units of the data, and probability where it has atoms"
        if self.model.measure == "probability" or steps.dequantises:
            return "probability"
        return DENSITY

    def normalisers(self, data: Any, *, seed: int = 0) -> Normalisers:
        """log Z under every condition that these events have; found once and kept.

        Estimates start from independent numbers with the means of these events.
        """
        if not isinstance(self.model, Unnormalised):
            raise OptionError(f"The recipe {self.record.recipe.name!r} needs no normaliser.")
        dataset = self.read(data)
        rows = rows_of(dataset, self.record.condition_columns)
        begin = self.as_learnt(dataset.take(np.arange(min(len(dataset), EVENTS_TO_START))))
        return find_normalisers(self.record.recipe, self.pipeline, self.known, rows, begin, seed)

    def evidence(self, data: Any, *, samples: int = 100, seed: int = 0) -> Evidence:
        """For every event the bound of `samples` draws, the same corrected for what it misses on
        average, and how many draws from the posterior they are worth."""
        values = np.concatenate(list(self.evidence_batches(data, samples=samples, seed=seed)))
        return Evidence(*map(jnp.asarray, values.T))

    def evidence_batches(
        self, data: Any, *, samples: int = 100, seed: int = 0
    ) -> Iterator[np.ndarray]:
        """The same, a batch at a time, side by side in three columns."""
        self._need(Bound, "weigh draws of a code")
        if samples < 1:
            raise OptionError(f"The number of samples must be at least 1; it is {samples}.")
        return self._map(WeighedEvidence(samples), data, seed)

    def diagnose(
        self, data: Any = None, *, events: int = 1000, refine: int = 0, seed: int = 0
    ) -> tuple[Measure, ...]:
        """What only the model's family knows to measure, on so many events at most.

        They are chosen at random from the data, or from those held out from the fit. Where the
        model has a posterior, `refine` steps improve it event by event, to see what it misses.
        """
        if refine < 0:
            raise OptionError(f"The number of steps must not be negative; it is {refine}.")
        dataset = self.held_out()[1] if data is None else self.read(data)
        generator = np.random.Generator(np.random.Philox(seed))
        chosen = generator.choice(len(dataset), min(events, len(dataset)), replace=False)
        dataset = dataset.take(chosen)
        rows = rows_of(dataset, self.record.condition_columns)
        key, key_model = jax.random.split(stream(seed, Stream.USE))
        some = None if rows is None else self._numbers(rows)
        batch = batch_of(self.pipeline, key, some, self._numbers(dataset.events[:], dataset.name))
        return self.record.recipe.diagnose(self.model, batch, key_model, refine=refine)

    def course(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The epochs, and a number of the history after each of them."""
        epochs, values = (
            np.array([row[n] for row in self.history], float) for n in ("epoch", name)
        )
        return epochs, values

    def figures(
        self, data: Any = None, *, events: int = 2000, seed: int = 0, watch: Watch = unseen
    ) -> tuple[Figure, ...]:
        """What is worth looking at, as arrays and labels, in the units of the data.

        It is drawn from so many `events` of the data, or of those held out from the fit, chosen
        at random. Labels found beside the events colour their codes.
        """

        def some(found: Dataset) -> np.ndarray:
            index = self._held_out(found)[1] if data is None else np.arange(len(found))
            generator = np.random.Generator(np.random.Philox(seed))
            return generator.choice(index, min(events, len(index)), replace=False)

        if data is None:
            dataset = self._as_fitted(None, some, watch)
        else:
            dataset = self.read(data, wanted=some, watch=watch)
        labels, chosen = self._labels(dataset, data), some(dataset)
        dataset = dataset.take(chosen)
        rows = rows_of(dataset, self.record.condition_columns)
        return look(self, seed, dataset, rows, None if labels is None else labels.take(chosen))

    def labels(self, data: Any = None) -> Labels | None:
        """Labels that stand beside the data, or beside the events held out from the fit, if any."""
        dataset = self._as_fitted() if data is None else self.read(data)
        found = self._labels(dataset, data)
        if found is None or not self.learnt_from(dataset):
            return found
        return found.take(self._held_out(dataset)[1])

    def _labels(self, dataset: Dataset, data: Any = None) -> Labels | None:
        source = self.record.source if data is None else data
        return find_labels(dataset, source, self.record.options)

    def figures_without_data(self, *, seed: int = 0) -> tuple[Figure, ...]:
        """Those of the figures that the model can give by itself."""
        return look(self, seed)
