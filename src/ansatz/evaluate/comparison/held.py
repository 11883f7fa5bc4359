"""What all are judged on: events that none has learnt from, seen alike."""

from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from ansatz.data.conditions import fit_conditions
from ansatz.data.dataset import Dataset
from ansatz.data.fingerprint import fingerprint
from ansatz.data.preprocessing import fit_preprocessing
from ansatz.data.split import split
from ansatz.data.statistics import survey
from ansatz.evaluate.comparison.enter import alike
from ansatz.protocol.capabilities import Likelihood
from ansatz.protocol.errors import DataError, OptionError
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.recipe import Spec
from ansatz.runs.conditions import rows_of
from ansatz.runs.pipeline import Pipeline, batch_of
from ansatz.runs.run import DENSITY, Run

LEAST = 20
"""Events that any judgement needs."""
MOST_LEARNT = 10_000
"""Of the events learnt, so many are looked at for copies."""


@dataclass(frozen=True, kw_only=True)
class Judging:
    """How all are judged."""

    validation: float = 0.1
    """Fraction of the events kept to validate on, where the data do not say."""
    test: float = 0.2
    """Fraction of the events kept to judge by, where the data do not say."""
    preprocess: tuple[str, ...] = ()
    """Steps between the data and all models, as for a fit; chosen by the data if not given, and
    with 'auto' by each recipe for itself."""
    samples: int = 100
    """Draws of the code for each event, where only a bound is known."""
    most: int = 2000
    """Events held out that are looked at."""
    seed: int = 0
    """Decides the split, the fits and the draws."""

    def __post_init__(self) -> None:
        for name, least in (("samples", 1), ("most", LEAST)):
            if getattr(self, name) < least:
                raise OptionError(f"{name} must be at least {least}; it is {getattr(self, name)}.")


@dataclass(frozen=True, eq=False)
class Held:
    """Events held out, events learnt from, and the eyes with which both are seen."""

    events: Dataset
    learnt: Dataset | None
    """Some of those learnt from, where it is known which they are."""
    part: str
    """Where the first come from, in words."""
    view: Pipeline
    """What makes rows of numbers of them, all alike."""
    preprocess: tuple[str, ...]
    kind: str
    """What the numbers of an event are."""
    suspects: Dataset | None = None

    def with_suspects(self, suspects: Dataset) -> "Held":
        """The same, with events that are none of their kind."""
        if suspects.shape != self.events.shape:
            raise DataError(
                f"{suspects.name} has events of shape {suspects.shape}, and {self.events.name} of "
                f"{self.events.shape}."
            )
        return replace(self, suspects=suspects)

    @property
    def odd(self) -> Dataset:
        """Events that are none: the suspects, or else those held out with their numbers mixed.

        Each number then comes from another event, so that all have the values they had, and only
        what binds them together is gone.
        """
        if self.suspects is not None:
            return self.suspects
        generator = np.random.Generator(np.random.Philox(0))
        events = np.asarray(self.events.events)
        flat = generator.permuted(events.reshape(len(events), -1), axis=0)
        return replace(self.events, events=flat.reshape(events.shape), name="mixed")

    @property
    def odd_in_words(self) -> str:
        return "suspects" if self.suspects is not None else "events with their numbers mixed"

    def rows(self, columns: Any) -> np.ndarray | None:
        """The conditions of the events, as a run codes them."""
        return rows_of(self.events, columns)

    def seen(self, events: Any, rows: np.ndarray | None, seed: int) -> np.ndarray:
        """Raw events as rows of numbers, their conditions behind them."""
        values = jnp.asarray(np.asarray(events), "float32")
        given = None
        if self.view.encoder is not None and rows is not None:
            given = jnp.asarray(rows, "float32")
        batch = batch_of(self.view, stream(seed, Stream.USE), given, values)
        flat = np.asarray(batch.event, np.float64).reshape(len(values), -1)
        return flat if given is None else np.concatenate([flat, np.asarray(batch.condition)], 1)

    def space(self, runs: list[Run]) -> str:
        """Which likelihoods are compared: those of the events as they are, or what most know."""
        found = [run.log_likelihood_of for run in runs if isinstance(run.model, Likelihood)]
        natural = "probability" if self.kind in ("binary", "whole") else DENSITY
        return max(found, key=lambda of: (of == natural, found.count(of)), default=natural)


def hold_out(dataset: Dataset, judging: Judging) -> Held:
    """The test part of a dataset that is about to be learnt."""
    _check(dataset)
    train, _, index = split(dataset, judging.validation, judging.test, judging.seed)
    if len(index) < LEAST:
        raise DataError(
            f"{len(index)} of the {len(dataset)} events are held out, and a comparison needs "
            f"{LEAST} at least: give a larger --test, or more events."
        )
    return _held(dataset, train, index, "test", judging)


def hold_out_of(dataset: Dataset, runs: list[Run], judging: Judging) -> Held:
    """The events that no run has learnt from or was chosen by."""
    _check(dataset)
    learnt = np.zeros(len(dataset), bool)
    for run in runs:
        if run.record.fingerprint == fingerprint(dataset):
            recipe = run.record.recipe
            train, validation, _ = split(dataset, recipe.validation, recipe.test, recipe.seed)
            learnt[train] = learnt[validation] = True
    index = np.flatnonzero(~learnt)
    if len(index) < LEAST:
        raise DataError(
            f"Only {len(index)} of the {len(dataset)} events were held out from all of these runs: "
            "name other events, or fit the runs with the same --test and --seed."
        )
    return _held(dataset, np.flatnonzero(learnt), index, "unseen", judging)


def _check(dataset: Dataset) -> None:
    if dataset.missing:
        raise OptionError(
            "Events with missing numbers cannot be set against samples: leave out "
            "--missing nan, and events with gaps."
        )
    if dataset.weights is not None and dataset.weights.min() < 0:
        raise OptionError(
            "Events with negative weights cannot be set against samples one by one: leave them out."
        )


def _held(
    dataset: Dataset, train: np.ndarray, index: np.ndarray, part: str, judging: Judging
) -> Held:
    of = train if len(train) else index
    seen = survey(dataset.events, of)
    found = seen.statistics
    table = bool(dataset.event_columns)
    lowest, highest = found.ends(each=table)
    spec = Spec(
        shape=dataset.shape, levels=found.levels(each=table), lowest=lowest, highest=highest
    )
    words = judging.preprocess or alike(spec)
    # Zeros and ones are seen as they are.
    steps = ("none",) if words == ("auto",) else words
    view = fit_preprocessing(steps, dataset.shape, "float32", seen)
    encoder = fit_conditions(
        dataset.condition_columns,
        None if dataset.conditions is None else dataset.conditions[of],
        "float32",
        logarithms=False,
    )
    generator = np.random.Generator(np.random.Philox(judging.seed))
    judged = dataset.take(_some(dataset, index, judging.most, generator))
    known = dataset.take(_some(dataset, train, MOST_LEARNT, generator)) if len(train) else None
    return Held(
        events=replace(judged, weights=None),
        learnt=known,
        part=f"{len(judged):,} {part} events",
        view=Pipeline(None, view, encoder),
        preprocess=words,
        kind=spec.kind,
    )


def _some(
    dataset: Dataset, index: np.ndarray, most: int, generator: np.random.Generator
) -> np.ndarray:
    """So many of the events; of weighted ones each is kept as often as its weight says."""
    if dataset.weights is not None:
        weights = dataset.weights[index]
        index = index[generator.random(len(index)) * weights.max() < weights]
    return generator.permutation(index)[:most]
