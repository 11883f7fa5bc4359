"""A Boltzmann machine as the prior of bits, against coins with the same nets and steps."""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.evaluate.codes import code_test
from ansatz.evaluate.estimate import Estimate
from ansatz.models.boltzmann.figures import memory, recorded
from ansatz.models.vae.machine_figures import energy_figure, moment_figure
from ansatz.models.vae.machine_measures import drawn_codes
from ansatz.models.vae.machine_prior import Known
from ansatz.protocol.figures import Curve, Curves, Figure, ImageGrid, Panel
from ansatz.runs.pipeline import batch_of
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.real import MNIST
from ansatz.studies.study import Context, Findings, Study

PRIORS = {"boltzmann": "Boltzmann machine", "bernoulli": "independent coins"}

Scores = Float[np.ndarray, " events"]


class Fitted(NamedTuple):
    """A fit with one prior, its bound on log p of every event held out, and the two-sample test."""

    run: Run
    scores: Scores
    auc: Estimate


class RBMPriorStudy(Study):
    """Codes of bits hang together, and a prior of independent coins cannot say how: a Boltzmann
    machine in its place, with the same nets and the same steps, gives a better bound on log p,
    although its log Z has to be estimated and the estimate from above is what is subtracted
    (Rolfe, 2017; Khoshaman et al., 2018). Whether the machine has learnt the codes, a classifier
    says that is to tell codes of events from its samples. The full study fits MNIST where it
    finds ../shared/data/mnist, pixels binarised afresh, with two halves of 64 bits and 128 hidden
    units that are coupled to both. Without it, and with --quick, the events are the small digits of
    scikit-learn as they are, in greys, with halves of 12 bits and 8 hidden units, log Z is exact,
    and the claims are those of order: that the machine is better, and told apart less than coins
    are.
    """

    name: ClassVar[str] = "rbm-prior"
    title: ClassVar[str] = "A Boltzmann machine is a better prior than coins"

    def run(self, context: Context) -> Findings:
        mnist = not context.quick and MNIST.exists()
        fitted = {prior: fit(prior, context, mnist) for prior in PRIORS}
        return Findings(claims(fitted, mnist), figures(fitted, context.seed))


def together(prior: str, mnist: bool) -> dict[str, Any]:
    """How nets and prior learn together, the same for both priors; coins have no chains."""
    common = {
        "prior": prior,
        "schedule": "cosine",
        "patience": 0,
    }
    if mnist:
        return {
            **common,
            "latent": 128,
            "hidden": (200, 200),
            "epochs": 15,
            "prior_epochs": 5,
            "batch": 100,
            "preprocess": ("scale", "binarise"),
            "validation": 0.02,
        }
    # Greys, for which a code has to say more than for pixels that are cut.
    return {
        **common,
        "latent": 24,
        "hidden_units": 8,
        "hidden": (64, 64),
        "epochs": 250,
        "prior_epochs": 60,
        "batch": 50,
        "rate": 2e-3,
        "likelihood": ("normal",),
        "preprocess": ("scale",),
        "test": 0.5,
    }


def fit(prior: str, context: Context, mnist: bool) -> Fitted:
    """Fit with one prior, or take up the fits where the study's folder has them, and judge it."""
    data = MNIST if mnist else "digits"
    (run,) = context.fit(prior, "qvae", data, **together(prior, mnist))
    _, held_out = run.held_out()
    batches = run.log_likelihood_batches(held_out, samples=1, seed=context.seed)
    watched = context.watch(batches, len(held_out), f"Scoring with {PRIORS[prior]}")
    # Of few digits all are needed to train a classifier.
    tested = held_out if mnist else run.read(data)
    found = code_test(run, tested, seed=context.seed, watch=context.watch)
    return Fitted(run, np.concatenate(list(watched)), found.auc)


def claims(fitted: dict[str, Fitted], mnist: bool) -> tuple[Claim, ...]:
    """What the machine gains, how well it is told from codes, and how well log Z is known."""
    machine, coins = fitted["boltzmann"], fitted["bernoulli"]
    gain = Claim(
        name="gain",
        sentence="With a Boltzmann machine as the prior the evidence lower bound on log p of "
        "images held out, the upper estimate of log Z subtracted, is higher than with independent "
        f"coins, event by event in the mean{', by a nat at least' if mnist else ''}.",
        expected=1.0 if mnist else 0.0,
        source="independent coins are the machine without couplings",
        measured=Measured.over(machine.scores - coins.scores),
        tolerance=0.0,
        why="a nat is more than log Z may be off" if mnist else "better is better",
        unit="nats per event",
        side="at least",
    )
    auc, other = machine.auc, coins.auc
    if mnist:
        told = Claim(
            name="two-sample test",
            sentence="A classifier tells codes of images from samples of the machine with an area "
            "under the ROC curve of 0.6 at the most.",
            expected=0.5,
            source="0.5 is what samples of one distribution give",
            measured=Measured(auc.value, auc.error),
            tolerance=0.1,
            why="at 0.6 it is wrong about two of five",
            side="at most",
        )
    else:
        told = Claim(
            name="two-sample test",
            sentence="A classifier tells codes of images from those of coins better than from "
            f"those of the machine, by the area under the ROC curve: {other.value:.3f} and "
            f"{auc.value:.3f}.",
            expected=0.0,
            source="a machine can have the correlations of codes, and coins have none",
            measured=Measured(other.value - auc.value, float(np.hypot(auc.error, other.error))),
            tolerance=0.0,
            why="better is better",
            side="at least",
        )
    found: Known = machine.run.model.prior.known
    gap = Claim(
        name="log Z",
        sentence="log Z of the machine, annealed from independent units and in reverse from its "
        "own samples, is known to a nat."
        if mnist
        else "log Z of the machine is summed exactly, and both sides are the same.",
        expected=0.0,
        source="both are log Z in the limit of slow annealing (Neal, 2001)",
        measured=Measured(float(found.high[0] - found.low[0]), float(np.sqrt(2) * found.error[0])),
        tolerance=1.0,
        why="as much as the gain must be at the least",
        unit="nats",
    )
    return gain, told, gap


def figures(fitted: dict[str, Fitted], seed: int) -> tuple[Figure, ...]:
    """Energies and moments of codes and samples, how chains forget, what is drawn, learning."""
    run = fitted["boltzmann"].run
    _, held_out = run.held_out()
    events = jnp.asarray(held_out.take(np.arange(min(2000, len(held_out)))).events, "float32")
    key = jax.random.key(seed)
    found: list[Figure] = []
    for prior, (own, _, auc) in fitted.items():
        codes = drawn_codes(own.model, batch_of(own.pipeline, key, None, events), key)
        moments = moment_figure(
            np.asarray(codes.of_events, float), np.asarray(codes.of_prior, float)
        )
        title = f"Latent units encoded and sampled: {PRIORS[prior]}"
        caption = (
            f"{moments.caption} A classifier tells the two apart with an AUC of {auc.value:.3f}."
        )
        if prior == "boltzmann":
            costs = (codes.cost_of_events, codes.cost_of_prior)
            of_events, of_prior = (np.asarray(cost, float) for cost in costs)
            found.append(energy_figure(of_events, of_prior))
        found.append(replace(moments, name=f"moments-{prior}", title=title, caption=caption))
    found.append(memory(recorded(run.model.prior.machine, key)))
    images = [own.sample(12, seed=seed, mean=True) for own, _, _ in fitted.values()]
    found.append(
        ImageGrid(
            name="drawn",
            title="Images of codes that the priors draw",
            caption="What the decoder expects for codes drawn from each prior: strokes that belong "
            "together need bits that do.",
            images=np.stack(images),
            row_labels=tuple(PRIORS[prior] for prior in fitted),
        )
    )
    curves = []
    for prior, (own, _, _) in fitted.items():
        epochs, values = own.course("validation_reconstruction")
        start = len(epochs) // 10
        curves.append(Curve(PRIORS[prior], epochs[start:], values[start:]))
    found.append(
        Curves(
            name="learning",
            title="What codes leave unsaid",
            caption="−log p(x | z) of images kept to validate on, epoch by epoch and but for the "
            "first tenth. In the last epochs the prior learns alone.",
            panels=(Panel("−log p(x | z), nats", tuple(curves)),),
            x_label="epoch",
        )
    )
    return tuple(found)
