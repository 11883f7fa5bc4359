"""What little noise asks of an autoencoder, with the term that is often left out; and what a
denoising one learns."""

from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from ansatz.data.toys import Moons
from ansatz.evaluate.estimate import weighted_mean
from ansatz.protocol.figures import Curve, Curves, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.little_noise import (
    DIGIT_NOISE,
    STRENGTHS,
    Drawn,
    Expansion,
    Points,
    drawn,
    expand,
    reconstruction,
)
from ansatz.studies.study import Context, Findings, Study

THICKNESS = 0.05
"""Of the arc that the plain autoencoder learns, and of the moons that the denoising one does."""
NOISE = 0.15
EVENTS, POINTS = 10_000, 300
OUTSIDE = (1.4, 2.0)
"""Distances from the centre at which reconstructions are not good."""
DRAWS = 400
"""Of noise, for each digit."""


class DenoisingAEStudy(Study):
    """To second order in the deviation ε of Gaussian noise the loss of a denoising autoencoder
    F is ⟨|F(x + εn) − x|²⟩ = |F(x) − x|² + ε² [‖J_F‖² + (F(x) − x)·ΔF(x)]. Often only the
    first of the two terms is kept, and noise called a contraction. The other is small where
    reconstructions are good, and not elsewhere: of the projection on a circle it is r(r − 1) times
    the first, at the distance r from the centre. Both are measured, in the plane by quadrature, for
    a plain autoencoder of half a circle with a code of one number, on its data and outside, and
    for one of digits by drawing noise. The loss itself, of any ε, is smallest at
    F(x) = x + ε² ∇ log p_ε(x), with p_ε the density of noisy events (Alain and Bengio, 2014): of
    the moons it is known, and the net that learns to take noise away has learnt its slope.
    """

    name: ClassVar[str] = "denoising-ae"
    title: ClassVar[str] = "What noise asks of an autoencoder"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        arc = arcs(generator, 1 + THICKNESS * generator.standard_normal(EVENTS))
        moons = Moons(THICKNESS).draw(EVENTS, context.seed)[0]
        epochs = 100 if context.quick else 400
        settings: dict[str, Any] = {
            "validation": 0.0,
            "test": 0.0,
            "batch": 100,
            "epochs": epochs,
            "rate": 3e-3,
            "schedule": "cosine",
        }
        own: dict[str, Any] = {"preprocess": ("none",), **settings}
        (plain,) = context.fit(
            "plain",
            "autoencoder",
            context.save("arc.npy", arc.astype(np.float32)),
            latent=1,
            hidden=(32, 32),
            activation="tanh",
            **own,
        )
        (denoising,) = context.fit(
            "denoising",
            "autoencoder",
            context.save("moons.npy", moons.astype(np.float32)),
            latent=8,
            hidden=(64, 64),
            noise=NOISE,
            **own,
        )
        (digits,) = context.fit(
            "digits",
            "autoencoder",
            "digits",
            latent=16,
            hidden=(64,),
            activation="tanh",
            **settings,
        )
        on = arcs(generator, 1 + THICKNESS * generator.standard_normal(POINTS))
        off = arcs(generator, generator.uniform(*OUTSIDE, POINTS))
        with jax.enable_x64(True):
            F = reconstruction(plain)
            places = {"on the data": expand(F, on), "outside": expand(F, off)}
        noisy = drawn(digits, DRAWS if context.quick else 10 * DRAWS)
        learnt = slopes(denoising, context.seed + 2)
        return Findings(claims(places, noisy, learnt), figures(places, denoising))


def arcs(generator: np.random.Generator, radius: np.ndarray) -> Points:
    """Points at these distances from the origin, over half a turn."""
    turn = generator.uniform(0, np.pi, len(radius))
    return radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)


class Slopes(NamedTuple):
    """At noisy events: where the net moves them, and where the best one does."""

    points: Points
    learnt: Points
    exact: Points

    @property
    def missed(self) -> np.ndarray:
        """|learnt − exact|² over the mean of |exact|², at each of the events."""
        off = np.sum((self.learnt - self.exact) ** 2, 1)
        return off / np.mean(np.sum(self.exact**2, 1))


def best_move(points: Points) -> Points:
    """ε² ∇ log p_ε: the moons with noise are moons that are thicker, and differences do."""
    moons, step = Moons(float(np.hypot(THICKNESS, NOISE))), 1e-5
    slopes = [
        (moons.log_prob(points + step * axis) - moons.log_prob(points - step * axis)) / (2 * step)
        for axis in np.eye(2)
    ]
    return NOISE**2 * np.stack(slopes, 1)


def slopes(run: Run, seed: int) -> Slopes:
    """On moons that it has not seen, with noise."""
    points = Moons(float(np.hypot(THICKNESS, NOISE))).draw(2000, seed)[0]
    return Slopes(points, moves(run, points), best_move(points))


def moves(run: Run, points: Points) -> Points:
    """F(x) − x."""
    return run.reconstruct(points.astype(np.float32)).astype(float) - points


def claims(places: dict[str, Expansion], noisy: Drawn, learnt: Slopes) -> tuple[Claim, ...]:
    """The second order in the plane and of digits, the size of the last term, and the slope."""
    on, off = places.values()
    order = np.polyfit(np.log(STRENGTHS[2:]), np.log(np.abs(off.added[2:] - off.both)), 1)[0]
    expected = noisy.jacobian + noisy.curvature
    scale = float(expected.mean())
    return (
        *(
            Claim(
                name=f"second order {name}",
                sentence="What little noise adds to the loss, over ε², is ‖J_F‖² + (F − x)·ΔF, "
                f"{name}: the difference, as a part of ‖J_F‖².",
                expected=0.0,
                source="Taylor's theorem, with ⟨nᵢnⱼ⟩ = δᵢⱼ",
                measured=Measured((place.limit - place.both) / place.jacobian),
                tolerance=1e-4,
                why="what the limit of five strengths, each half the one before, leaves of ε⁶",
            )
            for name, place in places.items()
        ),
        Claim(
            name="next order",
            sentence="What is missing falls as ε² when ε does: the exponent, outside.",
            expected=2.0,
            source="odd orders vanish on average",
            measured=Measured(float(order)),
            tolerance=0.1,
            why="higher orders bend the line a little",
        ),
        Claim(
            name="small on the data",
            sentence="Where reconstructions are good, on the data, the last term is small: "
            "|(F − x)·ΔF| / ‖J_F‖², of the means over events.",
            expected=0.0,
            source="r(r − 1) of the projection on a circle, whose mean over the data is σ²",
            measured=Measured(on.share),
            tolerance=0.1,
            why="a tenth is what one may leave out",
        ),
        Claim(
            name="large outside",
            sentence="Where they are not, outside the arc, it is larger: the same, less that on "
            "the data.",
            expected=0.0,
            source="r(r − 1) of the projection on a circle, from 0.6 to 2 there",
            measured=Measured(off.share - on.share),
            tolerance=0.0,
            why="larger is larger",
            side="at least",
        ),
        Claim(
            name="digits",
            sentence="Of digits the same holds of noise that is drawn: what it adds over ε², less "
            "both terms, as a part of these.",
            expected=0.0,
            source="Taylor's theorem",
            measured=Measured(*(value / scale for value in weighted_mean(noisy.added - expected))),
            tolerance=0.02,
            why=f"what noise of deviation {DIGIT_NOISE} adds in the next order is of order ε²",
        ),
        Claim(
            name="slope",
            sentence="The denoising net moves noisy events by ε² ∇ log p_ε: the mean of what is "
            "missed, squared, as a part of the mean square of that.",
            expected=0.0,
            source="F(x) = x + ε² ∇ log p_ε(x) makes the loss smallest (Alain and Bengio, 2014), "
            "with p_ε the density of moons of thickness √(σ² + ε²)",
            measured=Measured(*weighted_mean(learnt.missed)),
            tolerance=0.05,
            why="a twentieth: the net has learnt from ten thousand events",
        ),
    )


def figures(places: dict[str, Expansion], denoising: Run) -> tuple[Curves, ...]:
    """What noise adds by its strength, and the field of moves beside the exact one."""
    panels = []
    for name, place in places.items():
        flat = np.ones(len(STRENGTHS))
        panels.append(
            Panel(
                name,
                (
                    Curve("measured", STRENGTHS, place.added),
                    Curve("‖J‖² + (F − x)·ΔF", STRENGTHS, place.both * flat),
                    Curve("‖J‖² alone", STRENGTHS, place.jacobian * flat),
                ),
            )
        )
    side = np.stack(np.meshgrid(np.linspace(-1.4, 2.4, 17), np.linspace(-0.9, 1.4, 11)), -1)
    points = side.reshape(-1, 2)
    arrows = []
    for label, moved in (("learnt", moves(denoising, points)), ("exact", best_move(points))):
        lines = zip(points, points + moved, strict=True)
        arrows.append(
            Panel(
                f"{label}: y",
                tuple(
                    Curve(label, np.array([a[0], b[0]]), np.array([a[1], b[1]])) for a, b in lines
                ),
            )
        )
    return (
        Curves(
            name="orders",
            title="What noise adds to the loss",
            caption="⟨|F(x + εn) − x|²⟩ − |F(x) − x|², over ε², the mean over points: for little "
            "noise it comes to both terms, not to the first alone, from which it differs the more "
            "the worse reconstructions are.",
            panels=tuple(panels),
            x_label="deviation of the noise",
        ),
        Curves(
            name="moves",
            title="Where noisy events are moved",
            caption="From each point of a grid, where the denoising autoencoder moves it, and "
            "ε² ∇ log p_ε, where the best does: towards the moons. Far from all events, of which "
            "the net has seen none, the two may differ.",
            panels=tuple(arrows),
            x_label="x",
        ),
    )
