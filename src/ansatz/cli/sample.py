"""`ansatz sample`: events from a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from ansatz.cli.arguments import Output, RunPath, parse, say
from ansatz.cli.output import print_json, write_batches
from ansatz.cli.sampler import Sampler, device_of
from ansatz.protocol.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Sample(Output):
    """Draw events from a run."""

    run: RunPath
    """The run's folder."""
    number: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1000
    """How many events; as many as conditions, if these come from a file."""
    condition: tuple[str, ...] = ()
    """What the events are given, as name=value, the same for all."""
    condition_file: Path | None = None
    """A file with a row of conditions for each event."""
    mean: bool = False
    """Give what the decoder expects for a random code, in place of a draw from it."""
    sampler: Sampler = "own"
    """What draws the units of a Boltzmann machine: our own chains, the simulated annealer of
    dwave-samplers, or D-Wave's quantum computer, at a temperature that is estimated first."""


def run(words: list[str]) -> int:
    """Parse, sample, write."""
    found = parse(Sample, words, "ansatz sample")
    from ansatz.data.conditions import read_conditions
    from ansatz.data.labels import axis
    from ansatz.runs.load import load

    fitted = load(found.run)
    device = device_of(found.sampler, fitted, found.seed, quiet=found.quiet)
    if device is not None:
        fitted = fitted.drawn_by(device)
    number = found.number
    condition: np.ndarray | tuple[str, ...] | None = found.condition or None
    if found.condition_file is not None:
        if found.condition:
            raise OptionError("Give --condition or --condition-file, not both.")
        condition = read_conditions(found.condition_file, fitted.record.condition_columns)
        number = len(condition)
    out = found.out or found.run / "samples.npy"
    write_batches(
        fitted.sample_batches(number, condition, seed=found.seed, mean=found.mean),
        out,
        total=number,
        names=tuple(map(axis, fitted.record.event_columns)),
        force=found.force,
        quiet=found.quiet,
        verb="Sampling",
    )
    if found.json:
        print_json({"out": str(out), "events": number, "shape": fitted.record.spec.shape})
    elif not found.quiet:
        say(f"{number:,} events are in {out}.")
    return 0
