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

from ansatz.data.dataset import Dataset
from ansatz.data.fingerprint import fingerprint
from ansatz.data.finite import check_finite, in_precision
from ansatz.data.read import unchecked
from ansatz.data.split import split
from ansatz.data.stored import Stored
from ansatz.protocol.capabilities import (
    Codec,
    CodeSampler,
    Completer,
    Posterior,
    Sampler,
    capabilities,
)
from ansatz.protocol.errors import DataError, OptionError, RunError, few
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.watch import Watch, unseen
from ansatz.runs import pipeline as through
from ansatz.runs.conditions import rows_given, rows_of
from ansatz.runs.pipeline import Pipeline, batch_of, over
from ansatz.runs.record import Record

EVENTS_AT_ONCE = 100


@dataclass(frozen=True, eq=False)
class Fitted:
    """Events and codes to and from a model, in the units of the data; a `Run` knows more."""

    record: Record = field(repr=False)
    pipeline: Pipeline = field(repr=False)
    history: list[dict[str, Any]] = field(repr=False)
    path: Path | None = None
    finished: bool = True
    outside: bool = field(default=False, kw_only=True)
    """Whether events are drawn by a sampler from outside, which nothing compiles."""

    @property
    def model(self) -> Any:
        """The model itself, on preprocessed events; dropout is off."""
        return self.pipeline.model

    @property
    def can(self) -> tuple[str, ...]:
        """The names of the model's capabilities."""
        return capabilities(type(self.model))

    def read(
        self,
        data: Any,
        *,
        holes: bool = False,
        wanted: Callable[[Dataset], np.ndarray] | None = None,
        watch: Watch = unseen,
    ) -> Dataset:
        """The data as this run reads them: its columns, its categories, its event shape.

        With `holes` NaN is a number that was not observed, if the model knows what to make of it,
        even if none was missing of the events that it was fitted to. Of a file larger than the
        buffer the events that are `wanted` next are kept as it is read, and `watch` sees it go by.
        """
        options = self.record.options
        if holes and isinstance(self.model, Completer):
            options = replace(options, missing="nan")
        dataset = unchecked(data, options)
        if wanted is not None and isinstance(dataset.events, Stored):
            dataset.events.keep(wanted(dataset))
        if dataset is not data:
            check_finite(dataset, settled=True, watch=watch)
        names = [column.name for column in dataset.event_columns]
        fitted = [column.name for column in self.record.event_columns]
        if names and fitted and names != fitted:
            raise DataError(
                f"{dataset.name} has other columns than the run was fitted to: it "
                f"{_differ(names, fitted)}."
            )
        if dataset.shape != self.record.spec.shape:
            raise DataError(
                f"{dataset.name} has events of shape {dataset.shape}; "
                f"the run was fitted to events of shape {self.record.spec.shape}."
            )
        return dataset

    def held_out(self, data: Any = None, *, watch: Watch = unseen) -> tuple[str, Dataset]:
        """The part of the fitted data that was held out for testing, or else for validation.

        Of a file larger than the buffer as many as it has room for, chosen at random.
        """
        dataset = self._as_fitted(data, lambda found: self._held_out(found)[1], watch)
        name, index = self._held_out(dataset)
        return name, dataset.take(index)

    def validation(self, data: Any = None) -> Dataset | None:
        """The part of the fitted data that models were compared on, if any was kept for that."""
        dataset = self._as_fitted(data)
        recipe = self.record.recipe
        _, index, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
        return dataset.take(index) if len(index) else None

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
        rows = rows_given(condition, n, self.record.condition_columns)
        key = stream(seed, Stream.USE)
        each = through.expect if mean else through.sample
        for start in range(0, n, batch):
            # Always whole batches, so that the last one needs no compilation of its own.
            places = jnp.arange(start, start + min(batch, n))
            some = None
            if rows is not None:
                some = self._numbers(rows[np.minimum(np.asarray(places), n - 1)])
            with jax.disable_jit(self.outside):
                events = np.asarray(over(each, self.pipeline, key, places, some))[: n - start]
            yield events if mean else self._as_raw(events)

    def as_learnt(self, data: Any, *, seed: int = 0) -> Array:
        """The events as the model takes them, preprocessed."""
        dataset = self.read(data)
        events = self._numbers(dataset.events[:], dataset.name)
        return batch_of(self.pipeline, stream(seed, Stream.USE), None, events).event

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
        rows = rows_of(dataset, self.record.condition_columns)
        given = None if rows is None else self._numbers(rows)
        key = jax.random.fold_in(stream(seed, Stream.USE), len(dataset))
        places = jnp.arange(len(dataset))
        return drawn, np.asarray(over(through.sample_code, self.pipeline, key, places, given))

    def decode(
        self, codes: np.ndarray, *, condition: Sequence[str] | np.ndarray | None = None
    ) -> np.ndarray:
        """The event expected for every code, in the units of the data."""
        self._need(Codec, "decode")
        rows = rows_given(condition, len(codes), self.record.condition_columns)
        some = None if rows is None else self._numbers(rows)
        places, items = jnp.arange(len(codes)), self._numbers(codes, "The code")
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

    def learnt_from(self, dataset: Dataset) -> bool:
        """Whether these are the data of the fit, some of which it has learnt."""
        return fingerprint(dataset) == self.record.fingerprint

    def _as_fitted(
        self,
        data: Any = None,
        wanted: Callable[[Dataset], np.ndarray] | None = None,
        watch: Watch = unseen,
    ) -> Dataset:
        """The data of the fit, found again or given again."""
        dataset = self.read(self.record.where(data), wanted=wanted, watch=watch)
        if not self.learnt_from(dataset):
            # The split of other events would put some that were learnt into the test.
            raise RunError(
                f"{dataset.name} has changed since the run was fitted to it, so nobody knows "
                "which of its events were held out. Put it back as it was, or name the data to "
                "judge the run on."
            )
        return dataset

    def _held_out(self, dataset: Dataset) -> tuple[str, np.ndarray]:
        """What is held out of the fitted data, and which of the events it is."""
        recipe, events = self.record.recipe, dataset.events
        most = events.buffer // events.event_bytes if isinstance(events, Stored) else len(events)
        train, validation, test = split(dataset, recipe.validation, recipe.test, recipe.seed)
        for name, index in [("test", test), ("validation", validation), ("training", train)]:
            if len(index):
                # The split is in random order.
                return (name if len(index) <= most else f"of {len(index):,} {name}"), index[:most]
        raise AssertionError("A split has training events.")

    @property
    def _dtype(self) -> str:
        return self.record.recipe.dtype

    def _numbers(self, values: np.ndarray, name: str = "The condition") -> Array:
        """In the precision of the model."""
        return jnp.asarray(in_precision(values, self._dtype, name))

    def _need(self, capability: type, verb: str) -> None:
        if not isinstance(self.model, capability):
            raise OptionError(
                f"The recipe {self.record.recipe.name!r} cannot {verb}; it can "
                f"{', '.join(self.can)}."
            )

    def _map(self, each: Callable[..., Array], data: Any, seed: int) -> Iterator[np.ndarray]:
        """`each` of (pipeline, event, condition, key), over all events, in equal batches."""
        dataset = self.read(data)
        rows = rows_of(dataset, self.record.condition_columns)
        key = stream(seed, Stream.USE)
        n = len(dataset)
        size = min(EVENTS_AT_ONCE, n)
        for start in range(0, n, size):
            places = np.minimum(np.arange(start, start + size), n - 1)
            events = self._numbers(dataset.events[places], dataset.name)
            some = None if rows is None else self._numbers(rows[places])
            yield np.asarray(over(each, self.pipeline, key, jnp.asarray(places), some, events))[
                : n - start
            ]

    def _as_raw(self, events: np.ndarray) -> np.ndarray:
        """Whole numbers in the type the data had, rounded and kept within its range."""
        dtype = np.dtype(self.record.event_dtype)
        if dtype.kind in "iub":
            limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            return np.clip(np.rint(events), *limits).astype(dtype)
        return events


def _differ(names: Sequence[str], fitted: Sequence[str]) -> str:
    """What columns have that those of the fit have not, and the other way round."""
    lacking = [name for name in fitted if name not in names]
    besides = [name for name in names if name not in fitted]
    ways = [f"lacks {few(lacking)}"] if lacking else []
    ways += [f"has {few(besides)} besides"] if besides else []
    return " and ".join(ways) or "has them in another order"
