"""How fast flows learn, score and sample: here, in flowjax, in zuko, and in a plain loop."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.read import read
from benchmarks import machine
from benchmarks.harness import Contender, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import Values, ratios
from benchmarks.vae_training import EVENT, MNIST, fitted

TITLE = "Flows"
ROUNDS = 3

OURS, FLOWJAX, ZUKO, LOOP = "Ansatz", "flowjax", "zuko", "plain PyTorch loop"
USES = {"rate": "learnt", "score": "scored", "draw": "sampled"}
LEAST = 1.5

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Work:
    """Affine couplings on a table, or additive ones on images, and how they learn."""

    numbers: int
    events: int
    epochs: int
    layers: int = 8
    width: int = 128
    depth: int = 2
    batch: int = 256
    used: int = 10_000
    """Events scored and sampled at once; 0 leaves that out."""

    def told(self, folder: Path) -> dict[str, Any]:
        """What a peer's script is told, the events being in `folder`."""
        return {
            "data": str(folder / f"{self.numbers}.npy"),
            "epochs": self.epochs,
            "layers": self.layers,
            "width": self.width,
            "depth": self.depth,
            "batch": self.batch,
            "used": self.used,
            "seconds": 2.0,
            "threads": machine.cores(),
        }

    def settings(self, **more: Any) -> dict[str, Any]:
        """The same as settings of our recipe."""
        hidden = [self.width] * self.depth
        return {"layers": self.layers, "hidden": hidden, "batch": self.batch, **more}


FULL = (
    Work(10, events=50_000, epochs=5),
    Work(64, events=50_000, epochs=5),
    Work(EVENT, events=6000, epochs=3, layers=4, width=1000, depth=5, batch=200, used=0),
)
QUICK = (
    Work(10, events=1000, epochs=2, used=500),
    Work(64, events=1000, epochs=2, used=500),
    Work(EVENT, events=400, epochs=2, layers=2, width=20, depth=2, batch=100, used=0),
)


def measure(setting: Setting) -> str:
    """The section of the results."""
    *tables, images = QUICK if setting.quick else FULL
    origin = write_events(setting.folder, tables, images)
    products = machine.products(setting)
    affine = {"coupling": "affine", "mixing": "permute"}
    raced = []
    for work in tables:
        told = work.told(setting.folder)
        contenders = [
            _ours(work, told, **affine),
            Contender(FLOWJAX, setting.peers, HERE / "peers" / "flowjax_flow.py", told),
            Contender(ZUKO, setting.peers, HERE / "peers" / "zuko_flow.py", told),
        ]
        raced.append((work, interleave([*products, *contenders], setting.rounds)))
    told = images.told(setting.folder)
    nice = {"coupling": "additive", "mixing": "reverse", "base": "logistic"}
    pair = [
        _ours(images, told, **nice),
        Contender(LOOP, setting.peers, HERE / "peers" / "nice_loop.py", told),
    ]
    on_images = interleave([*products, *pair], setting.rounds)
    first = tables[0]
    return "\n\n".join(
        [
            f"Flows of {first.layers} affine couplings, with nets of {first.depth} layers of "
            f"{first.width} units (float32), learn tables by Adam in batches of {first.batch}. "
            "Events per second learnt are those of all epochs but the first, in each package's "
            "own training loop, zuko's being a plain one; scored and sampled, those of "
            f"{first.used:,} events at once.",
            machine.describe(raced[0][1], setting),
            table(
                ("numbers and contender", *(f"{use}, events/s" for use in USES.values()), "loss"),
                [_row(w, runs, name) for w, runs in raced for name in (OURS, FLOWJAX, ZUKO)],
            ),
            "\n".join(
                aim(
                    f"times the rate at which {name} has {use} events of {work.numbers} numbers",
                    _ratio(runs, what, name),
                    LEAST,
                    ".2f",
                )
                for work, runs in raced
                for what, use in USES.items()
                for name in (FLOWJAX, ZUKO)
            ),
            f"NICE of {images.layers} additive couplings, with nets of {images.depth} layers of "
            f"{images.width} units, learns {images.events:,} {origin}, in batches of "
            f"{images.batch}; their scales start differently, so that losses do not compare.",
            table(
                ("contender", "learnt, events/s", "Ansatz / contender"),
                [_image_row(on_images, name) for name in (OURS, LOOP)],
            ),
            failures(*(runs for _, runs in raced), on_images),
        ]
    )


def write_events(folder: Path, tables: list[Work], images: Work) -> str:
    """Files of events, and what those of images are in words."""
    generator = np.random.default_rng(0)
    for work in tables:
        z = generator.normal(size=(work.events, work.numbers))
        mixed = np.sinh(z @ generator.normal(size=(work.numbers,) * 2) / work.numbers**0.5)
        np.save(folder / f"{work.numbers}.npy", (mixed / mixed.std(0)).astype(np.float32))
    if MNIST.exists():
        grey = 255 * np.asarray(read(MNIST).events[: images.events]).reshape(-1, images.numbers)
        np.save(folder / f"{images.numbers}.npy", np.rint(grey).astype(np.uint8))
        return "images of MNIST"
    noise = generator.integers(0, 256, (images.events, images.numbers), np.uint8)
    np.save(folder / f"{images.numbers}.npy", noise)
    return "images of noise, as MNIST is not at hand"


def _ours(work: Work, told: dict[str, Any], **more: Any) -> Contender:
    given = {**told, "settings": work.settings(**more)}
    return Contender(OURS, Path(sys.executable), HERE / "ours" / "flow.py", given)


def _ratio(runs: Runs, what: str, name: str) -> Values:
    return ratios(*(runs.values(one, fitted(what)) for one in (OURS, name)))


def _row(work: Work, runs: Runs, name: str) -> list[str]:
    rates = [cell(runs.values(name, fitted(what)), ",.0f") for what in USES]
    loss = cell(runs.values(name, fitted("loss")), ".2f")
    return [f"{work.numbers}, {name}", *rates, loss]


def _image_row(runs: Runs, name: str) -> list[str]:
    rates = cell(runs.values(name, fitted("rate")), ",.0f")
    return [name, rates, "" if name == OURS else cell(_ratio(runs, "rate", name), ".2f")]
