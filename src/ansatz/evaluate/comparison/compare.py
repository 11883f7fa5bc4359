"""The comparison itself: one entrant after the other, each kept as soon as it is measured."""

import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from ansatz.api import find_recipe
from ansatz.data.fingerprint import fingerprint
from ansatz.data.options import DEFAULT, DataOptions
from ansatz.data.read import read
from ansatz.evaluate.comparison.budget import Budget
from ansatz.evaluate.comparison.enter import Terms, enter, remarks
from ansatz.evaluate.comparison.entrant import Entrant
from ansatz.evaluate.comparison.held import Held, Judging, hold_out, hold_out_of
from ansatz.evaluate.comparison.measure import against, measure
from ansatz.evaluate.comparison.verdict import PURPOSES, Purpose, Verdict, decide
from ansatz.models import recipe_names
from ansatz.protocol.errors import AnsatzError, OptionError, RunError, WriteError
from ansatz.protocol.recipe import Recipe
from ansatz.runs.files import alone, make_folder, write_atomic
from ansatz.runs.load import load
from ansatz.runs.record import read_toml
from ansatz.runs.run import Run

RECORD = "comparison.toml"
"""Written first, it tells the folder of a comparison from any other."""
RUNS, ENTRANTS = "runs", "entrants"

Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came of it."""

    data: str
    held: Held
    space: str
    """What the likelihoods compared are of."""
    budget: str
    entrants: tuple[Entrant, ...]
    control: Entrant | None
    """Events learnt from in place of samples: what nothing can do better than."""
    verdicts: dict[Purpose, Verdict]
    out: Path


def compare(
    data: Any,
    recipes: Sequence[str | Path | Recipe] = (),
    *,
    runs: Sequence[str | Path] = (),
    budget: Budget | None = None,
    out: Path,
    options: DataOptions = DEFAULT,
    judging: Judging | None = None,
    suspect: Any = None,
    force: bool = False,
    resume: bool = False,
    quiet: bool = True,
    tell: Tell | None = None,
) -> Comparison:
    """Fit recipes at equal budget, or take runs as they are, and measure all alike.

    `out` holds a run and the measures of each; with `resume` those that are there are not made
    again. Without recipes or runs all recipes enter.
    """
    if isinstance(data, str | Path) and Path(data).resolve() == out.resolve():
        raise OptionError(f"{out} is what the data are called: choose another --out.")
    judging = judging or Judging()
    budget = budget or Budget(seconds=20.0)
    if runs and recipes:
        raise OptionError("Give recipes to fit or runs to take, not both.")
    fitted = {_own_name(str(path)): load(path) for path in runs}
    chosen = {} if runs else _named(recipes or recipe_names())
    names = list(fitted or chosen)
    if len(names) < max(len(runs), len(recipes)):
        raise OptionError("Two of them have one name: rename a run's folder, or a recipe's file.")
    if fitted:
        # Columns are those of the runs.
        first = next(iter(fitted.values()))
        dataset, options = first.read(data), first.record.options
        held = hold_out_of(dataset, list(fitted.values()), judging)
    else:
        dataset = read(data, options)
        held = hold_out(dataset, judging)
    if suspect is not None:
        held = held.with_suspects(read(suspect, options))
    record: dict[str, Any] = {
        "data": fingerprint(dataset),
        "suspect": "" if held.suspects is None else fingerprint(held.suspects),
        "recipes": {name: recipe.settings() for name, recipe in chosen.items()},
        "runs": {name: str(run.path) for name, run in fitted.items()},
        "budget": "none" if runs else str(budget),
        "judging": vars(judging),
    }
    terms = Terms(
        data=data,
        options=options,
        preprocess=held.preprocess,
        validation=judging.validation,
        test=judging.test,
        seed=judging.seed,
        budget=budget,
        quiet=quiet,
    )
    with _opened(out, record, force=force, resume=resume):
        one = _Round(out, held, judging, tell, names)
        if not runs:
            # All learn before any is measured: which likelihoods are compared depends on all.
            for name, recipe in chosen.items():
                run = one.learn(name, recipe, terms)
                if run is not None:
                    fitted[name] = run
        space = held.space(list(fitted.values()))
        entrants = tuple(one.judge(name, fitted.get(name), space) for name in names)
        return Comparison(
            data=dataset.name,
            held=held,
            space=space,
            budget=record["budget"],
            entrants=entrants,
            control=one.control(),
            verdicts={
                purpose: decide(purpose, entrants, conditional=dataset.conditions is not None)
                for purpose in PURPOSES
            },
            out=out,
        )


class _Round:
    """One entrant after the other, and how far that is."""

    def __init__(
        self, out: Path, held: Held, judging: Judging, tell: Tell | None, names: list[str]
    ) -> None:
        self.folder, self.held, self.judging, self.tell = out, held, judging, tell
        self.names, self.started, self.done = names, time.monotonic(), 0
        self.refused: dict[str, Entrant] = {}

    def learn(self, name: str, recipe: Recipe, terms: Terms) -> Run | None:
        """The run of a recipe; none if it cannot learn these events, and why is kept."""
        found = Entrant.load(self.folder / ENTRANTS, name)
        if found is not None and found.refusal and not found.traceback:
            self.refused[name] = found
            return None
        self._say(name, "learning")
        try:
            return enter(recipe, self.folder / RUNS / name, terms)
        except WriteError:
            # No family is to blame for a full disk: there is room again when one goes on.
            raise
        except AnsatzError as error:
            self._refuse(name, recipe, str(error))
        except Exception as error:
            # A bug in one family must not lose the others; it is told in full at the end.
            why = f"{type(error).__name__}: {error}"
            self._refuse(name, recipe, why, traceback.format_exc())
        return None

    def judge(self, name: str, run: Run | None, space: str) -> Entrant:
        """What was measured of a run, now or before."""
        if name in self.refused:
            return self.refused[name]
        assert run is not None
        found = Entrant.load(self.folder / ENTRANTS, name)
        if found is not None and not found.refusal and found.space == space:
            return found
        self._say(name, "measuring")
        cells, arrays = measure(run, self.held, space, self.judging.samples, self.judging.seed)
        entrant = Entrant(
            name=name,
            recipe=run.record.recipe.name,
            run=str(run.path),
            notes=remarks(run, self.held.preprocess),
            can=run.can,
            space=space,
            cells=cells,
            arrays=arrays,
        )
        entrant.save(self.folder / ENTRANTS)
        return entrant

    def control(self) -> Entrant | None:
        """As many of the events learnt, as if they were samples."""
        held = self.held
        if held.learnt is None or len(held.learnt) < len(held.events):
            return None
        few = held.learnt.take(range(len(held.events)))
        cells = against(held, few.events, few.conditions, self.judging.seed)
        return Entrant("events learnt", "", cells=cells)

    def _refuse(self, name: str, recipe: Recipe, why: str, bug: str = "") -> None:
        if self.tell is not None:
            self.tell(f"{name} is left out: {why}")
        found = Entrant(name, recipe.name, refusal=why, traceback=bug)
        found.save(self.folder / ENTRANTS)
        self.refused[name] = found

    def _say(self, name: str, doing: str) -> None:
        """Which of how many, and for about how long yet."""
        steps, taken = 2 * len(self.names), time.monotonic() - self.started
        left = ""
        if self.done:
            left = f", about {taken / self.done * (steps - self.done) / 60:.0f} min left"
        place = self.names.index(name) + 1
        if self.tell is not None:
            self.tell(f"{place} of {len(self.names)}, {name}: {doing}{left}")
        self.done += 1


def _named(recipes: Sequence[str | Path | Recipe]) -> dict[str, Recipe]:
    return {
        one.name if isinstance(one, Recipe) else _own_name(str(one)): find_recipe(one)
        for one in recipes
    }


def _own_name(path: str) -> str:
    """The name of a recipe, of a recipe's file, or of a run's folder."""
    return Path(path).name.removesuffix(".toml")


@contextmanager
def _opened(folder: Path, record: dict[str, Any], *, force: bool, resume: bool) -> Iterator[None]:
    """The folder to compare in, new or again, and nobody else in it."""
    if force and resume:
        raise OptionError("Give --resume to go on, or --force to begin again, and not both.")
    plain = _plain(record)
    if folder.exists() and any(folder.iterdir()):
        ours = (folder / RECORD).exists()
        if resume and ours:
            _check_same(folder, plain)
        elif not force:
            raise RunError(
                f"{folder} exists. Choose another --out, go on with it with --resume, or replace "
                "it with --force."
            )
        elif not ours:
            raise RunError(f"{folder} exists and is no comparison; it will not be replaced.")
        else:
            with alone(folder):
                shutil.rmtree(folder)
    # The record first: a folder that a full disk leaves is empty, or one to go on with.
    make_folder(folder)
    with alone(folder):
        write_atomic(folder / RECORD, tomli_w.dumps(plain).encode())
        for part in (RUNS, ENTRANTS):
            make_folder(folder / part)
        yield


def _check_same(folder: Path, record: dict[str, Any]) -> None:
    found = read_toml(folder / RECORD)
    for name, value in record.items():
        if found.get(name) != value:
            raise RunError(
                f"{folder} holds a comparison with other {name}: go on with the same options, "
                "or begin again with --force."
            )


def _plain(value: Any) -> Any:
    """As TOML gives it back."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
