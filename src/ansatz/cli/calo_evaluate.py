"""`ansatz calo features` and `ansatz calo evaluate`: what showers are like, and how alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from ansatz.cli.arguments import Common, parse, say
from ansatz.cli.output import print_json, print_table, write_batches
from ansatz.protocol.errors import OptionError
from ansatz.runs.watched import watched

if TYPE_CHECKING:
    from ansatz.calo.evaluation import Evaluation

ROWS = 1024
"""Showers in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Features(Common):
    """Write the high-level features of showers: a row of numbers for each."""

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """An HDF5 file as the CaloChallenge has them."""
    geometry: str | None = None
    """The geometry's name or its binning file, XML; told by the file if not given."""
    out: Path | None = None
    """File to write: npy, npz, csv or h5; FILE with .features.npy if not given."""
    force: bool = False
    """Replace the file if it is there already."""


@dataclass(frozen=True, kw_only=True)
class Evaluate(Common):
    """Judge generated showers by those of a reference, with the metrics of the CaloChallenge.

    Writes a folder with report.html, evaluation.json and every figure.
    """

    reference: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="REFERENCE")]
    """The showers to be like."""
    generated: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="GENERATED")]
    """The showers to judge."""
    independent: Path | None = None
    """Another file of the reference, to measure floors with; else they are those of its halves."""
    geometry: str | None = None
    """The geometry's name or its binning file, XML; told by the files if not given."""
    quick: bool = False
    """Far fewer events and smaller nets: a first look."""
    full: bool = False
    """All events and epochs of the published figures, which takes hours: it says how many."""
    seed: int = 0
    """Decides which events are drawn, and how a classifier begins."""
    out: Path | None = None
    """The folder; evaluations/GENERATED if not given."""
    force: bool = False
    """Replace an evaluation that is there already."""


def features(words: list[str]) -> int:
    """Parse, compute, write."""
    found = parse(Features, words, "ansatz calo features")
    from ansatz.calo.features import FeatureMaker
    from ansatz.calo.geometry import geometry
    from ansatz.calo.showers import ShowerFile

    file = ShowerFile(found.file, geometry(found.geometry) if found.geometry else None)
    make = FeatureMaker(file.geometry)
    out = found.out or found.file.with_suffix(".features.npy")

    def batches() -> Iterator[np.ndarray]:
        for energies, showers in file.blocks(ROWS):
            yield make(energies, showers).vector()

    write_batches(
        batches(),
        out,
        total=len(file),
        names=make.names,
        force=found.force,
        quiet=found.quiet,
        verb="Computing features",
    )
    if found.json:
        print_json({"out": str(out), "showers": len(file), "features": make.names})
    elif not found.quiet:
        say(f"{len(make.names)} features of {len(file):,} showers are in {out}.")
    return 0


def evaluate(words: list[str]) -> int:
    """Parse, judge, print, write."""
    found = parse(Evaluate, words, "ansatz calo evaluate")
    from ansatz.calo import evaluation, report
    from ansatz.calo.effort import DEFAULT, FULL, QUICK
    from ansatz.calo.geometry import geometry

    if found.quick and found.full:
        raise OptionError("Give --quick or --full, not both.")
    effort = QUICK if found.quick else FULL if found.full else DEFAULT
    out = found.out or Path("evaluations") / found.generated.stem
    report.KIND.check_replaceable(out, force=found.force)
    shape = geometry(found.geometry) if found.geometry else None
    if found.full:
        files = evaluation.opened(found.reference, found.generated, found.independent, shape)
        events = min(len(file) for file in files if file is not None)
        hours = effort.hours(files[0].geometry, events)
        say(f"Classifiers and neighbours of {events:,} showers take about {hours:.1f} h here.")
    judged = evaluation.evaluate(
        found.reference,
        found.generated,
        independent=found.independent,
        geometry=shape,
        effort=effort,
        seed=found.seed,
        watch=partial(watched, quiet=found.quiet),
    )
    if not found.quiet:
        say("Drawing.")
    written = report.write(judged, out, force=found.force)
    if found.json:
        print_json(
            {**judged.to_dict(), "out": out, "report": written.page, "figures": written.figures}
        )
        return 0
    _print(judged)
    if not found.quiet:
        say(f"The report is {written.page}.")
    return 0


def _print(judged: "Evaluation") -> None:
    from ansatz.calo.report import hit_rows, response_rows, written

    rows = [
        (
            merit.name,
            written(merit.value),
            written(merit.floor),
            "yes" if merit.comparable else "no",
            merit.how,
        )
        for merit in judged.merits
    ]
    print_table(rows, ("metric", "generated", "floor", "comparable", "how it was found"))
    print()
    print_table(
        [
            (group, f"{1000 * value:.3g}", f"{1000 * floor:.3g}")
            for group, (value, floor) in judged.groups.items()
        ],
        ("separation power, × 10³", "generated", "floor"),
    )
    for title, found in (
        ("E_tot / E_inc", response_rows(judged)),
        ("hits", hit_rows(judged)),
    ):
        print()
        print_table(found, (title, "reference", "generated", "ratio"))
    print()
    for sentence in judged.caveats:
        print(sentence)
