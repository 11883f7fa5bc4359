"""Posteriors of an oscillator's frequency and damping, from a flow that has seen simulations."""

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import logsumexp

from ansatz.protocol.figures import Cloud, Curve, Curves, Figure, Panel, Scatter
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

CENTRE, WIDTH = np.log([1.5, 0.15]), np.array([0.4, 0.5])
"""Of the normal prior of ln ω and ln γ."""
TIMES = np.linspace(0.75, 6.0, 8)
NOISE = 0.3
REACH, NODES = 4.5, 400
"""The exact posterior is summed over so many deviations of the prior, at so many places."""
TESTED, DRAWS = 2000, 99
LEVEL = 0.9
SHOWN, DRAWN, MOTIONS = 3, 1000, 15

Parameters = Float[np.ndarray, "n 2"]
Readings = Float[np.ndarray, "n times"]


class FlowBayesStudy(Study):
    """What the readings y of a damped oscillator say of its frequency ω and damping γ is the
    posterior p(ω, γ | y), and a flow that is told y can be it for all readings at once: fitted by
    maximum likelihood to pairs of parameters drawn from the prior and readings simulated with
    them, it needs the simulator alone, and not its likelihood (Papamakarios and Murray, 2016).
    Here the likelihood is known: x(t) = exp(−γt) [cos νt + (γ/ν) sin νt], ν² = ω² − γ², read at
    eight times with normal noise, so that the posterior can be summed on a grid, and the flow is
    judged by it. Posteriors are bent, and of few readings have several parts. The full study
    simulates four times as many pairs.
    """

    name: ClassVar[str] = "flow-bayes"
    title: ClassVar[str] = "A flow is the posterior of every reading"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        pairs = Pairs.drawn(250_000 if context.quick else 1_000_000, generator)
        tested = Pairs.drawn(TESTED, generator)
        columns = {"events": ("parameters",), "conditions": ("readings",)}
        (run,) = context.fit(
            "posterior", "flow", pairs.kept(context, "simulated"), **columns, **SETTINGS
        )
        judged = Judged.of(run, tested, context)
        return Findings(claims(judged), figures(run, tested, judged, context.seed))


SETTINGS: dict[str, Any] = {
    "coupling": "spline",
    "layers": 5,
    "hidden": (64, 64),
    "epochs": 5,
    "batch": 250,
    "rate": 2e-3,
    "schedule": "cosine",
    "patience": 0,
    "test": 0.0,
}


class Pairs(NamedTuple):
    """Parameters (ln ω, ln γ), and the readings of an oscillator that has them."""

    parameters: Parameters
    readings: Readings

    @classmethod
    def drawn(cls, n: int, generator: np.random.Generator) -> "Pairs":
        """n from the prior."""
        parameters = CENTRE + WIDTH * generator.normal(size=(n, 2))
        noise = NOISE * generator.normal(size=(n, len(TIMES)))
        return cls(parameters, displacement(parameters) + noise)

    def kept(self, context: Context, name: str) -> Path:
        """A file of both."""
        path = context.folder / f"{name}.npz"
        np.savez(path, parameters=self.parameters, readings=self.readings)
        return path


def displacement(parameters: Parameters, times: np.ndarray = TIMES) -> Readings:
    """x(t) of an oscillator let go at x = 1, ẍ + 2γ ẋ + ω² x = 0, damped beyond swinging or not."""
    frequency, damping = np.exp(parameters).T[:, :, None]
    nu = np.sqrt(frequency**2 - damping**2 + 0j)
    swing = np.cos(nu * times) + damping * times * np.sinc(nu * times / np.pi)
    return np.exp(-damping * times) * swing.real


class Grid(NamedTuple):
    """Parameters all over the prior, and what readings of each would be but for noise."""

    places: Parameters
    log_prior: Float[np.ndarray, " places"]
    expected: Readings
    cell: float

    @classmethod
    def laid(cls) -> "Grid":
        """As far as the prior reaches."""
        steps = np.linspace(-REACH, REACH, NODES)
        z = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
        places = CENTRE + WIDTH * z
        cell = float(np.prod(WIDTH) * (steps[1] - steps[0]) ** 2)
        return cls(places, log_prior(places), displacement(places), cell)

    def posterior(
        self, readings: Readings
    ) -> tuple[Float[np.ndarray, "n places"], Float[np.ndarray, " n"]]:
        """The posterior's share in every cell, and log p(y), for each of the readings."""
        cross = readings @ self.expected.T
        square = (readings**2).sum(1)[:, None] - 2 * cross + (self.expected**2).sum(1)[None]
        joint = self.log_prior + NORMALISER - square / (2 * NOISE**2)
        evidence = logsumexp(joint, axis=1) + np.log(self.cell)
        return np.exp(joint - evidence[:, None]) * self.cell, evidence

    def draws(
        self, readings: Float[np.ndarray, " times"], n: int, generator: np.random.Generator
    ) -> Parameters:
        """n from the posterior of some readings, anywhere in a cell."""
        share = self.posterior(readings[None])[0][0]
        chosen = self.places[generator.choice(len(share), n, p=share / share.sum())]
        step = 2 * REACH / (NODES - 1) * WIDTH
        return chosen + step * (generator.random((n, 2)) - 0.5)


NORMALISER = -len(TIMES) * np.log(NOISE * np.sqrt(2 * np.pi))
"""Of log p(y | λ), whose errors are independent."""


def log_prior(parameters: Parameters) -> Float[np.ndarray, " n"]:
    """log N(λ; centre, width²)."""
    z = (parameters - CENTRE) / WIDTH
    return -0.5 * (z**2).sum(-1) - np.log(2 * np.pi * np.prod(WIDTH))


class Judged(NamedTuple):
    """The flow beside the exact posterior, over readings that it has not seen."""

    excess: Float[np.ndarray, " readings"]
    """log p(λ | y) − log q(λ | y) at the parameters that the readings came from."""
    off: Float[np.ndarray, "compared 2"]
    """The mean of draws less the exact mean, in deviations of the exact posterior."""
    before: Shaped[np.ndarray, " readings"]
    """How many of the draws are more probable, by the flow, than the true parameters."""

    @classmethod
    def of(cls, run: Run, tested: Pairs, context: Context) -> "Judged":
        """By draws from the flow and sums over the grid."""
        grid, own = Grid.laid(), run.log_likelihood(tested.kept(context, "tested"))
        exact, means, deviations = [], [], []
        # A row of the grid for each: a few at a time.
        for part in np.split(np.arange(len(own)), len(own) // 20):
            share, evidence = grid.posterior(tested.readings[part])
            truth = tested.parameters[part]
            square = ((tested.readings[part] - displacement(truth)) ** 2).sum(1)
            exact.append(log_prior(truth) + NORMALISER - square / (2 * NOISE**2) - evidence)
            means.append(share @ grid.places)
            deviations.append(np.sqrt(share @ grid.places**2 - means[-1] ** 2))
        repeated = np.repeat(tested.readings, DRAWS, 0)
        drawn = run.sample(len(repeated), condition=repeated, seed=context.seed)
        path = Pairs(drawn, repeated).kept(context, "drawn")
        likely = run.log_likelihood(path).reshape(-1, DRAWS)
        off = drawn.reshape(-1, DRAWS, 2).mean(1) - np.concatenate(means)
        return cls(
            np.concatenate(exact) - own,
            off / np.concatenate(deviations),
            (likely > own[:, None]).sum(1),
        )


def claims(judged: Judged) -> tuple[Claim, ...]:
    """How near the flow comes to the posterior, and whether it knows how sure it is."""
    n = len(judged.excess)
    covered = judged.before < LEVEL * (DRAWS + 1)
    # The mean of so few draws is off by chance, in the square by 1/DRAWS of a deviation.
    square = (judged.off**2).mean(1) - 1 / DRAWS
    return (
        Claim(
            name="divergence",
            sentence="KL(p(λ | y) ‖ q(λ | y)), the mean over readings, is small.",
            expected=0.0,
            source="maximum likelihood over all simulations has its optimum where q is p",
            measured=Measured.over(judged.excess),
            tolerance=0.1,
            why="a tenth of a nat is what a posterior 1.4 times too wide in one parameter costs",
            unit="nats",
        ),
        Claim(
            name="means",
            sentence="The flow's posterior mean is off the exact one by a small part of the exact "
            "posterior's deviation, in the mean square over readings and parameters.",
            expected=0.0,
            source="the exact posterior, summed on a grid",
            measured=Measured.over(square),
            tolerance=0.2**2,
            why="a fifth of a deviation, squared",
            side="at most",
        ),
        Claim(
            name="coverage",
            sentence=f"The region in which the flow has {LEVEL:.0%} of its probability, the "
            "smallest such one, holds the true parameters as often.",
            expected=LEVEL,
            source=f"of {DRAWS} draws of the posterior and the true parameters each is as likely "
            "to have any rank (Talts et al., 2018)",
            measured=Measured(float(covered.mean()), float((LEVEL * (1 - LEVEL) / n) ** 0.5)),
            tolerance=0.04,
            why="nine times of ten, give or take half a time",
            unit="of the readings",
        ),
    )


def figures(run: Run, tested: Pairs, judged: Judged, seed: int) -> tuple[Figure, ...]:
    """Posteriors of a few readings, the motions they allow, coverage at all levels, learning."""
    generator, grid = np.random.Generator(np.random.Philox(seed)), Grid.laid()
    exact, flows, panels = [], [], []
    fine = np.linspace(0, TIMES[-1], 100)
    for k, (truth, y) in enumerate(zip(*(part[:SHOWN] for part in tested), strict=True), 1):
        drawn = run.sample(DRAWN, condition=np.tile(y, (DRAWN, 1)), seed=seed)
        exact.append(Cloud(f"readings {k}, exact", grid.draws(y, DRAWN, generator)))
        flows.append(Cloud(f"readings {k}, flow", drawn))
        motions = displacement(drawn[:MOTIONS], fine)
        panels.append(
            Panel(
                f"x(t), readings {k}",
                (
                    *(Curve("drawn by the flow", fine, motion) for motion in motions),
                    Curve("true", fine, displacement(truth[None], fine)[0]),
                    Curve("readings", TIMES, y),
                ),
            )
        )
    levels = np.arange(1, DRAWS + 1) / (DRAWS + 1)
    found = np.array([(judged.before < level * (DRAWS + 1)).mean() for level in levels])
    epochs, losses = run.course("validation_loss")
    return (
        Scatter(
            name="posteriors",
            title="What readings say of frequency and damping",
            caption="Draws from the exact posterior, by the grid, and from the flow, for the first "
            f"{SHOWN} readings that it has not seen: they should not be told apart.",
            clouds=(*exact, *flows),
            x_label="ln ω",
            y_label="ln γ",
        ),
        Curves(
            name="motions",
            title="Motions that the readings allow",
            caption=f"x(t) of {MOTIONS} draws of the flow for the same readings, the true motion, "
            f"and the readings, joined by a line, whose error is {NOISE}.",
            panels=tuple(panels),
            x_label="t",
        ),
        Curves(
            name="coverage",
            title="Does the flow know how sure it is?",
            caption="How often the true parameters lie in the region that has a given share of "
            "the flow's probability: above the diagonal it is less sure than it could be, below "
            "it is too sure.",
            panels=(
                Panel(
                    "of the readings",
                    (Curve("measured", levels, found), Curve("exact", levels, levels)),
                ),
            ),
            x_label="probability of the region",
        ),
        Curves(
            name="learning",
            title="Learning",
            caption="−log q(λ | y) over validation pairs, epoch by epoch.",
            panels=(Panel("nats", (Curve("validation", epochs, losses),)),),
            x_label="epoch",
        ),
    )
