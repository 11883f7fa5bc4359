"""How codes that overlap are told apart, and what goes wrong at either end."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.protocol.figures import Curve, Curves, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

PLACES, PIXELS, WIDTH, SIGMA = 16, 20, 1.5, 0.25
COPIES = 64
BETAS = (0.01, 0.1, 1.0, 4.0, 100.0)
COMPROMISE = 4.0

Values = Float[np.ndarray, " event"]


def things() -> Float[np.ndarray, "event pixels"]:
    """Bumps at places in a row: the farther apart, the less alike."""
    places = np.linspace(2, PIXELS - 3, PLACES)
    return np.exp(-((np.arange(PIXELS) - places[:, None]) ** 2) / (2 * WIDTH**2))


@dataclass(frozen=True)
class Line:
    """What a fit makes of the things in a row: codes N(mean, deviation^2) on one line."""

    beta: float
    mean: Values
    deviation: Values
    distortion: float
    """E -log p(x | z), nats."""

    @property
    def rate(self) -> float:
        """KL(q(z | x) || p(z)), the mean over events."""
        square = self.mean**2 + self.deviation**2
        return float(np.mean((square - 1) / 2 - np.log(self.deviation)))

    def densities(self, z: Float[np.ndarray, " z"]) -> Float[np.ndarray, "event z"]:
        """q(z | x) of every event."""
        from scipy.stats import norm

        return norm.pdf(z, self.mean[:, None], self.deviation[:, None])

    @property
    def information(self) -> float:
        """I(x; z) = h(q(z)) - E h(q(z | x)), by quadrature over all codes."""
        # Nodes as dense as the narrowest density asks for, about every event's code.
        nodes = np.unique(self.mean[:, None] + self.deviation[:, None] * np.linspace(-8, 8, 801))
        whole = self.densities(nodes).mean(0)
        log = np.log(whole, out=np.zeros_like(whole), where=whole > 0)
        entropy = -float(np.trapezoid(whole * log, nodes))
        own = 0.5 * np.log(2 * np.pi * np.e * self.deviation**2)
        return entropy - float(own.mean())

    @property
    def mismatch(self) -> float:
        """KL(q(z) || p(z)) = rate - information."""
        return self.rate - self.information

    @property
    def loss(self) -> float:
        return self.distortion + self.beta * self.rate

    @property
    def order(self) -> float:
        """Spearman's correlation of the codes with the places, whichever way they run."""
        from scipy.stats import spearmanr

        return float(abs(spearmanr(self.mean, np.arange(len(self.mean))).statistic))


class VAELimitsStudy(Study):
    """Sixteen things in a row, each like its neighbours, get codes on a line that are blurred. To
    keep them from overlapping a code can spread the means, shrink the deviations, or put alike
    things side by side, where a mix-up costs least; the prior forbids the first two at a price β.
    Where β is large codes say nothing of events; where it is small all are told apart, but codes
    are unlike the prior, and what is drawn from it decodes to nothing known. Between is a
    compromise, in which neighbours overlap and stand in order. Each number is of the best of
    several fits by their own loss, with codes integrated over by quadrature.
    """

    name: ClassVar[str] = "vae-limits"
    title: ClassVar[str] = "What β does to codes on a line"

    def run(self, context: Context) -> Findings:
        events = things()
        path = context.save("events.npy", np.tile(events, (COPIES, 1)).astype(np.float32))
        seeds, epochs = (4, 150) if context.quick else (8, 1500)
        lines = []
        for beta in BETAS:
            runs = context.fit(
                f"beta-{beta:g}".replace(".", "-"),
                "vae",
                path,
                latent=1,
                hidden=(32, 32),
                activation="tanh",
                likelihood=("normal",),
                variance="fixed",
                sigma=SIGMA,
                preprocess=("none",),
                beta=beta,
                validation=0.0,
                test=0.0,
                batch=128,
                epochs=epochs,
                rate=0.01,
                schedule="cosine",
                patience=0,
                seeds=seeds,
            )
            lines.append(min((line(run, events, beta) for run in runs), key=lambda f: f.loss))
        return Findings(claims(lines, events), figures(lines))


def line(run: Run, events: Float[np.ndarray, "event pixels"], beta: float) -> Line:
    """The codes of the things, and what they leave unsaid, by Gauss-Hermite quadrature."""
    model = run.model
    nodes, weights = np.polynomial.hermite_e.hermegauss(32)
    inputs = jnp.asarray(events, "float32")
    q = jax.vmap(model.posterior)(inputs)
    mean, deviation = (np.asarray(v, float)[:, 0] for v in (q.mean(), jnp.sqrt(q.variance())))
    codes = jnp.asarray(mean[:, None] + deviation[:, None] * nodes, "float32")
    fit = jax.jit(
        jax.vmap(lambda x, zs: jax.vmap(lambda z: model.likelihood(z[None]).log_prob(x))(zs))
    )(inputs, codes)
    distortion = -float((np.asarray(fit, float) @ weights).mean() / np.sqrt(2 * np.pi))
    return Line(beta, mean, deviation, distortion)


def largest_useful(events: Float[np.ndarray, "event pixels"]) -> float:
    """R^2 / sigma^2 with R how far an event is from their mean: from there on no code pays.

    With m(z) = E[x | z], a code saves at most E |m(z) - E x|^2 / 2 sigma^2, and by Pinsker
    |m(z) - E x|^2 <= 2 R^2 KL(q(x | z) || q(x)), whose mean is at most the rate.
    """
    off = events - events.mean(0)
    return float((off**2).sum(1).max() / SIGMA**2)


def claims(lines: list[Line], events: Float[np.ndarray, "event pixels"]) -> tuple[Claim, ...]:
    """The two limits, and what lies between."""
    at = {line.beta: line for line in lines}
    tight, loose, between = at[BETAS[0]], at[BETAS[-1]], at[COMPROMISE]
    limit = largest_useful(events)
    assert BETAS[-1] > limit
    rates = np.array([line.rate for line in lines])
    distortions = np.array([line.distortion for line in lines])
    trade = "of two minima of D + βR the one of larger β has no larger R, and no smaller D"
    return (
        Claim(
            name="nothing said",
            sentence=f"At β = {BETAS[-1]:g} codes say nothing of events: the rate is zero.",
            expected=0.0,
            source=f"no code pays for itself above β = R² / σ² = {limit:.1f}, with R the radius of "
            "the events about their mean (by Pinsker's inequality)",
            measured=Measured(loose.rate),
            tolerance=0.01,
            why="a hundredth of a nat is no code",
            unit="nats",
        ),
        Claim(
            name="all told apart",
            sentence=f"At β = {BETAS[0]:g} codes tell all events apart: their information is "
            f"log {PLACES}.",
            expected=float(np.log(PLACES)),
            source=f"the entropy of {PLACES} events that are equally likely",
            measured=Measured(tight.information),
            tolerance=0.05 * float(np.log(PLACES)),
            why="a twentieth of it",
            unit="nats",
        ),
        Claim(
            name="unlike the prior",
            sentence=f"At β = {BETAS[0]:g} all codes together are farther from the prior than at "
            f"β = {COMPROMISE:g}: KL(q(z) ‖ p(z)), the difference.",
            expected=0.0,
            source=f"the rate may grow as β falls, and the information not above log {PLACES}: "
            "what is left is KL(q(z) ‖ p(z))",
            measured=Measured(tight.mismatch - between.mismatch),
            tolerance=0.0,
            why="farther is farther",
            unit="nats",
            side="at least",
        ),
        Claim(
            name="side by side",
            sentence=f"At β = {COMPROMISE:g}, where codes overlap, alike things lie side by side: "
            "Spearman's correlation of codes and places, whichever way they run.",
            expected=1.0,
            source="a mix-up costs |x − x′|² / 2σ², least between neighbours",
            measured=Measured(between.order),
            tolerance=0.02,
            why="one swap of two neighbours changes it by 0.003",
        ),
        Claim(
            name="rate",
            sentence="The rate falls whenever β rises: the least of its falls.",
            expected=0.0,
            source=trade,
            measured=Measured(float(np.min(-np.diff(rates)))),
            tolerance=0.0,
            why="a fall is a fall",
            unit="nats",
            side="at least",
        ),
        Claim(
            name="distortion",
            sentence="The distortion rises whenever β does: the least of its rises.",
            expected=0.0,
            source=trade,
            measured=Measured(float(np.min(np.diff(distortions)))),
            tolerance=0.0,
            why="a rise is a rise",
            unit="nats",
            side="at least",
        ),
    )


def figures(lines: list[Line]) -> tuple[Curves, ...]:
    """Codes on the line, their spread against the place, and what they cost, as beta moves."""
    z = np.linspace(-4, 4, 3201)
    blurred, spread = [], []
    places = np.arange(1, PLACES + 1)
    for line in lines:
        # On one scale, the highest at one: a narrow density would dwarf the prior.
        each = line.densities(z)
        top = max(float(each.max()), 1e-12)
        prior = np.exp(-(z**2) / 2)
        label = f"β = {line.beta:g}"
        curves = [Curve("an event's codes", z, row / top) for row in each]
        blurred.append(Panel(label, (Curve("prior", z, prior), *curves)))
        way = np.sign(np.corrcoef(line.mean, places)[0, 1]) if np.ptp(line.mean) > 0 else 1.0
        spread.append(
            Panel(
                label,
                (
                    Curve("mean", places, way * line.mean),
                    Curve("± a deviation", places, way * line.mean + line.deviation),
                    Curve("± a deviation", places, way * line.mean - line.deviation),
                ),
            )
        )
    log_beta = np.log10([line.beta for line in lines])
    costs = {
        "rate": [line.rate for line in lines],
        "information": [line.information for line in lines],
        "KL(q(z) ‖ p(z))": [line.mismatch for line in lines],
    }
    return (
        Curves(
            name="codes",
            title="Codes on a line",
            caption="The density of each event's codes, the highest of all at one, and the prior: "
            "at small β spikes that leave gaps and reach beyond the prior, at large β one and the "
            "same for all, and between them neighbours that overlap.",
            panels=tuple(blurred),
            x_label="z",
        ),
        Curves(
            name="spread",
            title="Means, deviations, order",
            caption="The code of each thing in the row, its mean with a deviation on both sides: "
            "how far means spread, how narrow codes are, and in which order they stand.",
            panels=tuple(spread),
            x_label="place in the row",
        ),
        Curves(
            name="costs",
            title="Rate, information, mismatch",
            caption="The rate is what codes tell of events and what they are unlike the prior by: "
            f"of the first there is no more than log {PLACES} = {np.log(PLACES):.3f} nats. Right, "
            "what codes leave unsaid.",
            panels=(
                Panel("nats", tuple(Curve(n, log_beta, np.array(v)) for n, v in costs.items())),
                Panel(
                    "distortion, nats",
                    (Curve("distortion", log_beta, np.array([v.distortion for v in lines])),),
                ),
            ),
            x_label="log10 β",
        ),
    )
