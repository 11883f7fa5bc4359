"""How fast an importance-weighted autoencoder learns: here, and in a plain loop."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.harness import Contender, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import ratios
from benchmarks.vae_training import EVENT, fitted, write_events

TITLE = "Learning by importance weights"
ROUNDS = 3

OURS, LOOP = "Ansatz", "plain PyTorch loop"

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Work:
    """One autoencoder 784 - width - width - latent and back, and how it learns by K codes."""

    samples: int
    events: int
    width: int = 200
    latent: int = 50
    batch: int = 100
    epochs: int = 3

    def told(self, folder: Path) -> dict[str, Any]:
        """What a contender's script is told, the events being in `folder`."""
        return {
            "data": str(folder / f"{self.events}.npy"),
            "width": self.width,
            "latent": self.latent,
            "batch": self.batch,
            "epochs": self.epochs,
            "samples": self.samples,
            "activation": "tanh",
        }


FULL = (Work(5, events=12_000), Work(50, events=2000))
QUICK = (Work(5, events=400, width=20, epochs=2), Work(50, events=400, width=20, epochs=2))


def measure(setting: Setting) -> str:
    """The section of the results."""
    works = QUICK if setting.quick else FULL
    origin = write_events(setting.folder, {work.events for work in works})
    products = machine.products(setting)
    by_size = [(work, _race(work, setting, products)) for work in works]
    first = works[0]
    return "\n\n".join(
        [
            f"A Bernoulli autoencoder of {EVENT} - {first.width} - {first.width} - {first.latent} "
            f"- {first.width} - {first.width} - {EVENT} units (tanh, float32) learns the bound of "
            f"K codes by Adam in batches of {first.batch}, its gradient reparameterised: {origin}. "
            f"Events per second are those of all of {first.epochs} epochs but the first, without "
            "validation; the loss, in nats, is that of the last.",
            machine.describe(by_size[0][1], setting),
            table(
                ("K", "events", f"{OURS}, events/s", f"{LOOP}, events/s", "ratio", "losses"),
                [_row(work, runs) for work, runs in by_size],
            ),
            "\n".join(
                aim(
                    f"times the rate of the plain loop at K = {work.samples}",
                    _ratio(runs),
                    1.3,
                    ".2f",
                )
                for work, runs in by_size
            ),
            failures(*(runs for _, runs in by_size)),
        ]
    )


def _race(work: Work, setting: Setting, products: list[Contender]) -> Runs:
    given = work.told(setting.folder)
    ours = Contender(OURS, Path(sys.executable), HERE / "ours" / "vae.py", given)
    theirs = given | {"threads": machine.cores()}
    loop = Contender(LOOP, setting.peers, HERE / "peers" / "iwae_loop.py", theirs)
    return interleave([*products, ours, loop], setting.rounds)


def _ratio(runs: Runs) -> list[float | None]:
    return ratios(*(runs.values(name, fitted("rate")) for name in (OURS, LOOP)))


def _row(work: Work, runs: Runs) -> list[str]:
    ours, theirs = (runs.values(name, fitted("rate")) for name in (OURS, LOOP))
    losses = (cell(runs.values(name, fitted("loss")), ".1f") for name in (OURS, LOOP))
    return [
        str(work.samples),
        f"{work.events:,}",
        cell(ours, ",.0f"),
        cell(theirs, ",.0f"),
        cell(_ratio(runs), ".2f"),
        " and ".join(losses),
    ]
