"""A second layer on a restricted machine, and the bound that it raises."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.models.boltzmann.bounded import bounded
from ansatz.models.boltzmann.deep import DeepMachine, tied
from ansatz.models.boltzmann.figures import couplings
from ansatz.models.boltzmann.normaliser import log_normaliser
from ansatz.models.boltzmann.phases import free_energies
from ansatz.protocol.figures import Curve, Curves, ImageGrid, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.real import MNIST
from ansatz.studies.study import Context, Findings, Study

HIDDEN, FEWER = 16, 12
"""Hidden units of each layer, on MNIST and on the small digits."""
DRAWS = (1, 5, 20, 100)
PLAIN = {
    "preprocess": ("scale", "threshold"),
    "batch": 100,
    "schedule": "cosine",
    "patience": 0,
    "method": "cd",
    "rate": 0.02,
}


@dataclass(frozen=True, eq=False)
class Stack:
    """Both layers, what they say of held-out images, and the images."""

    deep: DeepMachine
    alone: Float[np.ndarray, " image"]
    """log p of the first layer, exact."""
    bounds: dict[int, Float[np.ndarray, " image"]]
    """Of both layers, by the number of draws."""
    same: Float[np.ndarray, " image"]
    """The bound with a second layer that is tied to the first."""
    random: Float[np.ndarray, " image"]
    """The bound with a second layer that began at random."""


class DeepRBMStudy(Study):
    """A restricted machine learns images by contrastive divergence; a second one learns the hidden
    units of the first, drawn given the images. Of the two together log p(v) has the lower bound
    log p₁(v) + E [log p₂(h) − log p₁(h)] with h drawn given v: a second layer that says of hidden
    units what the first one says leaves it where it was, and every nat by which it describes them
    better raises it (Hinton, Osindero and Teh, 2006). So the second layer begins as the first one
    upside down, and learns from there; one that begins at random may never make up for it. With so
    few hidden units, 16 or 12, both log Z are summed exactly. Images are MNIST's with pixels cut
    at one half; where they are missing, and for a quick study, the 8 × 8 digits of the package.
    """

    name: ClassVar[str] = "deep-rbm"
    title: ClassVar[str] = "A second layer raises the bound"

    def run(self, context: Context) -> Findings:
        large = MNIST.exists() and not context.quick
        data: Path | str = MNIST if large else "digits"
        hidden, epochs = (HIDDEN, 20) if large else (FEWER, 240)
        visible = 784 if large else 64

        def fit(name: str, above: int) -> Run:
            settings = {**PLAIN, "layers": (hidden, above), "epochs": epochs}
            return context.fit(name, "deep-rbm", data, **settings)[0]

        # One unit too few to begin as the first layer upside down.
        stack = stacked(fit("tied", visible), fit("random", visible - 1), context.seed)
        return Findings(
            (tied_claim(stack), gain_claim(stack), draws_claim(stack)),
            (rising(stack), drawn(stack, context.seed), patterns(stack)),
        )


def stacked(run: Run, random: Run, seed: int) -> Stack:
    """What both layers say of images that neither has seen."""
    events = jnp.asarray(run.as_learnt(run.held_out()[1]))
    rows = events.reshape(len(events), -1)
    key = jax.random.key(seed)
    deep, first = run.model, run.model.layers[0]
    alone = (
        -np.asarray(free_energies(first, rows.T), float) - log_normaliser(key, first, events).value
    )
    # Each event several times over, so that draws of hidden units leave little noise.
    bounds = {
        k: bounded(key, deep, jnp.repeat(events, DRAWS[-1] // k, axis=0), samples=k).values
        for k in DRAWS
    }
    return Stack(
        deep=deep,
        alone=alone,
        bounds={k: values.reshape(len(events), -1).mean(1) for k, values in bounds.items()},
        same=bounded(key, DeepMachine.of([first, tied(first)]), events).values,
        random=bounded(key, random.model, events).values,
    )


def tied_claim(stack: Stack) -> Claim:
    """That the bound begins at the likelihood of the first layer."""
    return Claim(
        name="tied",
        sentence="With a second layer that has the weights of the first, upside down, the bound is "
        "log p of the first layer, image by image.",
        expected=0.0,
        source="p₂(h) = p₁(h), and the hidden units are drawn from the posterior itself",
        measured=Measured(float(np.abs(stack.same - stack.alone).max())),
        unit="nats per image",
        tolerance=1e-2,
        why="single precision has seven digits, and energies are of hundreds of nats",
    )


def gain_claim(stack: Stack) -> Claim:
    """That the second layer raises the bound."""
    gain = stack.bounds[1] - stack.alone
    return Claim(
        name="gain",
        sentence="Of held-out images the bound of one draw with the second layer is higher than "
        f"the exact log-likelihood of the first alone, {stack.alone.mean():.2f} nats. A second "
        f"layer that begins at random changes it by {(stack.random - stack.alone).mean():+.2f}.",
        expected=0.0,
        source="Hinton, Osindero and Teh (2006), for the images that are learnt",
        measured=Measured.over(gain),
        unit="nats per image",
        tolerance=0.0,
        why="it rises or it does not",
        side="at least",
    )


def draws_claim(stack: Stack) -> Claim:
    """That more draws leave less between bound and likelihood."""
    return Claim(
        name="draws",
        sentence=f"The bound of {DRAWS[-1]} draws is no lower than that of one.",
        expected=0.0,
        source="Burda, Grosse and Salakhutdinov (2016)",
        measured=Measured.over(stack.bounds[DRAWS[-1]] - stack.bounds[1]),
        unit="nats per image",
        tolerance=0.0,
        why="it holds for any model",
        side="at least",
    )


def rising(stack: Stack) -> Curves:
    """Both against the number of draws."""
    draws = np.array(DRAWS)
    both = np.array([values.mean() for values in stack.bounds.values()])
    alone = np.full(len(draws), stack.alone.mean())
    return Curves(
        name="bounds",
        title="One layer and two",
        caption="The mean log-likelihood of held-out images under the first layer, exact, and the "
        "lower bound with the second layer on top, which more draws tighten.",
        panels=(
            Panel(
                "nats per image",
                (Curve("first layer, exact", draws, alone), Curve("both, bound", draws, both)),
            ),
        ),
        x_label="draws",
    )


def drawn(stack: Stack, seed: int) -> ImageGrid:
    """What either draws."""
    keys = jax.random.split(jax.random.key(seed), 30)
    images = [
        np.asarray(jax.jit(jax.vmap(model.sample))(keys))
        for model in (stack.deep.layers[0], stack.deep)
    ]
    return ImageGrid(
        name="drawn",
        title="Drawn from one layer and from two",
        caption="Images after 1000 sweeps of the first layer alone, and of the second one followed "
        "by one step down.",
        images=np.concatenate([each.reshape(2, 15, *each.shape[1:]) for each in images]),
        row_labels=("one", "", "two", ""),
    )


def patterns(stack: Stack) -> ImageGrid:
    """What the units of both layers are coupled to."""
    shape = stack.deep.layers[0].shape
    _, first = couplings(stack.deep.layers[0])
    through = np.asarray(stack.deep.top.weight).T @ np.asarray(stack.deep.layers[0].weight).T
    order = np.argsort(-np.linalg.norm(through, axis=1))
    second = through[order][: len(first)]
    scaled = [each / np.abs(each).max() for each in (first, second)]
    return ImageGrid(
        name="weights",
        title="What units are coupled to",
        caption="The weights of the first layer's hidden units to pixels, and of the second's by "
        "way of the first, each layer over its largest; the strongest first.",
        images=np.stack([each.reshape(-1, *shape) for each in scaled]),
        row_labels=("first", "second"),
        signed=True,
    )
