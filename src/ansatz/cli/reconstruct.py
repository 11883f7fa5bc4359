"""`ansatz reconstruct`: events as their codes expect them, and what is missing filled in."""

from dataclasses import dataclass

from ansatz.cli.arguments import DataName, Output, RunPath, parse, say
from ansatz.cli.output import print_json, write_batches


@dataclass(frozen=True, kw_only=True)
class Reconstruct(Output):
    """Give every event as a run expects it from its code."""

    run: RunPath
    """The run's folder."""
    data: DataName
    """The events: a file, a folder or a name."""
    fill: bool = False
    """Leave what is known as it is and fill in only what is missing."""
    draw: bool = False
    """With --fill: draw what is missing given the rest, in place of its mean."""


def run(words: list[str]) -> int:
    """Parse, reconstruct, write."""
    found = parse(Reconstruct, words, "ansatz reconstruct")
    from ansatz.data.labels import axis
    from ansatz.runs.load import load

    fitted = load(found.run)
    dataset = fitted.read(found.data, holes=found.fill)
    out = found.out or found.run / ("filled.npy" if found.fill else "reconstructions.npy")
    write_batches(
        fitted.reconstruct_batches(dataset, seed=found.seed, fill=found.fill, draw=found.draw),
        out,
        total=len(dataset),
        names=tuple(map(axis, fitted.record.event_columns)),
        force=found.force,
        quiet=found.quiet,
        verb="Reconstructing",
    )
    if found.json:
        print_json({"out": str(out), "events": len(dataset), "shape": dataset.shape})
    elif not found.quiet:
        say(f"{len(dataset):,} events are in {out}.")
    return 0
