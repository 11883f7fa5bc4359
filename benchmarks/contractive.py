"""How fast a contractive autoencoder learns with exact Jacobians: here, and by torch.func."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.read import read
from benchmarks import machine
from benchmarks.harness import Contender, Result, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import Values, ratios

TITLE = "Learning a contractive autoencoder"
ROUNDS = 3

OURS, THEIRS = "Ansatz", "torch.func"

HERE = Path(__file__).parent
MNIST = HERE.parents[1] / "shared" / "data" / "mnist"
EVENT = 784


@dataclass(frozen=True)
class Work:
    """An autoencoder, and where its Jacobian counts."""

    hidden: tuple[int, ...]
    latent: int
    code: str = "linear"
    contract: float = 1e-3
    contract_decoder: float = 0.0
    events: int = 2560
    epochs: int = 4
    batch: int = 128

    @property
    def named(self) -> str:
        """Its encoder, and what is contracted."""
        widths = " - ".join(map(str, (EVENT, *self.hidden, self.latent)))
        return f"{widths}, {'both' if self.contract_decoder else 'encoder'}"

    def told(self, folder: Path) -> dict[str, Any]:
        """What a contender's script is told, the events being in `folder`."""
        return asdict(self) | {"data": str(folder / f"{self.events}.npy")}


FULL = (
    Work((200,), 30),
    Work((200,), 30, contract_decoder=1e-3),
    Work((256, 128), 16, contract_decoder=1e-3),
    Work((), 64, code="sigmoid"),
)
QUICK = (
    Work((20,), 5, contract_decoder=1e-3, events=256, epochs=2),
    Work((), 5, code="sigmoid", events=256, epochs=2),
)


def measure(setting: Setting) -> str:
    """The section of the results."""
    works = QUICK if setting.quick else FULL
    folder = setting.folder
    origin = write_events(folder, works[0].events)

    def both(work: Work) -> list[Contender]:
        given = work.told(folder)
        theirs = given | {"threads": machine.cores()}
        return [
            Contender(
                f"{OURS} {work.named}",
                Path(sys.executable),
                HERE / "ours" / "contractive.py",
                given,
            ),
            Contender(
                f"{THEIRS} {work.named}", setting.peers, HERE / "peers" / "contractive.py", theirs
            ),
        ]

    products = machine.products(setting)
    contenders = [one for work in works for one in both(work)]
    runs = interleave([*products, *contenders], setting.rounds)
    first = works[0]
    return "\n\n".join(
        [
            f"Autoencoders with tanh between linear maps, the decoder mirroring the encoder, and a "
            f"logistic code where there is no hidden layer, learn by Adam at a rate of 1e-3 in "
            f"batches of {first.batch} from {first.events:,} events: {origin}. To the squared "
            "error 1e-3 times the exact squared norm of the encoder's Jacobian is added, or also "
            "of the decoder's. PyTorch takes Jacobians by `torch.func`, row by row or column by "
            "column, whichever are fewer, and squares them; the package multiplies matrices. "
            f"Steps per second are those of all of {first.epochs} epochs but the first. Error and "
            "norm are those of the last epoch, of different first weights.",
            machine.describe(runs, setting),
            table(
                (
                    "encoder, and what is contracted",
                    f"{OURS}, steps/s",
                    f"{THEIRS}, steps/s",
                    "times as fast",
                    "error",
                    "their error",
                    "norm",
                    "their norm",
                ),
                [_row(runs, work) for work in works],
            ),
            "\n".join(
                aim(f"times the speed of torch.func, {work.named}", _gain(runs, work), 1.5, ".2f")
                for work in works
            ),
            failures(runs),
        ]
    )


def write_events(folder: Path, count: int) -> str:
    """A file of so many events, and what they are in words."""
    if MNIST.exists():
        images = np.asarray(read(MNIST).events[:count]).reshape(-1, EVENT)
        events = (images / 255).astype(np.float32)
        origin = "images of MNIST, from zero to one"
    else:
        events = np.random.default_rng(0).random((count, EVENT), np.float32)
        origin = "random numbers, as MNIST is not at hand"
    np.save(folder / f"{count}.npy", events)
    return origin


def fitted(what: str) -> Callable[[Result], float]:
    """A number of a fit's result."""
    return lambda result: result[what]


def _gain(runs: Runs, work: Work) -> Values:
    ours, theirs = (runs.values(f"{name} {work.named}", fitted("rate")) for name in (OURS, THEIRS))
    return ratios(ours, theirs)


def _row(runs: Runs, work: Work) -> list[str]:
    ours, theirs = (f"{name} {work.named}" for name in (OURS, THEIRS))
    return [
        work.named,
        cell(runs.values(ours, fitted("rate")), ",.1f"),
        cell(runs.values(theirs, fitted("rate")), ",.1f"),
        cell(_gain(runs, work), ".2f"),
        cell(runs.values(ours, fitted("reconstruction")), ".2f"),
        cell(runs.values(theirs, fitted("reconstruction")), ".2f"),
        cell(runs.values(ours, fitted("jacobian")), ".2f"),
        cell(runs.values(theirs, fitted("jacobian")), ".2f"),
    ]
