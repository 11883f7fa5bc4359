"""`ansatz compare`: which family suits some data, by one measurement of all."""

from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any

from ansatz.cli.arguments import Common, DataName, parse, say
from ansatz.cli.output import print_json, print_table
from ansatz.data.options import DataOptions
from ansatz.evaluate.comparison.held import Judging
from ansatz.evaluate.comparison.verdict import Purpose
from ansatz.protocol.errors import OptionError

BUDGET = "20s"


@dataclass(frozen=True, kw_only=True)
class Place(Common):
    """Who enters, at which budget, and where it goes."""

    data: DataName
    """The data: a file, a folder or a name."""
    recipes: tuple[str, ...] = ()
    """The recipes to fit, with commas or spaces between them: names, or recipe.toml files with
    settings of your own; all there are if not given."""
    runs: tuple[Path, ...] = ()
    """Or runs to take as they are, judged on events that none of them has learnt from."""
    budget: str | None = None
    """The time that each may learn, as 60s or 5min, compiling left out; 20s if nothing is said."""
    steps: int | None = None
    """Or how many steps each may do."""
    purpose: Purpose | None = None
    """What the model is for: its verdict comes first, with its reasons."""
    suspect: str | None = None
    """Events that are none of this kind: how well each tells them is measured."""
    out: Path | None = None
    """The folder of the comparison; runs/compare-DATA if not given."""
    force: bool = False
    """Replace a comparison that is there already."""
    resume: bool = False
    """Go on with a comparison that was stopped: what its folder holds is not done again."""


def run(words: list[str]) -> int:
    """Parse, compare, print."""
    kind = make_dataclass(
        "compare",
        [
            ("place", Place),
            ("columns", DataOptions, DataOptions()),
            ("judging", Judging, Judging()),
        ],
        frozen=True,
    )
    kind.__doc__ = (
        "Fit families at equal budget, or take runs, and say by measurements which suits the data."
    )
    found: Any = parse(kind, words, "ansatz compare")
    place: Place = found.place
    from ansatz.evaluate.comparison.compare import compare
    from ansatz.report import comparison as report

    out = place.out or Path("runs") / f"compare-{Path(place.data).name.split('.')[0]}"
    try:
        compared = compare(
            place.data,
            [name for word in place.recipes for name in word.split(",") if name],
            runs=place.runs,
            budget=_budget(place),
            out=out,
            options=found.columns,
            judging=found.judging,
            suspect=place.suspect,
            force=place.force,
            resume=place.resume,
            quiet=place.quiet,
            tell=None if place.quiet else say,
        )
    except KeyboardInterrupt:
        say("The comparison was stopped: go on with --resume, or begin again with --force.")
        return 130
    written = report.write(compared, place.purpose)
    bugs = [one for one in compared.entrants if one.traceback]
    if place.json:
        content = {"out": str(out), "report": str(written.page), **report.to_dict(compared)}
        print_json(content)
    else:
        _print(compared, place.purpose)
    for one in bugs:
        say(one.traceback)
    if not place.quiet:
        say(f"The report is {written.page}, every number in {written.table}.")
    return 1 if bugs else 0


def _budget(place: Place) -> Any:
    from ansatz.evaluate.comparison.budget import Budget

    if place.budget is not None and place.steps is not None:
        raise OptionError("Give --budget or --steps, one of them.")
    if place.runs and (place.budget is not None or place.steps is not None):
        raise OptionError("Runs are taken as they are: leave --budget and --steps out.")
    if place.steps is not None:
        return Budget(steps=place.steps)
    return Budget.of(place.budget or BUDGET)


def _print(compared: Any, purpose: Purpose | None) -> None:
    from ansatz.report import comparison as report

    held = compared.held
    print(
        f"{compared.data}, judged on {held.part}; preprocessing of all: "
        f"{', '.join(held.preprocess)}; log p of a {compared.space}\n"
    )
    for make in (report.of_events, report.of_samples, report.costs):
        header, rows = make(compared)
        if rows:
            print_table(rows, header)
            print()
    missing = report.left_out(compared)
    if missing:
        print_table(missing)
        print()
    for name, verdict in compared.verdicts.items():
        if purpose in (None, name):
            print(f"for {name}: {verdict.headline}")
        if purpose == name:
            for reason in verdict.reasons:
                print(f"  {reason}")
