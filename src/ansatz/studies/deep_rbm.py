"""A second layer on a restricted machine, and the bound that it raises."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.models.boltzmann.bounded import bounded
from ansatz.models.boltzmann.deep import DeepMachine, tied
from ansatz.models.boltzmann.figures import couplings
from ansatz.models.boltzmann.normaliser import log_normaliser
from ansatz.models.boltzmann.phases import free_energies
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.protocol.figures import Curve, Curves, ImageGrid, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

MNIST = Path("..") / "shared" / "data" / "mnist"
"""Where the images lie, from the project's root."""

HIDDEN, FEWER = 16, 12
"""Hidden units of each layer, on MNIST and on the small digits."""
DRAWS = (1, 5, 20, 100)
PLAIN = {
    "preprocess": ("scale", "threshold"),
    "batch": 100,
    "schedule": "cosine",
    "patience": 0,
    "method": "cd",
    "rate": 0.05,
}


@dataclass(frozen=True, eq=False)
class Stack:
    """Both layers, what they say of held-out images, and the images."""

    first: RestrictedMachine
    second: RestrictedMachine
    alone: Float[np.ndarray, " image"]
    """log p of the first layer, exact."""
    bounds: dict[int, Float[np.ndarray, " image"]]
    """Of both layers, by the number of draws."""
    same: Float[np.ndarray, " image"]
    """The bound with a second layer that is tied to the first."""

    @property
    def deep(self) -> DeepMachine:
        """Both layers as one machine."""
        return DeepMachine.of([self.first, self.second])


class DeepRBMStudy(Study):
    """A restricted machine learns images by contrastive divergence; a second one learns the hidden
    units of the first, drawn given the images. Of the two together log p(v) has the lower bound
    log p₁(v) + E [log p₂(h) − log p₁(h)] with h drawn given v: a second layer that says of hidden
    units what the first one says leaves it where it was, and every nat by which it describes them
    better raises it (Hinton, Osindero and Teh, 2006). With so few hidden units, 16 or 12, both
    log Z are summed exactly. Each layer is a run of its own. Images are MNIST's with pixels cut at
    one half; where they are missing, and for a quick study, the 8 × 8 digits of the package.
    """

    name: ClassVar[str] = "deep-rbm"
    title: ClassVar[str] = "A second layer raises the bound"

    def run(self, context: Context) -> Findings:
        large = MNIST.exists() and not context.quick
        data: Path | str = MNIST if large else "digits"
        epochs = 10 if large else 60

        def fit(name: str, given: Path | str, **more: Any) -> Run:
            hidden = HIDDEN if large else FEWER
            settings = {**PLAIN, "hidden": hidden, "epochs": epochs, **more}
            return context.fit(name, "rbm", given, **settings)[0]

        one = fit("first", data)
        images = one.read(data)
        # Means of hidden units; every pass of the second layer draws them afresh.
        path = context.save("hidden.npy", one.encode(images).astype(np.float32))
        two = fit("second", path, preprocess=("binarise",), method="pcd", gibbs=5)
        stack = stacked(one, two, context.seed)
        return Findings(
            (tied_claim(stack), gain_claim(stack), draws_claim(stack)),
            (rising(stack), drawn(stack, context.seed), patterns(stack)),
        )


def stacked(one: Run, two: Run, seed: int) -> Stack:
    """What both layers say of images that the first has not seen."""
    events = jnp.asarray(one.as_learnt(one.held_out()[1]))
    rows = events.reshape(len(events), -1)
    key = jax.random.key(seed)
    first = one.model
    log_z = log_normaliser(key, first, events)
    alone = -np.asarray(free_energies(first, rows.T), float) - log_z.value
    deep = DeepMachine.of([first, two.model])
    bounds = {k: bounded(key, deep, events, samples=k).values for k in DRAWS}
    same = bounded(key, DeepMachine.of([first, tied(first)]), events).values
    return Stack(first, two.model, alone, bounds, same)


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
        f"the exact log-likelihood of the first alone, {stack.alone.mean():.2f} nats.",
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
        np.asarray(jax.jit(jax.vmap(model.sample))(keys)) for model in (stack.first, stack.deep)
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
    shape = stack.first.shape
    _, first = couplings(stack.first)
    through = np.asarray(stack.second.weight).T @ np.asarray(stack.first.weight).T
    order = np.argsort(-np.linalg.norm(through, axis=1))
    second = through[order]
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
