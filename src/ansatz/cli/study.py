"""`ansatz study`: find a published or exactly known result again."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ansatz.cli.arguments import Common, parse, say, wants_help
from ansatz.cli.output import print_json, print_table
from ansatz.protocol.errors import OptionError
from ansatz.runs.watched import watched

if TYPE_CHECKING:
    from ansatz.studies.outcome import Outcome

HELP = """usage: ansatz study list
       ansatz study NAME [options]

Find a published or exactly known result again: make the data, fit, and judge claims, each a
number with its error, its source and its tolerance. Exits with 0 if all claims hold, with 3 if
one fails or cannot be decided.

`ansatz study NAME -h` lists the options.
"""

UNMET = 3
"""The exit code of a study whose claims do not all hold."""


@dataclass(frozen=True, kw_only=True)
class List(Common):
    """List the studies."""


@dataclass(frozen=True, kw_only=True)
class Carry(Common):
    """Carry out a study: write its runs, claims.json, figures and report.html to a folder."""

    quick: bool = False
    """A smaller run of less than a minute: the same claims and tolerances, with larger errors."""
    out: Path | None = None
    """The folder; studies/NAME if not given."""
    force: bool = False
    """Replace the study if it is there already."""
    resume: bool = False
    """Go on with a study that was stopped: fits that its folder holds are not done again."""
    minutes: float | None = None
    """For a study that can be longer or shorter: about how long its fits may take in all."""
    seed: int = 0
    """Decides the data and the fits."""


def run(words: list[str]) -> int:
    """Parse, carry out, print."""
    if wants_help(words):
        print(HELP)
        return 0
    name, *rest = words
    if name.startswith("-"):
        raise OptionError(f"NAME comes before {name}.")
    if name == "list":
        return _list(parse(List, rest, "ansatz study list"))
    return _carry_out(name, rest)


def _list(found: List) -> int:
    from ansatz.studies import find_study, study_names

    titles = {name: find_study(name).title for name in study_names()}
    if found.json:
        print_json({"studies": [{"name": n, "title": title} for n, title in titles.items()]})
    else:
        print_table(list(titles.items()), ("name", "what it finds again"))
    return 0


def _carry_out(name: str, words: list[str]) -> int:
    found = parse(Carry, words, f"ansatz study {name}")
    from ansatz.studies.carry_out import carry_out

    try:
        outcome = carry_out(
            name,
            out=found.out,
            quick=found.quick,
            force=found.force,
            resume=found.resume,
            minutes=found.minutes,
            seed=found.seed,
            quiet=found.quiet,
            watch=partial(watched, quiet=found.quiet),
        )
    except KeyboardInterrupt:
        say(
            "Of a study that was stopped nothing is claimed; go on with --resume, or begin again "
            "with --force."
        )
        return 130
    _print(outcome, found)
    return 0 if outcome.holds else UNMET


def _print(outcome: "Outcome", found: Carry) -> None:
    if found.json:
        print_json(
            {
                **outcome.to_dict(),
                "out": outcome.out,
                "runs": outcome.runs,
                "figures": outcome.figures,
                "report": outcome.page,
            }
        )
        return
    print(f"{outcome.study.title}\n")
    for table in outcome.tables:
        print(f"{table.title}\n")
        print_table(table.rows, table.header)
        print()
    print_table(
        [
            (
                claim.name,
                claim.wanted,
                claim.result,
                claim.write(claim.tolerance),
                claim.unit,
                claim.verdict,
            )
            for claim in outcome.claims
        ],
        ("claim", "expected", "measured", "tolerance", "unit", "verdict"),
    )
    print()
    print_table([(claim.name, claim.sentence) for claim in outcome.claims])
    if not found.quiet:
        say(f"{outcome.summary} The report is {outcome.page}.")
