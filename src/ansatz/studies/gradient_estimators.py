"""Which estimators of a bound's gradient are biased, and how noisy each is."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import jax
import numpy as np

from ansatz.protocol.figures import Curve, Curves, Matrix, Panel
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.gradient_moments import (
    BLOCKS,
    CASES,
    DRAWS,
    Case,
    Moments,
    at_the_posterior,
    exact_bound,
    gradient_of,
    made,
    moments,
)
from ansatz.studies.study import Context, Findings, Study

LIMIT = 0.01
"""Of the gradient's norm, below which a bias does not count."""


class GradientEstimatorsStudy(Study):
    """The gradient of a bound can be estimated by letting drawn codes move (reparameterisation,
    sticking the landing, doubly reparameterised) or by the score of fixed ones, with or without a
    baseline; bits can be relaxed. All aim at one gradient, which is known here: the code is one
    number, over which Gauss–Hermite quadrature integrates, or three bits, all of whose values are
    summed over, for K = 1 and for K = 2. Sticking the landing is biased for K > 1, and relaxed and
    straight-through bits are biased always. Leaving one out makes the score quieter, and at
    the exact posterior sticking the landing has no noise at all. Nothing is fitted: the nets are
    small and random, and so is the one event.
    """

    name: ClassVar[str] = "gradient-estimators"
    title: ClassVar[str] = "Which gradients are biased, and how noisy they are"

    def run(self, context: Context) -> Findings:
        estimates = 2**20 if context.quick else 2**22
        found = {}
        for case in CASES:
            model, event = made(case.posterior, context.seed)
            exact = gradient_of(model, partial(exact_bound, event=event, draws=case.draws))
            key = jax.random.fold_in(jax.random.key(context.seed), CASES.index(case))
            found[case] = moments(case, model, event, np.asarray(exact, float), key, estimates)
        return Findings(claims(found, at_the_posterior(context.seed)), figures(found))


def claims(found: dict[Case, Moments], landed: Measured) -> tuple[Claim, ...]:
    """What theory says of biases and of noise."""
    bias: dict[str, Any] = {"unit": "of the gradient's squared norm"}
    kept: dict[str, Any] = {
        "tolerance": LIMIT**2,
        "why": "a hundredth of the gradient's norm, squared; the estimate itself is unbiased and "
        "may be negative",
    }
    made_claims = []
    for posterior, what in (("normal", "numbers"), ("binary", "bits")):
        for draws in DRAWS:
            mine = [
                moments.bias
                for case, moments in found.items()
                if (case.posterior, case.draws, case.biased) == (posterior, draws, False)
            ]
            made_claims.append(
                Claim(
                    name=f"unbiased, {what}, K = {draws}",
                    sentence=f"Of codes that are {what}, with K = {draws}, the estimators that "
                    "theory calls unbiased have no bias: the least certain of them, "
                    "|E g′ − g|² over |g|².",
                    expected=0.0,
                    source="the exact gradient by "
                    + ("quadrature" if posterior == "normal" else "enumeration"),
                    measured=max(mine, key=lambda m: m.value + m.reach),
                    **bias,
                    **kept,
                )
            )
    landing = [m.bias for c, m in found.items() if c.biased and c.posterior == "normal"]
    moving = [m.bias for c, m in found.items() if c.biased and c.posterior == "binary"]
    for name, sentence, source, some in [
        (
            "sticking the landing, K = 2",
            "Sticking the landing is biased for K = 2.",
            "Tucker and others (2019): what it leaves out has mean zero for K = 1 alone",
            landing,
        ),
        (
            "bits that move",
            "Relaxed and straight-through bits are biased: the least certain of them is.",
            "Maddison, Mnih and Teh (2017); Bengio, Léonard and Courville (2013)",
            moving,
        ),
    ]:
        made_claims.append(
            Claim(
                name=name,
                sentence=sentence,
                expected=LIMIT**2,
                source=source,
                measured=min(some, key=lambda m: m.value - m.reach),
                tolerance=0.0,
                why="more than what the unbiased ones are held to",
                side="at least",
                **bias,
            )
        )
    ratios = []
    for case, own in found.items():
        if case.estimator == "score-leave-one-out":
            plain = found[Case(case.posterior, "score", case.draws)].variance
            ratio = own.variance.value / plain.value
            parts = [m.error / m.value for m in (own.variance, plain)]
            ratios.append(Measured(ratio, ratio * math.hypot(*parts), BLOCKS - 1))
    return (
        *made_claims,
        Claim(
            name="leave one out",
            sentence="Leaving one out makes the score's noise smaller: its variance over that "
            "without a baseline, the largest of numbers and bits and of both K.",
            expected=1.0,
            source="Mnih and Rezende (2016)",
            measured=max(ratios, key=lambda m: m.value + m.reach),
            tolerance=0.0,
            why="smaller is smaller",
            side="at most",
        ),
        Claim(
            name="landed",
            sentence="Where the guess is the posterior, sticking the landing has no noise: the "
            "variance of the encoder's gradient over that of plain reparameterisation.",
            expected=0.0,
            source="Roeder, Wu and Duvenaud (2017): log p(x, z) − log q(z | x) does not depend on "
            "z there",
            measured=landed,
            tolerance=1e-6,
            why="single precision has seven digits",
        ),
    )


def figures(found: dict[Case, Moments]) -> tuple[Curves | Matrix, ...]:
    """What averaging does, a table of bias and one of noise."""
    labels = tuple(dict.fromkeys(case.label for case in found))
    columns = tuple(f"K = {draws}" for draws in DRAWS)
    at = {(case.label, case.draws): moments for case, moments in found.items()}

    def table(value: Callable[[Moments], float]) -> np.ndarray:
        return np.array([[value(at[label, draws]) for draws in DRAWS] for label in labels])

    bias = table(lambda m: 100 * max(m.bias.value, 0.0) ** 0.5)
    noise = table(lambda m: float(np.log10(m.variance.value)))
    averaged = 2.0 ** np.arange(0, 21)
    panels = []
    for posterior, what in (("normal", "numbers"), ("binary", "bits")):
        for draws in DRAWS:
            curves = []
            for case, some in found.items():
                if (case.posterior, case.draws) == (posterior, draws):
                    bias2 = max(some.bias.value - some.bias.reach, 0.0)
                    error = np.sqrt(bias2 + some.variance.value / averaged)
                    curves.append(Curve(case.estimator, np.log2(averaged), error))
            panels.append(Panel(f"{what}, K = {draws}", tuple(curves)))
    return (
        Curves(
            name="averaging",
            title="What averaging does",
            caption="The root mean square error of the mean of n estimates, over the gradient's "
            "norm, from each estimator's bias and noise: without bias it falls as 1 / √n for ever, "
            "with one it levels out at the bias.",
            panels=tuple(replace(panel, log=True) for panel in panels),
            x_label="log2 n",
        ),
        Matrix(
            name="bias",
            title="Bias",
            caption="|E g′ − g| over |g| in per cent, where it is not below zero by chance.",
            values=bias,
            row_labels=labels,
            column_labels=columns,
        ),
        Matrix(
            name="noise",
            title="Noise",
            caption="log₁₀ of the variance of one estimate, over |g|²: a batch of so many events "
            "brings it to one.",
            values=noise,
            row_labels=labels,
            column_labels=columns,
        ),
    )
