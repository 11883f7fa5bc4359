"""How fast a restricted Boltzmann machine learns: here, and in scikit-learn."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.harness import Contender, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import ratios
from benchmarks.vae_training import EVENT, fitted, write_events

TITLE = "Learning a restricted Boltzmann machine"
ROUNDS = 5

PCD, CD, SKLEARN = "Ansatz, PCD-1", "Ansatz, CD-1", "scikit-learn BernoulliRBM"

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Work:
    """One machine of 784 visible units, and how it learns."""

    events: int
    epochs: int
    hidden: int = 500
    batch: int = 100

    def told(self, folder: Path) -> dict[str, Any]:
        """What a contender's script is told, the events being in `folder`."""
        return {
            "data": str(folder / f"{self.events}.npy"),
            "hidden": self.hidden,
            "batch": self.batch,
            "epochs": self.epochs,
        }


FULL, QUICK = Work(10_000, epochs=4), Work(1000, epochs=2, hidden=50)


def measure(setting: Setting) -> str:
    """The section of the results."""
    work = QUICK if setting.quick else FULL
    origin = write_events(setting.folder, {work.events})

    def contender(name: str, script: str, **more: Any) -> Contender:
        given = work.told(setting.folder) | more
        return Contender(name, Path(sys.executable), HERE / script, given)

    runs = interleave(
        [
            *machine.products(setting),
            contender(PCD, "ours/rbm.py", method="pcd"),
            contender(CD, "ours/rbm.py", method="cd"),
            contender(SKLEARN, "peers/sklearn_rbm.py"),
        ],
        setting.rounds,
    )
    return "\n\n".join(
        [
            f"A machine of {EVENT} visible and {work.hidden} hidden units learns with one sweep a "
            f"step in batches of {work.batch} from {work.events:,} events: {origin}. "
            "scikit-learn has persistent chains, and gradients that are not centred. Events per "
            "second are those of all epochs but the first; the pseudo-likelihood, in nats, is "
            "that of the first thousand events at the end, found the same way for all.",
            machine.describe(runs, setting),
            table(
                ("contender", "events/s", "contender / scikit-learn", "pseudo-likelihood"),
                [_row(runs, name) for name in (PCD, CD, SKLEARN)],
            ),
            "\n".join(
                aim(
                    f"times the rate of scikit-learn, {name}",
                    ratios(runs.values(name, fitted("rate")), runs.values(SKLEARN, fitted("rate"))),
                    1.0,
                    ".2f",
                )
                for name in (PCD, CD)
            ),
            failures(runs),
        ]
    )


def _row(runs: Runs, name: str) -> list[str]:
    rates, theirs = (runs.values(one, fitted("rate")) for one in (name, SKLEARN))
    return [
        name,
        cell(rates, ",.0f"),
        "" if name == SKLEARN else cell(ratios(rates, theirs), ".2f"),
        cell(runs.values(name, fitted("pseudo")), ".1f"),
    ]
