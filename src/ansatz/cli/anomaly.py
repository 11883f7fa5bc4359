"""`ansatz anomaly`: which events are unlike those that a run has learnt."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from ansatz.cli.arguments import Common, RunPath, parse, say
from ansatz.cli.output import print_json, print_table
from ansatz.runs.watched import watched


@dataclass(frozen=True, kw_only=True)
class Anomaly(Common):
    """Call the events that a run finds least likely anomalous, and say how often that is wrong.

    Writes a folder with report.html, scores.csv, anomaly.json and every figure.
    """

    run: RunPath
    """The run's folder."""
    normal: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NORMAL")]
    """Normal events: a file, a folder or a name. Of the run's own data those held out are taken."""
    suspect: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[SUSPECT]")] = None
    """Events that may be anomalous, likewise."""
    rate: float = 0.01
    """Share of normal events that may be called anomalous."""
    samples: Annotated[int, tyro.conf.arg(aliases=["-K"])] = 100
    """Draws of the code for each event, where only a bound is known."""
    seed: int = 0
    """Decides the draws."""
    out: Path | None = None
    """The folder; anomaly in the run's folder if not given."""
    force: bool = False
    """Replace a search that is there already."""


def run(words: list[str]) -> int:
    """Parse, score, print."""
    found = parse(Anomaly, words, "ansatz anomaly")
    from ansatz.evaluate.anomaly import find_anomalies
    from ansatz.report import anomaly
    from ansatz.runs.load import load

    fitted = load(found.run)
    out = found.out or found.run / "anomaly"
    anomaly.KIND.check_replaceable(out, force=found.force)
    anomalies = find_anomalies(
        fitted,
        found.normal,
        found.suspect,
        rate=found.rate,
        samples=found.samples,
        seed=found.seed,
        watch=partial(watched, quiet=found.quiet),
    )
    written = anomaly.write(anomalies, out, force=found.force)
    if found.json:
        print_json({"out": str(out), "report": str(written.page), **anomaly.to_dict(anomalies)})
        return 0
    suspects = "" if found.suspect is None else f" and suspects in {found.suspect}"
    print(f"{fitted.record.recipe.name} on normal events of {found.normal}{suspects}")
    print(f"score: {anomalies.score}")
    print(f"thresholds set by {anomalies.set_by}\n")
    table = anomaly.rows(anomalies)
    # Without suspects there is nothing to miss.
    shown = len(anomaly.HEADER) if found.suspect is not None else anomaly.HEADER.index("type II")
    print_table([row[:shown] for row in table], anomaly.HEADER[:shown])
    if not found.quiet:
        say(f"The report is {written.page}, every score in {out / anomaly.SCORES}.")
    return 0
