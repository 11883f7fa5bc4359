"""Flows in the plane, where every density is known."""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ansatz.data.toys import AbstractToy, Grid, Moons, Rings
from ansatz.evaluate.estimate import weighted_mean
from ansatz.protocol.figures import Curve, Curves, ImageGrid, Panel
from ansatz.protocol.source import Batch
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

TOYS: dict[str, AbstractToy] = {"moons": Moons(), "rings": Rings(), "grid": Grid()}
POINTS = 50_000
"""Of each toy, a tenth of them to validate on and a tenth to judge by."""
TOLERANCE = 0.1
SIDE, FINE = 96, 192
"""Pixels along each axis of a picture, and points of a sum."""

SETTINGS: dict[str, Any] = {
    "layers": 6,
    "hidden": (64, 64),
    "bins": 16,
    "mixing": "reverse",
    "batch": 256,
    "rate": 5e-3,
    "schedule": "cosine",
    "patience": 0,
    "clip": 5.0,
}


class Fitted(NamedTuple):
    """A toy with its flow, before and after it has learnt."""

    toy: AbstractToy
    start: Run
    run: Run


class Flow2DStudy(Study):
    """Points in the plane have densities that can be looked at and summed. The flow of rational-
    quadratic splines (Durkan and others, 2019) learns three toys whose densities are known: two
    moons, three rings, and 25 Gaussians on a grid, 40 000 points of each. The divergence
    KL(p ‖ q) = E_p[log p(x) − log q(x)] of the flow q from the truth p is a mean over points held
    out. It cannot be negative but by chance: a flow whose log-likelihood is too high has a wrong
    determinant. Nor can its density sum to anything but one, before it has learnt or after.
    """

    name: ClassVar[str] = "flow-2d"
    title: ClassVar[str] = "Flows learn densities that are known"

    def run(self, context: Context) -> Findings:
        epochs = 30 if context.quick else 120
        fitted = {}
        for name, toy in TOYS.items():
            points, _ = toy.draw(POINTS, context.seed)
            path = context.save(f"{name}.npy", points.astype(np.float32))
            (run,) = context.fit(name, "flow", path, **SETTINGS, epochs=epochs)
            fitted[name] = Fitted(toy, at_start(run), run)
        return Findings(
            tuple(claim for name, one in fitted.items() for claim in claims(name, one)),
            (densities(fitted), learning(fitted)),
        )


def at_start(run: Run) -> Run:
    """The run with its flow as it was before the first step."""
    recipe, spec, (_, held) = run.record.recipe, run.record.spec, run.held_out()
    events = run.as_learnt(held)
    weight = jnp.ones(len(events), events.dtype)
    batch = Batch(events, None, weight, jnp.sum(weight))
    key = jax.random.key(0)
    model = recipe.initialise(recipe.build(spec, key), batch, key)
    return replace(run, pipeline=eqx.tree_at(lambda p: p.model, run.pipeline, model))


def claims(name: str, fitted: Fitted) -> tuple[Claim, Claim]:
    """The divergence from the truth, and the sum of the density."""
    _, held = fitted.run.held_out()
    points = np.asarray(held.events)
    gap = fitted.toy.log_prob(points) - fitted.run.log_likelihood(held)
    return (
        Claim(
            name=f"{name}, divergence",
            sentence=f"KL(p ‖ q) of the flow of the {name} from their own density is zero.",
            expected=0.0,
            source="the exact density of the toy, a sum or an integral",
            measured=Measured(*weighted_mean(gap), len(gap) - 1),
            tolerance=TOLERANCE,
            why="a tenth of a nat, a small part of the nat or more by which a Gaussian misses each",
            unit="nats",
        ),
        Claim(
            name=f"{name}, sum",
            sentence=f"The density of the flow of the {name} sums to one.",
            expected=1.0,
            source="the trapezoidal rule",
            measured=Measured(float(density(fitted.run, fitted.toy, FINE)[1])),
            tolerance=0.01,
            why="what lies outside of the square, and the rule's error where slopes jump",
        ),
    )


def square(toy: AbstractToy, side: int) -> tuple[np.ndarray, float]:
    """Points (side², 2) of a square about the toy, and the area that each stands for."""
    drawn, _ = toy.draw(2000, 0)
    centre = (drawn.max(0) + drawn.min(0)) / 2
    half = 0.7 * float((drawn.max(0) - drawn.min(0)).max())
    line = np.linspace(-half, half, side)
    grid = np.stack(np.meshgrid(line, line[::-1]), -1).reshape(-1, 2) + centre
    return grid, (2 * half / (side - 1)) ** 2


def density(run: Run, toy: AbstractToy, side: int) -> tuple[np.ndarray, float]:
    """The flow's density on the square, and its sum."""
    grid, area = square(toy, side)
    values = np.exp(run.log_likelihood(grid.astype(np.float32)).astype(np.float64))
    return values.reshape(side, side), float(values.sum() * area)


def densities(fitted: dict[str, Fitted]) -> ImageGrid:
    """The truth, the start and the end, each toy on a scale of its own."""
    rows = []
    for one in fitted.values():
        exact = np.exp(one.toy.log_prob(square(one.toy, SIDE)[0])).reshape(SIDE, SIDE)
        images = [exact, *(density(run, one.toy, SIDE)[0] for run in (one.start, one.run))]
        rows.append([np.minimum(image / exact.max(), 1) for image in images])
    return ImageGrid(
        name="densities",
        title="Densities",
        caption="The exact density, the flow's at its start and once it has learnt, as a share of "
        "the largest exact value of each row.",
        images=np.array(rows),
        row_labels=tuple(fitted),
        column_labels=("exact", "start", "learnt"),
        scale=(0.0, 1.0),
        joined=True,
    )


def learning(fitted: dict[str, Fitted]) -> Curves:
    """KL(p ‖ q) over validation points, epoch by epoch."""
    curves = []
    for name, one in fitted.items():
        epochs, losses = one.run.course("validation_loss")
        curves.append(Curve(name, epochs, losses - losses.min() + 1e-3))
    return Curves(
        name="learning",
        title="Learning",
        caption="How far the validation loss lies above its best, epoch by epoch; a thousandth of "
        "a nat is added, so that the best can be drawn.",
        panels=(Panel("nats above the best", tuple(curves), log=True),),
        x_label="epoch",
    )
