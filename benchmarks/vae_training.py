"""How fast a variational autoencoder learns: here, in a plain loop, and in pythae."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.read import read
from benchmarks import machine
from benchmarks.harness import Contender, Result, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import Values, ratios, training_flops

TITLE = "Learning a variational autoencoder"
ROUNDS, ROUNDS_BY_SIZE = 5, 3

OURS, KEPT, LOOP, PYTHAE = "Ansatz", "Ansatz kept on disk", "plain PyTorch loop", "pythae"

HERE = Path(__file__).parent
MNIST = HERE.parents[1] / "shared" / "data" / "mnist"
EVENT = 784


@dataclass(frozen=True)
class Work:
    """One autoencoder 784 - width - width - latent - width - width - 784, and how it learns."""

    events: int
    epochs: int
    width: int = 400
    batch: int = 128
    latent: int = 20

    def told(self, folder: Path) -> dict[str, Any]:
        """What a contender's script is told, the events being in `folder`."""
        return {
            "data": str(folder / f"{self.events}.npy"),
            "width": self.width,
            "latent": self.latent,
            "batch": self.batch,
            "epochs": self.epochs,
        }


@dataclass(frozen=True)
class Plan:
    """What is measured: one work by all contenders, and other sizes by two of them."""

    main: Work
    sizes: tuple[Work, ...]


SMALL = 8192

FULL = Plan(
    Work(25_600, epochs=4),
    (
        *(Work(SMALL, epochs=5, batch=batch) for batch in (32, 128, 256, 1024)),
        *(Work(SMALL, epochs=5, width=width) for width in (100, 200, 800, 1600)),
    ),
)
QUICK = Plan(
    Work(1280, epochs=2, width=50),
    (Work(256, epochs=2, width=50, batch=32), Work(256, epochs=2, width=20)),
)


def measure(setting: Setting) -> str:
    """The section of the results."""
    plan = QUICK if setting.quick else FULL
    main, folder = plan.main, setting.folder
    origin = write_events(folder, {work.events for work in (main, *plan.sizes)})

    def ours(name: str, work: Work, **more: Any) -> Contender:
        given = work.told(folder) | more
        return Contender(name, Path(sys.executable), HERE / "ours" / "vae.py", given)

    def theirs(name: str, script: str, work: Work) -> Contender:
        given = work.told(folder) | {"threads": machine.cores()}
        return Contender(name, setting.peers, HERE / "peers" / script, given)

    products = machine.products(setting)
    runs = interleave(
        [
            *products,
            ours(OURS, main),
            theirs(LOOP, "torch_loop.py", main),
            theirs(PYTHAE, "pythae_trainer.py", main),
            ours(KEPT, main, keeps=True),
        ],
        setting.rounds,
    )
    by_size = [
        (
            work,
            interleave(
                [*products, ours(OURS, work), theirs(LOOP, "torch_loop.py", work)],
                min(setting.rounds, ROUNDS_BY_SIZE),
            ),
        )
        for work in plan.sizes
    ]
    return "\n\n".join(
        [
            f"A Bernoulli autoencoder of {EVENT} - {main.width} - {main.width} - {main.latent} - "
            f"{main.width} - {main.width} - {EVENT} units (ReLU, float32) learns by Adam at a rate "
            f"of 1e-3 in batches of {main.batch} from {main.events:,} events: {origin}. Events "
            f"per second are those of all of {main.epochs} epochs but the first, without "
            "validation; the loss, in nats, is that of the last.",
            machine.describe(runs, setting),
            table(
                ("contender", "events/s", "Ansatz / contender", "loss"),
                [_row(runs, name) for name in (OURS, LOOP, PYTHAE, KEPT)],
            ),
            _aims(runs),
            f"Other sizes, with {plan.sizes[0].events:,} events; the share is that of the rate at "
            "which the machine multiplies matrices:",
            table(
                ("width", "batch", f"{OURS}, events/s", f"{LOOP}, events/s", "ratio", "share"),
                [_size(sized, work) for work, sized in by_size],
            ),
            failures(runs, *(sized for _, sized in by_size)),
        ]
    )


def write_events(folder: Path, counts: set[int]) -> str:
    """Files of so many binary events, and what they are in words."""
    generator = np.random.default_rng(0)
    most = max(counts)
    if MNIST.exists():
        grey = np.asarray(read(MNIST).events[:most]).reshape(-1, EVENT)
        events = (255 * generator.random(grey.shape, np.float32) < grey).astype(np.uint8)
        origin = "images of MNIST, each grey drawn once as a zero or a one"
    else:
        events = generator.integers(0, 2, (most, EVENT), np.uint8)
        origin = "random bits, as MNIST is not at hand"
    for count in counts:
        np.save(folder / f"{count}.npy", events[:count])
    return origin


def fitted(what: str) -> Callable[[Result], float]:
    """A number of a fit's result."""
    return lambda result: result[what]


def share(runs: Runs) -> Values:
    """The part of the machine's fastest product that our learning reaches, round by round."""
    reached = runs.values(
        OURS, lambda result: result["rate"] * training_flops(result["parameters"])
    )
    return ratios(reached, machine.fastest_product(runs))


def _row(runs: Runs, name: str) -> list[str]:
    ours, rates = (runs.values(one, fitted("rate")) for one in (OURS, name))
    return [
        name,
        cell(rates, ",.0f"),
        "" if name == OURS else cell(ratios(ours, rates), ".2f"),
        cell(runs.values(name, fitted("loss")), ".1f"),
    ]


def _size(runs: Runs, work: Work) -> list[str]:
    ours, theirs = (runs.values(name, fitted("rate")) for name in (OURS, LOOP))
    return [
        str(work.width),
        str(work.batch),
        cell(ours, ",.0f"),
        cell(theirs, ",.0f"),
        cell(ratios(ours, theirs), ".2f"),
        cell(share(runs), ".0%"),
    ]


def _aims(runs: Runs) -> str:
    ours, loop, pythae = (runs.values(name, fitted("rate")) for name in (OURS, LOOP, PYTHAE))
    return "\n".join(
        [
            aim("times the rate of the plain loop", ratios(ours, loop), 1.3, ".2f"),
            aim("times the rate of pythae", ratios(ours, pythae), 2.0, ".2f"),
            aim(
                "share of the rate of the faster product of matrices, at six operations for each "
                "parameter and event",
                share(runs),
                0.6,
                ".0%",
            ),
        ]
    )
