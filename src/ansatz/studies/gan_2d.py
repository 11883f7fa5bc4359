"""Adversarial nets in the plane, where modes can be counted and densities are known."""

from typing import Any, ClassVar

import numpy as np

from ansatz.data.toys import AbstractToy, Grid, Rings
from ansatz.evaluate.modes import Modes, count_modes
from ansatz.protocol.figures import Bars, Cloud, Curve, Curves, ImageGrid, Panel, Scatter
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.optimal_discriminator import SIDE, Opinion, believed, best, opinion, square
from ansatz.studies.study import Context, Findings, Study

GRID = Grid(5, 1.0, 0.05)
RINGS = Rings()
SAMPLES = 10_000
LEAST = 100
"""Samples that make a mode a visited one: a quarter of its part."""
SHARE = 0.9
SHOWN = 3000

SOUND: dict[str, Any] = {
    "loss": "non-saturating",
    "latent": 2,
    "hidden": (128, 128, 128),
    "batch": 128,
    "rate": 3e-3,
    "validation": 0.02,
    "test": 0.02,
}
MINIMAX: dict[str, Any] = {**SOUND, "loss": "minimax"}


class GAN2DStudy(Study):
    """Of a generator whose density q is known, a fixed Gaussian, the discriminator that learns
    against two moons, whose density p is known, should come to D* = p / (p + q), and its loss to
    log 4 − 2 JSD(p ‖ q) (Goodfellow and others, 2014). Then generators learn: 25 Gaussians on a
    grid, 0.05 wide and 1 apart, and three rings. A sound net, the non-saturating loss with a
    zero-centred penalty on slopes at events (Mescheder, Geiger and Nowozin, 2018), visits every
    mode and leaves little between them. The minimax loss with nothing to hold its discriminator,
    and the same nets, loses modes.
    """

    name: ClassVar[str] = "gan-2d"
    title: ClassVar[str] = "The best discriminator, and all modes of a grid"

    def run(self, context: Context) -> Findings:
        known = opinion(context)
        # Epochs of the sound net, of minimax, which has lost its modes early, and of rings.
        rounds, lost_by, of_rings = (64, 16, 24) if context.quick else (50, 50, 25)
        points = 25_000 if context.quick else 50_000
        seeds = 1 if context.quick else 3
        drawn, _ = GRID.draw(points, context.seed)
        path = context.save("grid.npy", drawn.astype(np.float32))
        sound = context.fit("grid", "gan", path, **SOUND, epochs=rounds, seeds=seeds)
        minimax = context.fit("grid-minimax", "gan", path, **MINIMAX, epochs=lost_by, seeds=seeds)
        drawn, _ = RINGS.draw(points, context.seed)
        path = context.save("rings.npy", drawn.astype(np.float32))
        (rings,) = context.fit("rings", "gan", path, **SOUND, epochs=of_rings)
        counted = [modes(run, GRID) for run in sound]
        lost = [modes(run, GRID) for run in minimax]
        return Findings(
            (
                *known_claims(known),
                *grid_claims(counted),
                *minimax_claims(lost),
                *ring_claims(modes(rings, RINGS)),
            ),
            (
                discriminators(known),
                clouds("grid", GRID, {"non-saturating": sound[0], "minimax": minimax[0]}),
                clouds("rings", RINGS, {"non-saturating": rings}),
                counts(counted, lost),
                learning({"non-saturating": sound, "minimax": minimax}),
            ),
        )


def modes(run: Run, toy: AbstractToy) -> Modes:
    """Modes that samples of a run visit."""
    return count_modes(run.sample(SAMPLES, seed=1).astype(float), toy)


def known_claims(found: Opinion) -> tuple[Claim, ...]:
    """The discriminator against the best one."""
    return (
        Claim(
            name="best discriminator",
            sentence="The discriminator is p / (p + q): the mean of (D − D*)².",
            expected=0.0,
            source="both densities, exact",
            measured=Measured(found.off.value, found.off.error),
            tolerance=1e-3,
            why="a root mean square of 0.03, of probabilities",
            side="at most",
        ),
        Claim(
            name="its loss",
            sentence="Its loss is log 4 − 2 JSD(p ‖ q).",
            expected=found.best,
            source="the integral over both densities",
            measured=Measured(found.loss.value, found.loss.error),
            tolerance=0.01,
            why="a hundredth of a nat",
            unit="nats",
        ),
    )


def grid_claims(found: list[Modes]) -> tuple[Claim, ...]:
    """Every mode is visited, and few samples lie between."""
    of = "" if len(found) == 1 else f", in the worst of {len(found)} fits"
    worst = min(found, key=lambda one: one.share.value)
    return (
        Claim(
            name="grid, modes",
            sentence=f"Of 25 modes at least 24 have {LEAST} of {SAMPLES:,} samples or more{of}.",
            expected=24.0,
            source="the grid, of which each mode has 400",
            measured=Measured(float(min(one.visited(LEAST) for one in found))),
            tolerance=0.0,
            why="a count",
            unit="modes",
            side="at least",
        ),
        Claim(
            name="grid, share",
            sentence=f"Nine samples in ten lie within 3 standard deviations of a mode{of}.",
            expected=SHARE,
            source="the grid, of which 98.9 % do",
            measured=Measured(*worst.share),
            tolerance=0.0,
            why="a tenth of samples between modes is what a generator without jumps may leave",
            side="at least",
        ),
    )


def minimax_claims(found: list[Modes]) -> tuple[Claim, ...]:
    """What the minimax loss leaves undone."""
    of = "" if len(found) == 1 else f", in the best of {len(found)} fits"
    return (
        Claim(
            name="grid, minimax",
            sentence="With nothing to hold its discriminator the minimax loss misses modes: so "
            f"many have {LEAST} samples or more{of}.",
            expected=23.0,
            source="the generator's gradient vanishes where the discriminator is sure (Goodfellow "
            "and others, 2014)",
            measured=Measured(float(max(one.visited(LEAST) for one in found))),
            tolerance=0.0,
            why="one fewer than a sound net must visit",
            unit="modes",
            side="at most",
        ),
    )


def ring_claims(found: Modes) -> tuple[Claim, ...]:
    """The same of rings."""
    return (
        Claim(
            name="rings, modes",
            sentence="Each of three rings has a quarter of the samples or more: the least of them.",
            expected=0.25,
            source="the rings, of which each has a third",
            measured=Measured(float(found.counts.min() / SAMPLES)),
            tolerance=0.0,
            why="three quarters of its part",
            side="at least",
        ),
        Claim(
            name="rings, share",
            sentence="Nine samples in ten lie within 3 standard deviations of a ring.",
            expected=SHARE,
            source="the rings, of which 99.7 % do",
            measured=Measured(*found.share),
            tolerance=0.0,
            why="as on the grid",
            side="at least",
        ),
    )


def discriminators(found: Opinion) -> ImageGrid:
    """The learnt discriminator beside the best one."""
    points, _ = square(SIDE)
    images = np.stack([best(points), believed(found.run, points)]).reshape(1, 2, SIDE, SIDE)
    return ImageGrid(
        name="discriminator",
        title="The best discriminator",
        caption="D* = p / (p + q) of two moons p and a Gaussian q, and the discriminator that has "
        "learnt from draws of both. Far out, where there are hardly any, nothing has told it.",
        images=images,
        column_labels=("best", "learnt"),
        scale=(0.0, 1.0),
        joined=True,
    )


def clouds(name: str, toy: AbstractToy, runs: dict[str, Run]) -> Scatter:
    """Draws of a toy and of the generators that learnt it."""
    events, _ = toy.draw(SHOWN, 1)
    return Scatter(
        name=name,
        title=f"The {name}",
        caption=f"Draws of the {name} itself, and samples of what learnt it. Points between the "
        "modes are bridges, which a generator without jumps cannot do without.",
        clouds=(
            Cloud("data", events),
            *(Cloud(label, run.sample(SHOWN, seed=2)) for label, run in runs.items()),
        ),
        x_label="x",
        y_label="y",
    )


def counts(sound: list[Modes], lost: list[Modes]) -> Bars:
    """How many samples each mode has, the fewest first."""
    ordered = [np.sort(one[0].counts) for one in (sound, lost)]
    return Bars(
        name="modes",
        title="Samples of each mode",
        caption=f"How many of {SAMPLES:,} samples each of the 25 modes has, the fewest first, with "
        f"the non-saturating loss and, as a line, with minimax. Each should have 396.",
        labels=tuple(str(k + 1) for k in range(len(ordered[0]))),
        values=ordered[0].astype(float),
        x_label="mode",
        y_label="samples",
        line=ordered[1].astype(float),
        line_label="minimax",
    )


def learning(runs: dict[str, tuple[Run, ...]]) -> Curves:
    """The loss of the discriminator, and what samples miss, epoch by epoch."""
    panels = []
    for name, label in (("loss", "loss of the discriminator"), ("validation_missed", "missed")):
        curves = [Curve(kind, *run.course(name)) for kind, all_ in runs.items() for run in all_]
        panels.append(Panel(label, tuple(curves)))
    return Curves(
        name="learning",
        title="The course of the game on the grid",
        caption="The loss of the discriminator, log 4 = 1.386 where it can tell nothing, and the "
        "part of the events that no sample comes near, zero where nothing is wrong but for chance.",
        panels=tuple(panels),
        x_label="epoch",
    )
