"""What a growing price of codes does to reconstruction, to codes and to what each latent means."""

from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.vae import VAE
from ansatz.models.vae.diagnostics import ACTIVE
from ansatz.protocol.figures import Curve, Curves, Figure, ImageGrid, Panel
from ansatz.runs.pipeline import batch_of
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.real import MNIST
from ansatz.studies.study import Context, Findings, Study

LATENT = 25
BETAS = (0.5, 1.0, 2.0, 4.0, 8.0)
SHOWN = (0.5, 1.0, 4.0)
DEVIATIONS = np.linspace(-3, 3, 15)
MOST_EVENTS = 1000


@dataclass(frozen=True)
class Measures:
    """What one fit makes of events held out."""

    rate: float
    distortion: float
    dependence: float
    """Of the codes' numbers, see `dependence`."""
    prices: Float[np.ndarray, " latent"]
    """E KL(q(z_i | x) || p(z_i))."""
    active: int


def dependence(covariance: Float[np.ndarray, "latent latent"]) -> float:
    """-1/2 log det C with C the correlations: the nats that a Gaussian's numbers share.

    It is zero for numbers that are not correlated.
    """
    widths = np.sqrt(np.diag(covariance))
    return float(-np.linalg.slogdet(covariance / np.outer(widths, widths))[1] / 2)


class BetaTraversalStudy(Study):
    """With a growing price β of codes an autoencoder reconstructs less, says less of an event in
    fewer latents, and its latents hang together less (Higgins and others, 2017; Burgess and
    others, 2018). That rate falls and distortion rises is a theorem about minima of
    D + βR; that dependence falls is what was found. Each number is the mean over several fits, on
    events held out, with one code drawn for each. The full study reads MNIST where it finds
    ../shared/data/mnist; without it, and with --quick, the small digits of scikit-learn.
    """

    name: ClassVar[str] = "beta-traversal"
    title: ClassVar[str] = "A price on codes frees latents of each other"

    def run(self, context: Context) -> Findings:
        mnist = not context.quick and MNIST.exists()
        seeds, epochs = (5, 80) if context.quick else ((4, 20) if mnist else (8, 200))
        fitted: dict[float, tuple[Run, ...]] = {}
        found: dict[float, list[Measures]] = {}
        for beta in BETAS:
            fitted[beta] = context.fit(
                f"beta-{beta:g}".replace(".", "-"),
                "vae",
                MNIST if mnist else "digits",
                latent=LATENT,
                hidden=(256, 256) if mnist else (64,),
                beta=beta,
                validation=0.0,
                test=0.1 if mnist else 0.3,
                batch=100 if mnist else 50,
                epochs=epochs,
                rate=0.002 if mnist else 0.005,
                schedule="cosine",
                patience=0,
                seeds=seeds,
            )
            found[beta] = [measures(run, context.seed) for run in fitted[beta]]
        return Findings(claims(found), figures({b: runs[0] for b, runs in fitted.items()}, found))


def measures(run: Run, seed: int) -> Measures:
    """Of events held out, with one code drawn for each."""
    held_out = run.held_out()[1]
    events = held_out.take(np.arange(min(MOST_EVENTS, len(held_out))))
    dtype = run.record.recipe.dtype
    key_batch, key = jax.random.split(jax.random.key(seed))
    raw = jnp.asarray(events.events[:], dtype)
    inputs = batch_of(run.pipeline, key_batch, None, raw).event
    found = _coded(run.model, inputs, jax.random.split(key, len(raw)))
    means, variances, prices, distortion = (np.asarray(array, float) for array in found)
    prices = prices.mean(0)
    return Measures(
        rate=float(prices.sum()),
        distortion=float(distortion.mean()),
        # Of all codes together: the means' covariance, and what each event's draws add.
        dependence=dependence(np.cov(means.T) + np.diag(variances.mean(0))),
        prices=prices,
        active=int(np.sum(means.var(0) > ACTIVE)),
    )


@eqx.filter_jit
def _coded(model: VAE, inputs: Array, keys: Array) -> tuple[Array, ...]:
    def one(event: Array, key: PRNGKeyArray) -> tuple[Array, ...]:
        q: Any = model.posterior(event)
        code = q.sample(key)
        square = q.mean() ** 2 + q.variance()
        prices = (square - 1 - jnp.log(q.variance())) / 2
        return q.mean(), q.variance(), prices, -model.likelihood(code).log_prob(event)

    return jax.vmap(one)(inputs, keys)


def claims(found: dict[float, list[Measures]]) -> tuple[Claim, ...]:
    """What must fall and what must rise as beta does, from fits of each."""
    betas = sorted(found)

    def table(name: str) -> np.ndarray:
        return np.array([[getattr(m, name) for m in found[beta]] for beta in betas], float)

    rates, distortions, shared = (table(n) for n in ("rate", "distortion", "dependence"))
    steps = {
        "rate": [Measured.over(d) for d in -np.diff(rates, axis=0)],
        "distortion": [Measured.over(d) for d in np.diff(distortions, axis=0)],
    }
    theorem = "of two minima of D + βR the one of larger β has the smaller R and the larger D"
    return (
        *(
            Claim(
                name=name,
                sentence=f"The {name} never {'rises' if name == 'rate' else 'falls'} when β is "
                "doubled: the least certain of its steps the other way.",
                expected=0.0,
                source=theorem,
                measured=min(some, key=lambda m: m.value - m.reach),
                tolerance=0.05,
                why="a twentieth of a nat: once no latent is in use nothing changes any more, and "
                "fits end near a minimum, not at it",
                unit="nats per event",
                side="at least",
            )
            for name, some in steps.items()
        ),
        Claim(
            name="dependence",
            sentence=f"Latents share less at β = {betas[-1]:g} than at β = {betas[0]:g}: "
            "−½ log det of the correlations of all codes together, the difference.",
            expected=0.0,
            source="Higgins and others (2017); the price KL(q(z) ‖ p(z)) that β charges holds what "
            "latents share (Chen and others, 2018)",
            measured=Measured.over(shared[0] - shared[-1]),
            tolerance=0.0,
            why="less is less",
            unit="nats",
            side="at least",
        ),
        Claim(
            name="latents in use",
            sentence=f"Fewer latents are in use at β = {betas[-1]:g} than at β = {betas[0]:g}: the "
            "number whose mean varies by more than 0.01 over events, the difference.",
            expected=1.0,
            source="a direction of the events is worth a latent while its variance exceeds β times "
            "the likelihood's (Lucas and others, 2019)",
            measured=Measured.over(table("active")[0] - table("active")[-1]),
            tolerance=0.0,
            why="one at least",
            unit="latents",
            side="at least",
        ),
    )


def figures(runs: dict[float, Run], found: dict[float, list[Measures]]) -> tuple[Figure, ...]:
    """The measures over beta, what each latent carries, and traversals of three fits."""
    betas = sorted(found)
    log_beta = np.log2(betas)
    panels = []
    for name, label in [
        ("distortion", "distortion, nats"),
        ("rate", "rate, nats"),
        ("dependence", "shared by latents, nats"),
        ("active", "latents in use"),
    ]:
        values = [np.mean([getattr(m, name) for m in found[beta]]) for beta in betas]
        panels.append(Panel(label, (Curve("mean over fits", log_beta, np.array(values)),)))
    carried = [
        Curve(f"β = {b:g}", np.arange(1, LATENT + 1), np.sort(found[b][0].prices)[::-1])
        for b in betas
    ]
    return (
        Curves(
            name="price",
            title="What a price on codes does",
            caption="As β grows, what codes leave unsaid grows, and what they say, what their "
            "numbers share and how many of these are in use all fall.",
            panels=tuple(panels),
            x_label="log2 β",
        ),
        Curves(
            name="carried",
            title="What each latent carries",
            caption="KL(q(z | x) ‖ p(z)) of each of the 25 latents, the largest first: a larger β "
            "leaves fewer of them more than nothing.",
            panels=(Panel("nats", tuple(carried)),),
            x_label="latent, by what it carries",
        ),
        *(traversals(runs[beta], found[beta][0], beta) for beta in SHOWN),
    )


def traversals(run: Run, measured: Measures, beta: float) -> ImageGrid:
    """One latent moved in each row, those that carry most first."""
    order = np.argsort(-measured.prices)
    codes = np.zeros((LATENT, len(DEVIATIONS), LATENT), np.float32)
    for row, i in enumerate(order):
        codes[row, :, i] = DEVIATIONS
    images = run.decode(codes.reshape(-1, LATENT))
    return ImageGrid(
        name=f"traversals-{beta:g}".replace(".", "-"),
        title=f"Traversals at β = {beta:g}",
        caption="One latent moves from −3 to 3 deviations of the prior in 15 steps, all others "
        "stay at zero: a row for each of the 25, with the nats it carries.",
        images=images.reshape(LATENT, len(DEVIATIONS), *images.shape[1:]),
        row_labels=tuple(f"z{i}  {measured.prices[i]:.2f} nats" for i in order),
        column_labels=tuple(f"{d:.2g}" for d in DEVIATIONS),
    )
