"""`ansatz report`: a page of all that a run has to show."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from ansatz.cli.arguments import Common, RunPath, parse, say
from ansatz.cli.output import print_json
from ansatz.protocol.errors import DataError, RunError
from ansatz.runs.watched import watched


@dataclass(frozen=True, kw_only=True)
class Report(Common):
    """Draw a run: one page to look at, and every figure as svg, png and csv.

    Both replace those of an older report of the run.
    """

    run: RunPath
    """The run's folder."""
    data: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[DATA]")] = None
    """Other events than those held out from the fit: a file, a folder or a name."""
    out: Path | None = None
    """The page; report.html in the run's folder if not given."""
    force: bool = False
    """Replace the page --out if it is there already."""
    seed: int = 0
    """Decides which events are shown, and the draws."""


def run(words: list[str]) -> int:
    """Parse, draw, say where it is."""
    found = parse(Report, words, "ansatz report")
    if found.out is not None and found.out.exists() and not found.force:
        raise DataError(f"{found.out} exists; use --force to replace it or another --out.")
    if found.out is not None and found.out.exists() and not found.out.is_file():
        raise RunError(f"Cannot write {found.out}: it is no file. Give another --out.")
    from ansatz.report import write_report

    watch = partial(watched, quiet=found.quiet)
    report = write_report(found.run, found.data, out=found.out, seed=found.seed, watch=watch)
    if found.json:
        print_json({"report": report.page, "figures": report.figures, "missing": report.missing})
    elif not found.quiet:
        for sentence in report.missing:
            say(sentence)
        say(f"The report is {report.page}.")
    return 0
