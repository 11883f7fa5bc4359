"""How fast adversarial nets learn: here, and in a plain loop."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.toys import Grid
from benchmarks import machine
from benchmarks.harness import Contender, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import ratios
from benchmarks.vae_training import EVENT, fitted, write_events

TITLE = "Learning adversarial nets"
ROUNDS = 3

OURS, LOOP = "Ansatz", "plain PyTorch loop"

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Work:
    """Two nets of equal hidden layers, their game, and what they learn."""

    loss: str
    events: int
    width: int
    image: bool = False
    depth: int = 3
    latent: int = 16
    batch: int = 256
    epochs: int = 4

    @property
    def name(self) -> str:
        what = f"{EVENT} pixels" if self.image else "the plane"
        return f"{self.loss}, {what}, {self.depth} × {self.width}"

    def told(self, folder: Path) -> dict[str, Any]:
        """What a contender's script is told, the events being in `folder`."""
        wasserstein = self.loss == "wasserstein"
        return {
            "data": str(folder / f"{self.events}.npy"),
            "loss": self.loss,
            "constraint": "gradient-penalty" if wasserstein else "none",
            "penalty": 10.0 if wasserstein else None,
            "discriminator_steps": 5 if wasserstein else 1,
            "width": self.width,
            "depth": self.depth,
            "latent": self.latent,
            "batch": self.batch,
            "epochs": self.epochs,
        }


FULL = (
    Work("non-saturating", events=50_000, width=128),
    Work("wasserstein", events=50_000, width=128),
    Work("non-saturating", events=15_000, width=400, depth=2, image=True),
    Work("wasserstein", events=15_000, width=400, depth=2, image=True),
)
QUICK = (
    Work("non-saturating", events=1024, width=16, epochs=2),
    Work("wasserstein", events=1024, width=16, epochs=2),
    Work("non-saturating", events=512, width=16, image=True, epochs=2),
)


def measure(setting: Setting) -> str:
    """The section of the results."""
    works = QUICK if setting.quick else FULL
    origin = write_events(setting.folder, {work.events for work in works if work.image})
    for count in {work.events for work in works if not work.image}:
        points, _ = Grid(5, 1.0, 0.05).draw(count, 0)
        np.save(setting.folder / f"{count}.npy", points.astype(np.float32))
    products = machine.products(setting)
    by_work = [(work, _race(work, setting, products)) for work in works]
    first = works[0]
    return "\n\n".join(
        [
            "A generator and a discriminator of as many hidden layers and units (ReLU, float32) "
            f"learn by Adam in batches of {first.batch} from points of a grid of 25 Gaussians, or "
            f"{origin}. The generator moves with every step of the discriminator, or with every "
            "fifth in the game of Wasserstein, which has a penalty on gradients. Steps are those "
            f"of the discriminator, in all of {first.epochs} epochs but the first. The loop's "
            "players take turns, each on samples of its own; ours move on the same ones at once.",
            machine.describe(by_work[0][1], setting),
            table(
                ("game", f"{OURS}, steps/s", f"{LOOP}, steps/s", "ratio"),
                [_row(work, runs) for work, runs in by_work],
            ),
            "\n".join(
                aim(f"times the rate of the plain loop, {work.name}", _ratio(runs), 1.3, ".2f")
                for work, runs in by_work
            ),
            failures(*(runs for _, runs in by_work)),
        ]
    )


def _race(work: Work, setting: Setting, products: list[Contender]) -> Runs:
    given = work.told(setting.folder)
    ours = Contender(OURS, Path(sys.executable), HERE / "ours" / "gan.py", given)
    theirs = given | {"threads": machine.cores()}
    loop = Contender(LOOP, setting.peers, HERE / "peers" / "gan_loop.py", theirs)
    return interleave([*products, ours, loop], setting.rounds)


def _ratio(runs: Runs) -> list[float | None]:
    return ratios(*(runs.values(name, fitted("rate")) for name in (OURS, LOOP)))


def _row(work: Work, runs: Runs) -> list[str]:
    ours, theirs = (runs.values(name, fitted("rate")) for name in (OURS, LOOP))
    return [work.name, cell(ours, ",.0f"), cell(theirs, ",.0f"), cell(_ratio(runs), ".2f")]
