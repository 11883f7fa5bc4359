"""From a recipe to a run at equal budget: the same split, and the same preprocessing if it can."""

import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.options import DataOptions
from ansatz.evaluate.comparison.budget import ENDLESS, Budget
from ansatz.protocol.errors import DataError, OptionError
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.watch import unseen
from ansatz.runs import fit as fitting
from ansatz.runs.folder import RunFolder
from ansatz.runs.history import read_lines
from ansatz.runs.load import load
from ansatz.runs.precision import precision
from ansatz.runs.prepare import prepare
from ansatz.runs.progress import Watcher
from ansatz.runs.ready import Fit
from ansatz.runs.record import NAME as RECORD
from ansatz.runs.run import Run


@dataclass(frozen=True)
class Terms:
    """What holds for all who enter."""

    data: Any
    options: DataOptions
    preprocess: tuple[str, ...]
    validation: float
    test: float
    seed: int
    budget: Budget
    quiet: bool = False

    def ways(self, recipe: Recipe) -> tuple[tuple[str, ...], ...]:
        """The preprocessing of all, and after it the recipe's own, where that may be needed."""
        if recipe.of_bits or self.preprocess == ("auto",):
            return (recipe.preprocess,)
        return self.preprocess, recipe.preprocess

    def bound(self, recipe: Recipe, steps: tuple[str, ...]) -> Recipe:
        """The recipe with the split and the seed of all, and these steps."""
        return replace(
            recipe,
            validation=self.validation,
            test=self.test,
            seed=self.seed,
            seeds=1,
            preprocess=steps,
        )


def alike(spec: Spec) -> tuple[str, ...]:
    """The steps that suit most families on such events, and keep their likelihoods comparable.

    Whole numbers are dequantised, so that densities bound their probabilities; zeros and ones are
    left to each family, for some know their probabilities themselves.
    """
    image = len(spec.shape) > 1
    if spec.kind == "binary":
        return ("auto",)
    if spec.kind == "whole":
        return ("dequantise", "scale") if image else ("dequantise", "standardise")
    return ("none",) if image and spec.kind == "unit" else ("standardise",)


def enter(recipe: Recipe, place: Path, terms: Terms) -> Run:
    """The run of a recipe in the folder `place`; one that is there is taken, or goes on."""
    if RunFolder(place).finished:
        return load(place)
    watcher = None if terms.quiet else Watcher()
    with warnings.catch_warnings():
        # What they say, `remarks` says again.
        warnings.simplefilter("ignore", UserWarning)
        if (place / RECORD).exists():
            run = fitting.resume(place, data=terms.data, watcher=watcher)
        else:
            chosen = _spent(recipe, terms)
            run = fitting.fit(chosen, terms.data, terms.options, out=place, watcher=watcher)
    assert isinstance(run, Run)
    if not run.finished:
        raise KeyboardInterrupt
    return run


def remarks(run: Run, preprocess: tuple[str, ...]) -> tuple[str, ...]:
    """What there is to say of a run: how it went, and whether its preprocessing is not that of
    all.
    """
    recipe = run.record.recipe
    found = [*recipe.remarks(run.model, run.record.spec), *recipe.remarks_on(run.history)]
    if preprocess not in (("auto",), recipe.preprocess):
        found.append(f"It is preprocessed in its own way: {', '.join(recipe.preprocess)}.")
    return tuple(found)


def _spent(recipe: Recipe, terms: Terms) -> Recipe:
    """The recipe as it enters, with the epochs that the budget pays for."""
    *others, last = terms.ways(recipe)
    with precision(recipe.dtype), warnings.catch_warnings():
        # They come again when it is fitted.
        warnings.simplefilter("ignore", UserWarning)
        for steps in others:
            with suppress(DataError, OptionError):
                wanted = terms.bound(recipe, steps)
                fit = _endless(wanted, terms)
                break
        else:
            wanted = terms.bound(recipe, last)
            fit = _endless(wanted, terms)
        return terms.budget.spend(wanted, fit)


def _endless(recipe: Recipe, terms: Terms) -> Fit:
    if not recipe.one_pass:
        recipe = replace(recipe, epochs=ENDLESS, patience=0)
    return prepare(recipe, terms.data, terms.options, {}, None, unseen)


def clock(run: Run) -> tuple[float, float] | None:
    """Seconds of learning and in all, compiling included, as the run's own clock tells.

    The first epoch compiles, and is counted as long as one of the others.
    """
    if run.path is None:
        return None
    rows = read_lines(run.path / "timing.jsonl")
    known = [row["seconds"] for row in rows if isinstance(row.get("seconds"), int | float)]
    seconds = np.array(known, float)
    if not len(seconds):
        return None
    each = float(np.median(seconds[1:] if len(seconds) > 1 else seconds))
    return each * len(seconds), float(seconds.sum())
