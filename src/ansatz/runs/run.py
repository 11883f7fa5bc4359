"""A fitted model with all that stands between it and the data as they are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ansatz.data.conditions import parse_conditions, recode
from ansatz.data.dataset import Column, Dataset
from ansatz.data.fingerprint import fingerprint
from ansatz.data.labels import find_labels
from ansatz.data.read import read
from ansatz.data.split import split
from ansatz.protocol.capabilities import (
    Bound,
    Codec,
    CodeSampler,
    Completer,
    Delegating,
    Density,
    Evidence,
    Posterior,
    Sampler,
    Unnormalised,
    capabilities,
)
from ansatz.protocol.errors import DataError, OptionError, RunError
from ansatz.protocol.figures import Figure
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.measure import Measure
from ansatz.runs import pipeline as through
from ansatz.runs.look import look
from ansatz.runs.normalisers import Normalisers, find_normalisers, in_words, normalised
from ansatz.runs.pipeline import LogLikelihood, Pipeline, WeighedEvidence, batch_of, over
from ansatz.runs.record import Record

EVENTS_AT_ONCE = 100
EVENTS_TO_START = 4096
"""Events from whose means an estimate of log Z starts."""


@dataclass(frozen=True, eq=False)
class Run:
    """A fitted model to sample, to score and to encode with, in the units of the data.

    Wherever a method takes data, it takes what `ansatz.read` takes: a path, a name, an array,
    an (events, conditions) pair, or a `Dataset`.
    """

    record: Record = field(repr=False)
    pipeline: Pipeline = field(repr=False)
    history: list[dict[str, Any]] = field(repr=False)
    path: Path | None = None
    finished: bool = True
    known: Normalisers = field(default_factory=dict, repr=False)
    """log Z under the conditions met so far, of a model that knows its density but for that."""

    outside: bool = False
    """Whether events are drawn by a sampler from outside, which nothing compiles."""

    @property
    def model(self) -> Any:
        """The model itself, on preprocessed events; dropout is off."""
        return self.pipeline.model

    @property
    def can(self) -> tuple[str, ...]:
        """The names of the model's capabilities."""
        return capabilities(type(self.model))

    def read(self, data: Any, *, holes: bool = False) -> Dataset:
        """The data as this run reads them: its columns, its categories, its event shape.

        With `holes` NaN is a number that was not observed, if the model knows what to make of it,
        even if none was missing of the events that it was fitted to.
        """
        options = self.record.options
        if holes and isinstance(self.model, Completer):
            options = replace(options, missing="nan")
        dataset = read(data, options)
        if dataset.shape != self.record.spec.shape:
            raise DataError(
                f"{dataset.name} has events of shape {dataset.shape}; "
                f"the run was fitted to events of shape {self.record.spec.shape}."
            )
        names = [column.name for column in dataset.event_columns]
        fitted = [column.name for column in self.record.event_columns]
        if names and fitted and names != fitted:
            raise DataError(
                f"{dataset.name} has the columns {', '.join(names)}; "
                f"the run was fitted to {', '.join(fitted)}."
            )
        return dataset

    def held_out(self, data: Any = None) -> tuple[str, Dataset]:
        """The part of the fitted data that was held out for testing, or else for validation."""
        dataset = self._as_fitted(data)
        name, index = self._held_out(dataset)
        return name, dataset.take(index)

    def validation(self, data: Any = None) -> Dataset | None:
        """The part of the fitted data that models were compared on, if any was kept for that."""
        dataset = self._as_fitted(data)
        recipe = self.record.recipe
        _, index, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
        return dataset.take(index) if len(index) else None

    def _as_fitted(self, data: Any = None) -> Dataset:
        """The data of the fit, found again or given again."""
        source = self.record.source if data is None else data
        if source is None:
            raise OptionError("The run was fitted to an array in memory: give the data again.")
        dataset = self.read(source)
        if fingerprint(dataset) != self.record.fingerprint:
            # The split of other events would put some that were learnt into the test.
            raise RunError(
                f"{dataset.name} has changed since the run was fitted to it, so nobody knows "
                "which of its events were held out. Put it back as it was, or name the data to "
                "judge the run on."
            )
        return dataset

    def _held_out(self, dataset: Dataset) -> tuple[str, np.ndarray]:
        """The part of the fitted data that was held out, and which of the events it is."""
        recipe = self.record.recipe
        train, validation, test = split(dataset, recipe.validation, recipe.test, recipe.seed)
        for name, index in [("test", test), ("validation", validation), ("training", train)]:
            if len(index):
                return name, index
        raise AssertionError("A split has training events.")

    def sample(
        self,
        n: int,
        *,
        condition: Sequence[str] | np.ndarray | None = None,
        seed: int = 0,
        mean: bool = False,
    ) -> np.ndarray:
        """n events drawn from the model; with `mean`, what the decoder expects for n codes.

        A condition is words such as ["label=3"], the same for all events, or an array of n rows.
        """
        return np.concatenate(list(self.sample_batches(n, condition, seed=seed, mean=mean)))

    def sample_batches(
        self,
        n: int,
        condition: Sequence[str] | np.ndarray | None = None,
        *,
        seed: int = 0,
        mean: bool = False,
        batch: int = 1000,
    ) -> Iterator[np.ndarray]:
        """The same, a batch at a time; the draws do not depend on the batch."""
        self._need(CodeSampler if mean else Sampler, "sample codes" if mean else "sample")
        if n < 1:
            raise OptionError(f"The number of samples must be at least 1; it is {n}.")
        rows = self._condition_rows(condition, n)
        key = stream(seed, Stream.USE)
        each = through.expect if mean else through.sample
        for start in range(0, n, batch):
            # Always whole batches, so that the last one needs no compilation of its own.
            places = jnp.arange(start, start + min(batch, n))
            some = None
            if rows is not None:
                some = jnp.asarray(rows[np.minimum(np.asarray(places), n - 1)], self._dtype)
            with jax.disable_jit(self.outside):
                events = np.asarray(over(each, self.pipeline, key, places, some))[: n - start]
            yield events if mean else self._as_raw(events)

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
            raise OptionError(f"A {self.record.recipe.name} has neither a density nor a bound.")
        if samples < 1:
            raise OptionError(f"The number of samples must be at least 1; it is {samples}.")
        batches = self._map(LogLikelihood(samples), data, seed)
        if not isinstance(self.model, Unnormalised):
            return batches
        dataset = self.read(data)
        return normalised(
            batches, self.normalisers(dataset, seed=seed), self._dataset_rows(dataset)
        )

    def normalisers(self, data: Any, *, seed: int = 0) -> Normalisers:
        """log Z under every condition that these events have; found once and kept.

        Estimates start from independent numbers with the means of these events.
        """
        if not isinstance(self.model, Unnormalised):
            raise OptionError(f"A {self.record.recipe.name} needs no normaliser.")
        dataset = self.read(data)
        rows = self._dataset_rows(dataset)
        begin = self.as_learnt(dataset.take(np.arange(min(len(dataset), EVENTS_TO_START))))
        return find_normalisers(self.pipeline, self.known, rows, begin, seed)

    def as_learnt(self, data: Any, *, seed: int = 0) -> Array:
        """The events as the model takes them, preprocessed."""
        dataset = self.read(data)
        events = jnp.asarray(dataset.events[:], self._dtype)
        return batch_of(self.pipeline, stream(seed, Stream.USE), None, events).event

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
        rows = self._dataset_rows(dataset)
        key, key_model = jax.random.split(stream(seed, Stream.USE))
        some = None if rows is None else jnp.asarray(rows, self._dtype)
        batch = batch_of(self.pipeline, key, some, jnp.asarray(dataset.events, self._dtype))
        return self.record.recipe.diagnose(self.model, batch, key_model, refine=refine)

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
        if steps.binarises:
            return f"{kind}; probability of pixels binarised afresh"
        if steps.thresholds:
            return f"{kind}; probability of pixels cut at a threshold"
        if self.model.measure == "mixed":
            return f"{kind}; density in the units of the data, and probability where it has atoms"
        if self.model.measure == "probability" or steps.dequantises:
            return f"{kind}; probability"
        return f"{kind}; density in the units of the data"

    def encode(self, data: Any, *, seed: int = 0) -> np.ndarray:
        """The code of every event."""
        return np.concatenate(list(self.encode_batches(data, seed=seed)))

    def encode_batches(self, data: Any, *, seed: int = 0) -> Iterator[np.ndarray]:
        """The same, a batch at a time."""
        self._need(Codec, "encode")
        return self._map(through.encode, data, seed)

    def codes_and_prior(self, data: Any, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """A code drawn for every event, and one of the prior under the same condition."""
        self._need(CodeSampler, "sample codes")
        self._need(Posterior, "draw codes of an event")
        dataset = self.read(data)
        drawn = np.concatenate(list(self._map(through.draw_code, dataset, seed)))
        rows = self._dataset_rows(dataset)
        given = None if rows is None else jnp.asarray(rows, self._dtype)
        key = jax.random.fold_in(stream(seed, Stream.USE), len(dataset))
        places = jnp.arange(len(dataset))
        return drawn, np.asarray(over(through.sample_code, self.pipeline, key, places, given))

    def decode(
        self, codes: np.ndarray, *, condition: Sequence[str] | np.ndarray | None = None
    ) -> np.ndarray:
        """The event expected for every code, in the units of the data."""
        self._need(Codec, "decode")
        rows = self._condition_rows(condition, len(codes))
        some = None if rows is None else jnp.asarray(rows, self._dtype)
        places, items = jnp.arange(len(codes)), jnp.asarray(codes, self._dtype)
        # No key is used: a code decodes to one event only.
        key = stream(0, Stream.USE)
        return np.asarray(over(through.decode, self.pipeline, key, places, some, items))

    def reconstruct(
        self, data: Any, *, seed: int = 0, fill: bool = False, draw: bool = False
    ) -> np.ndarray:
        """Every event as its own code expects it; with `fill`, only where numbers are missing.

        A model that can complete events fills in what it expects given all that was observed,
        exactly; with `draw`, a draw from that distribution.
        """
        return np.concatenate(list(self.reconstruct_batches(data, seed=seed, fill=fill, draw=draw)))

    def reconstruct_batches(
        self, data: Any, *, seed: int = 0, fill: bool = False, draw: bool = False
    ) -> Iterator[np.ndarray]:
        """The same, a batch at a time."""
        self._need(Codec, "reconstruct")
        if draw:
            self._need(Completer, "draw what is missing")
            if not fill:
                raise OptionError("Only what is missing can be drawn: give --fill with --draw.")
        if not fill:
            return self._map(through.reconstruct, data, seed)
        dataset, pipeline = self.read(data, holes=True), self.pipeline
        if pipeline.preprocessing.fill is None and isinstance(self.model, Completer):
            pipeline = eqx.tree_at(
                lambda p: p.preprocessing,
                pipeline,
                replace(pipeline.preprocessing, fill=jnp.zeros(dataset.shape, self._dtype)),
            )
        each = through.draw_missing if draw else through.fill
        return replace(self, pipeline=pipeline)._map(each, dataset, seed)

    def figures(self, data: Any = None, *, events: int = 2000, seed: int = 0) -> tuple[Figure, ...]:
        """What is worth looking at, as arrays and labels, in the units of the data.

        It is drawn from so many `events` of the data, or of those held out from the fit, chosen
        at random. Labels found beside the events colour their codes.
        """
        if data is None:
            dataset = self._as_fitted()
            index = self._held_out(dataset)[1]
        else:
            dataset = self.read(data)
            index = np.arange(len(dataset))
        source = self.record.source if data is None else data
        labels = find_labels(dataset, source, self.record.options)
        generator = np.random.Generator(np.random.Philox(seed))
        chosen = generator.choice(index, min(events, len(index)), replace=False)
        dataset = dataset.take(chosen)
        rows = self._dataset_rows(dataset)
        return look(self, seed, dataset, rows, None if labels is None else labels.take(chosen))

    def figures_without_data(self, *, seed: int = 0) -> tuple[Figure, ...]:
        """Those of the figures that the model can give by itself."""
        return look(self, seed)

    @property
    def _dtype(self) -> str:
        return self.record.recipe.dtype

    def _need(self, capability: type, verb: str) -> None:
        if not isinstance(self.model, capability):
            raise OptionError(
                f"A {self.record.recipe.name} cannot {verb}; it can {', '.join(self.can)}."
            )

    def _map(self, each: Callable[..., Array], data: Any, seed: int) -> Iterator[np.ndarray]:
        """`each` of (pipeline, event, condition, key), over all events, in equal batches."""
        dataset = self.read(data)
        rows = self._dataset_rows(dataset)
        key = stream(seed, Stream.USE)
        n = len(dataset)
        size = min(EVENTS_AT_ONCE, n)
        for start in range(0, n, size):
            places = np.minimum(np.arange(start, start + size), n - 1)
            events = jnp.asarray(dataset.events[places], self._dtype)
            some = None if rows is None else jnp.asarray(rows[places], self._dtype)
            yield np.asarray(over(each, self.pipeline, key, jnp.asarray(places), some, events))[
                : n - start
            ]

    def _dataset_rows(self, dataset: Dataset) -> np.ndarray | None:
        """The conditions of a dataset, coded as the run codes them."""
        if not self.record.condition_columns:
            return None
        given = () if dataset.conditions is None else dataset.condition_columns
        rows = np.empty((len(dataset), 0)) if dataset.conditions is None else dataset.conditions
        return recode(rows, given, self.record.condition_columns)

    def _condition_rows(
        self, condition: Sequence[str] | np.ndarray | None, n: int
    ) -> np.ndarray | None:
        columns = self.record.condition_columns
        if not columns:
            if condition is not None and len(condition):
                raise OptionError("The run is not conditional: leave the condition out.")
            return None
        if isinstance(condition, np.ndarray):
            rows = condition.reshape(len(condition), -1)
            if rows.shape != (n, len(columns)):
                raise DataError(
                    f"The conditions have shape {rows.shape}; {n} events with "
                    f"{', '.join(c.name for c in columns)} need {(n, len(columns))}."
                )
            for values, column in zip(rows.T, columns, strict=True):
                _check_condition(values, column)
            return rows
        return np.tile(parse_conditions(columns, condition or ()), (n, 1))

    def _as_raw(self, events: np.ndarray) -> np.ndarray:
        """Whole numbers in the type the data had, rounded and kept within its range."""
        dtype = np.dtype(self.record.event_dtype)
        if dtype.kind in "iub":
            limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            return np.clip(np.rint(events), *limits).astype(dtype)
        return events


def _check_condition(values: np.ndarray, column: Column) -> None:
    """Refuse numbers that are not finite, and codes of no category."""
    if not np.isfinite(values).all():
        raise DataError(f"The conditions hold a value of {column.name!r} that is not finite.")
    codes = len(column.categories)
    if codes and not np.isin(values, np.arange(codes)).all():
        raise DataError(
            f"{column.name!r} is a category, given by its code from 0 to {codes - 1}; "
            "the conditions hold other values."
        )
