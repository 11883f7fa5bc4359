"""`ansatz score`: the log-likelihood of every event."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import tyro

from ansatz.cli.arguments import DataName, Output, RunPath, parse, say
from ansatz.cli.output import print_json, write_batches


@dataclass(frozen=True, kw_only=True)
class Score(Output):
    """Give the log-likelihood of every event under a run, or a lower bound on it."""

    run: RunPath
    """The run's folder."""
    data: DataName
    """The events to score: a file, a folder or a name."""
    samples: Annotated[int, tyro.conf.arg(aliases=["-K"])] = 100
    """Draws of the code for each event, where only a bound is known."""


def run(words: list[str]) -> int:
    """Parse, score, write."""
    found = parse(Score, words, "ansatz score")
    from ansatz.evaluate.estimate import weighted_mean
    from ansatz.runs.load import load

    fitted = load(found.run)
    dataset = fitted.read(found.data)
    out = found.out or found.run / "scores.npy"
    kept: list[np.ndarray] = []

    def batches() -> Iterator[np.ndarray]:
        for batch in fitted.log_likelihood_batches(dataset, samples=found.samples, seed=found.seed):
            kept.append(batch)
            yield batch

    write_batches(
        batches(),
        out,
        total=len(dataset),
        names=("log_likelihood",),
        force=found.force,
        quiet=found.quiet,
        verb="Scoring",
    )
    mean, error = weighted_mean(np.concatenate(kept), dataset.weights)
    what = fitted.log_likelihood_is(found.samples)
    if found.json:
        print_json(
            {"out": str(out), "events": len(dataset), "mean": mean, "error": error, "what": what}
        )
    elif not found.quiet:
        say(f"{mean:.4f} ± {error:.4f} nats per event ({what}).")
        say(f"{len(dataset):,} scores are in {out}.")
    return 0
