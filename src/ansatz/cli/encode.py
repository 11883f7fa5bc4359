"""`ansatz encode`: the code of every event."""

from dataclasses import dataclass

from ansatz.cli.arguments import DataName, Output, RunPath, parse, say
from ansatz.cli.output import print_json, write_batches


@dataclass(frozen=True, kw_only=True)
class Encode(Output):
    """Give the code of every event under a run."""

    run: RunPath
    """The run's folder."""
    data: DataName
    """The events to encode: a file, a folder or a name."""


def run(words: list[str]) -> int:
    """Parse, encode, write."""
    found = parse(Encode, words, "ansatz encode")
    from ansatz.runs.load import load

    fitted = load(found.run)
    dataset = fitted.read(found.data)
    out = found.out or found.run / "codes.npy"
    batches = fitted.encode_batches(dataset, seed=found.seed)
    write_batches(
        batches,
        out,
        total=len(dataset),
        letter="z",
        force=found.force,
        quiet=found.quiet,
        verb="Encoding",
    )
    if found.json:
        print_json({"out": str(out), "events": len(dataset)})
    elif not found.quiet:
        say(f"{len(dataset):,} codes are in {out}.")
    return 0
