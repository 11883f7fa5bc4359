"""Priors that are learnt with the encoder against one that stands still."""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.data.toys import Moons
from ansatz.protocol.figures import Cloud, Curve, Curves, Figure, Panel, Scatter
from ansatz.runs.pipeline import batch_of
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

EVENTS, HELD_OUT = 4000, 2000
DRAWS = 200
LAST = 10
"""Epochs over which a fit is judged by its loss."""
PRIORS = {
    "standard": "N(0, I)",
    "learnt": "N(λ₁, diag λ₂)",
    "learnt:10": "mixture of ten",
    "vamp:50": "VampPrior of fifty",
}

Scores = Float[np.ndarray, " events"]


class Fitted(NamedTuple):
    """The best fit with one prior, by what it made small at last, and all fits."""

    best: Run
    runs: tuple[Run, ...]
    scores: Scores
    """The bound on log p of events held out, by the best."""


def best_of(runs: tuple[Run, ...]) -> Run:
    """The fit with the least loss over its last epochs."""
    return min(runs, key=lambda run: np.mean([row["loss"] for row in run.history[-LAST:]]))


class TrainablePriorStudy(Study):
    """A prior that is learnt with the encoder leaves the codes where they serve the decoder, and
    costs less than one to which they must bend (Tomczak and Welling, 2018). A mixture does, and
    so does a VampPrior; a single Gaussian of learnt means and widths gains nothing, for the
    nets' outer layers can shift and stretch codes as well. Where it has been learnt it has the
    mean and the variance of all codes together, for that is where its likelihood has its
    maximum. The events are two moons, whose true density is known, the nets are the same for
    all priors, and of several fits the best is judged, by what it has learnt from.
    """

    name: ClassVar[str] = "trainable-prior"
    title: ClassVar[str] = "A prior that is learnt costs less"

    def run(self, context: Context) -> Findings:
        toy = Moons()
        seeds, epochs = (8, 60) if context.quick else (16, 300)
        points = toy.draw(EVENTS + HELD_OUT, context.seed)[0].astype(np.float32)
        path = context.save("events.npy", points[:EVENTS])
        held_out = points[EVENTS:]
        fitted = {}
        for prior, named in PRIORS.items():
            runs = context.fit(
                prior.replace(":", "-"), "vae", path, prior=prior, seeds=seeds, **nets(epochs)
            )
            best = best_of(runs)
            batches = best.log_likelihood_batches(held_out, samples=DRAWS, seed=context.seed)
            watched = context.watch(batches, len(held_out), f"Scoring with {named}")
            fitted[prior] = Fitted(best, runs, np.concatenate(list(watched)))
        truth = toy.log_prob(held_out)
        moments = [codes_and_prior(run, points[:EVENTS]) for run in fitted["learnt"].runs]
        scores = {prior: found.scores for prior, found in fitted.items()}
        return Findings(claims(scores, truth, moments), figures(fitted, truth, points))


def nets(epochs: int) -> dict[str, Any]:
    """What is the same for all priors."""
    return {
        "latent": 2,
        "hidden": (32, 32),
        "likelihood": ("normal",),
        "epochs": epochs,
        "batch": 100,
        "rate": 0.005,
        "schedule": "cosine",
        "validation": 0.0,
        "test": 0.0,
        "patience": 0,
    }


class Moments(NamedTuple):
    """Mean and variance of each latent."""

    codes: Float[np.ndarray, "moment latent"]
    """Over codes drawn for all events."""
    prior: Float[np.ndarray, "moment latent"]


def codes_and_prior(run: Run, events: Float[np.ndarray, "events numbers"]) -> Moments:
    """The moments of all codes together, exactly those of q, and the prior's."""
    model = run.model
    inputs = batch_of(run.pipeline, jax.random.key(0), None, jnp.asarray(events)).event

    def one(event: Array) -> tuple[Array, Array]:
        q = model.posterior(event)
        return q.mean(), q.variance()

    means, variances = (np.asarray(m, float) for m in eqx.filter_jit(jax.vmap(one))(inputs))
    p = model.code_prior()
    return Moments(
        np.stack([means.mean(0), variances.mean(0) + means.var(0)]),
        np.stack([np.asarray(p.mean(), float), np.asarray(p.variance(), float)]),
    )


def claims(scores: dict[str, Scores], truth: Scores, moments: list[Moments]) -> tuple[Claim, ...]:
    """What learnt priors gain event by event, and what they become."""
    plain = scores["standard"]
    nats: dict[str, Any] = {"unit": "nats per event"}
    gains = [
        Claim(
            name=PRIORS[prior],
            sentence=f"With a {PRIORS[prior]} learnt as the prior, the bound on log p of events "
            "held out is higher than with N(0, I).",
            expected=0.0,
            source="the standard prior can be a mixture's, and a VampPrior is nearer to all codes "
            "together (Tomczak and Welling, 2018)",
            measured=Measured.over(scores[prior] - plain),
            tolerance=0.0,
            why="better is better",
            side="at least",
            **nats,
        )
        for prior in ("learnt:10", "vamp:50")
    ]
    # In standard deviations of the codes, so that latents that say nothing count the same.
    widths = [np.sqrt(m.codes[1]) for m in moments]
    shifts = [
        float(np.max(np.abs(m.codes[0] - m.prior[0]) / w))
        for m, w in zip(moments, widths, strict=True)
    ]
    ratios = [float(np.max(np.abs(np.log(m.prior[1] / m.codes[1])))) for m in moments]
    own: dict[str, Any] = {
        "expected": 0.0,
        "source": "the gradient of E_q log N(z; λ₁, diag λ₂) vanishes at λ₁ = E z, λ₂ = Var z",
        "tolerance": 0.1,
        "why": "a tenth: events are learnt from in batches of a hundred, whose codes have means "
        "that spread by a tenth of their deviation",
    }
    return (
        *gains,
        Claim(
            name="one Gaussian",
            sentence="A single Gaussian that is learnt gains nothing over N(0, I).",
            expected=0.0,
            source="z ↦ (z − λ₁) / √λ₂ turns one model into the other, and the nets' outer layers "
            "can follow it",
            measured=Measured.over(scores["learnt"] - plain),
            tolerance=0.05,
            why="a twentieth of a nat, for the two learn at different speeds",
            **nats,
        ),
        Claim(
            name="its mean",
            sentence="λ₁ is the mean of all codes together, in their standard deviations: the "
            "farther of the two latents.",
            measured=Measured.over(shifts),
            **own,
        ),
        Claim(
            name="its variance",
            sentence="λ₂ is the variance of all codes together: the logarithm of their ratio, of "
            "the farther of the two latents.",
            measured=Measured.over(ratios),
            **own,
        ),
        Claim(
            name="truth",
            sentence="No bound is above log p of the truth, event by event in the mean: the "
            "highest of all priors is not.",
            expected=0.0,
            source="E log p̂ ≤ E log p (Gibbs), with the density of the moons by quadrature",
            measured=max(
                (Measured.over(found - truth) for found in scores.values()), key=lambda m: m.value
            ),
            tolerance=0.02,
            why="so much the smallest model may be above it by chance over these events",
            side="at most",
            **nats,
        ),
    )


def figures(
    fitted: dict[str, Fitted], truth: Scores, points: Float[np.ndarray, "events numbers"]
) -> tuple[Figure, ...]:
    """The course of the bound, what each model draws, and its codes beside its prior."""
    drawn, codes = [Cloud("the truth", points[:1500].astype(float))], []
    for prior, found in fitted.items():
        run = found.best
        drawn.append(Cloud(PRIORS[prior], run.sample(1500, seed=1).astype(float)))
        codes.append(Cloud(PRIORS[prior], run.encode(points[:1500]).astype(float)))
    curves = []
    for prior, found in fitted.items():
        rows = np.array([[row["loss"] for row in run.history] for run in found.runs], float)
        epochs = np.arange(1, rows.shape[1] + 1)
        start = len(epochs) // 5
        curves.append(Curve(PRIORS[prior], epochs[start:], rows.mean(0)[start:]))
    scores = [f"{PRIORS[p]}: {f.scores.mean():.3f}".replace("-", "−") for p, f in fitted.items()]
    return (
        Scatter(
            name="drawn",
            title="What they draw",
            caption="Events, and as many drawn from the best fit with each prior: where moons "
            "are joined by a thread, the prior has codes that no event has. Bound on log p of "
            f"events held out: {'; '.join(scores)}; the truth: −{-truth.mean():.3f} nats.",
            clouds=tuple(drawn),
            x_label="x",
            y_label="y",
        ),
        Scatter(
            name="codes",
            title="Where codes lie",
            caption="The encoder's means for the same events: N(0, I) bends them together, learnt "
            "priors leave them where they are.",
            clouds=tuple(codes),
            x_label="z0",
            y_label="z1",
        ),
        Curves(
            name="learning",
            title="Learning",
            caption="The negative evidence lower bound of what is learnt from, the mean over all "
            "fits with each prior, but for the first fifth, in the units of preprocessed events.",
            panels=(Panel("negative bound, nats", tuple(curves)),),
            x_label="epoch",
        ),
    )
