"""Bars and stripes under a constraint, whose parts know of each other over any distance."""

import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.exact import log_z
from ansatz.models.boltzmann.phases import free_energies
from ansatz.models.boltzmann.sampling import start
from ansatz.models.boltzmann.tempering import temper
from ansatz.protocol.figures import Bars, Curve, Curves, ImageGrid, Panel
from ansatz.protocol.source import Batch
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

SIDE, LINES = 4, 2
"""Of an image; how many of its lines are filled."""
COPIES = 100
HIDDEN = 12
RUNGS = 12

Probability = Float[np.ndarray, " image"]


class RBMBarsStudy(Study):
    """Images of 4 × 4 pixels have two of their four columns filled (bars), or two of their four
    rows (stripes): twelve images, all as likely. No pixel says much of another: what holds an
    image together is that lines are whole and that two of them are filled, over the whole image
    and as strongly at the greatest distance as between neighbours. A restricted machine has no
    coupling between pixels at all, and learns this by its hidden units. With twelve of them all
    65 536 images can be summed over: the information that the left half of an image has of the
    right, before and after learning, is exact, as is that of the twelve images. They are synthetic.
    """

    name: ClassVar[str] = "rbm-bars"
    title: ClassVar[str] = "Bars and stripes: what is far apart hangs together"

    def run(self, context: Context) -> Findings:
        shown = patterns()
        path = context.save("images.npy", np.repeat(shown, COPIES, axis=0))
        (run,) = context.fit(
            "run",
            "rbm",
            path,
            hidden=HIDDEN,
            method="exact",
            spread=0.3,
            validation=0.0,
            test=0.0,
            batch=120,
            epochs=400 if context.quick else 2000,
            optimiser="adam",
            rate=0.05,
            schedule="cosine",
            patience=0,
        )
        before, after = untaught(run, shown, context.seed), run.model
        p, untaught_p, learnt = uniform(shown), probabilities(before), probabilities(after)
        families = 1000 if context.quick else 10_000
        plain = run.sample(families, seed=context.seed)
        chains = tempered(after, families, context.seed)
        return Findings(
            (
                learnt_claim(learnt, shown),
                information_claim("before", untaught_p, 0.0, "nothing is coupled yet to speak of"),
                information_claim(
                    "after", learnt, information(p), "the twelve images, summed over"
                ),
                corners_claim(learnt),
                chain_claim(chains, plain, learnt, shown),
            ),
            (
                grid(shown, before, chains, context.seed),
                distances({"exact": p, "before": untaught_p, "after": learnt}),
                each(learnt, shown),
            ),
        )


def patterns() -> np.ndarray:
    """All images, bars first."""
    chosen = list(itertools.combinations(range(SIDE), LINES))
    bars = np.zeros((len(chosen), SIDE, SIDE), np.uint8)
    for image, columns in zip(bars, chosen, strict=True):
        image[:, columns] = 1
    return np.concatenate([bars, bars.swapaxes(1, 2)])


def every() -> Float[np.ndarray, "image pixel"]:
    """All images that there could be; the first pixel is the highest bit of an image's number."""
    size = SIDE**2
    bits = np.arange(2**size)[:, None] >> np.arange(size)[::-1] & 1
    return bits.astype(np.float32)


def number(images: np.ndarray) -> np.ndarray:
    """Which of all images they are."""
    flat = images.reshape(len(images), -1).astype(int)
    return flat @ (1 << np.arange(flat.shape[1])[::-1])


def uniform(shown: np.ndarray) -> Probability:
    """These images and no others, all as likely."""
    return np.bincount(number(shown), minlength=2**SIDE**2) / len(shown)


def probabilities(machine: AbstractMachine) -> Probability:
    """The probability of every image, exactly."""
    free = np.asarray(free_energies(machine, jnp.asarray(every().T)), float)
    return np.exp(-free - float(log_z(machine)))


def untaught(run: Run, shown: np.ndarray, seed: int) -> AbstractMachine:
    """The machine of a run as it was before its first step."""
    recipe, spec = run.record.recipe, run.record.spec
    key_build, key_start = jax.random.split(jax.random.key(seed))
    events = jnp.asarray(shown, "float32")
    weight = jnp.ones(len(events))
    batch = Batch(event=events, condition=None, weight=weight, size=jnp.sum(weight))
    machine: Any = recipe.initialise(recipe.build(spec, key_build), batch, key_start)
    return machine


def tempered(machine: AbstractMachine, families: int, seed: int) -> np.ndarray:
    """An image from each of so many families of chains at several temperatures."""
    key_start, key = jax.random.split(jax.random.key(seed))
    betas = np.linspace(0, 1, RUNGS)
    state = start(key_start, machine, RUNGS * families)
    found = temper(key, machine, state, betas, 1, burn=500, every=2)
    return np.asarray(machine.events(found.states[0]))


def entropy(p: np.ndarray) -> float:
    """− Σ p log p."""
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def information(p: Probability) -> float:
    """What the left half of an image knows of the right: H(left) + H(right) − H(both)."""
    pixels = p.reshape((2,) * SIDE**2)
    left = [r * SIDE + c for r in range(SIDE) for c in range(SIDE // 2)]
    right = [i for i in range(SIDE**2) if i not in left]
    halves = pixels.transpose(left + right).reshape(2 ** len(left), -1)
    return entropy(halves.sum(1)) + entropy(halves.sum(0)) - entropy(halves)


def correlation(p: Probability, i: int, j: int) -> float:
    """Of two pixels."""
    pixels = every()
    a, b = pixels[:, i].astype(float), pixels[:, j].astype(float)
    mean_a, mean_b = p @ a, p @ b
    covariance = p @ (a * b) - mean_a * mean_b
    return float(covariance / np.sqrt(mean_a * (1 - mean_a) * mean_b * (1 - mean_b)))


def learnt_claim(p: Probability, shown: np.ndarray) -> Claim:
    """That the machine has learnt the images."""
    return Claim(
        name="learnt",
        sentence="The mean of log p over the twelve images is as high as it can be; together they "
        f"have {p[number(shown)].sum():.1%} of the probability.",
        expected=-float(np.log(len(shown))),
        source="− log 12, if the twelve have all of it and as much each",
        measured=Measured(float(np.log(p[number(shown)]).mean())),
        unit="nats per image",
        tolerance=0.05,
        why="a twentieth of the probability left to other images",
    )


def information_claim(when: str, p: Probability, expected: float, source: str) -> Claim:
    """What halves know of each other."""
    return Claim(
        name=f"halves, {when}",
        sentence=f"The left half of an image knows of the right, {when} learning, as much as it "
        f"should: {expected:.3f} nats.",
        expected=expected,
        source=source,
        measured=Measured(information(p)),
        unit="nats",
        tolerance=0.1,
        why="a tenth of a nat, a twentieth of what there is to know",
    )


def corners_claim(p: Probability) -> Claim:
    """That the dependence reaches from corner to corner."""
    return Claim(
        name="corners",
        sentence="Pixels in opposite corners depend on each other as two lines do of which two of "
        "four are filled.",
        expected=-1 / 3,
        source="given that one line is filled, another is in one case of three, not in one of two",
        measured=Measured(correlation(p, 0, SIDE**2 - 1)),
        tolerance=0.03,
        why="a tenth of it",
    )


def chain_claim(drawn: np.ndarray, plain: np.ndarray, p: Probability, shown: np.ndarray) -> Claim:
    """That chains give what the machine has learnt."""
    right, stuck = (np.isin(number(images), number(shown)) for images in (drawn, plain))
    share = (right.sum() + 1) / (len(right) + 2)
    return Claim(
        name="chains",
        sentence="As many of the images that tempered chains draw are of the twelve as enumeration "
        f"says. Of plain chains, 1000 sweeps after a random start, {stuck.mean():.1%} are: the "
        "others are stuck between them.",
        expected=float(p[number(shown)].sum()),
        source="the sum of exp(−F) / Z over the twelve",
        measured=Measured(float(right.mean()), float(np.sqrt(share * (1 - share) / len(right)))),
        tolerance=0.03,
        why="an error of a few in a hundred images would not be seen",
    )


def grid(shown: np.ndarray, before: AbstractMachine, drawn: np.ndarray, seed: int) -> ImageGrid:
    """The images, and what the machine draws before and after."""
    keys = jax.random.split(jax.random.key(seed), len(shown))
    first = np.asarray(jax.jit(jax.vmap(before.sample))(keys))
    return ImageGrid(
        name="images",
        title="The images, and those of the machine",
        caption="The twelve images; draws of the machine before it learns, when pixels are up half "
        "the time; and draws after. The grey frames are no part of them.",
        images=np.pad(
            np.stack([shown.astype(float), first, drawn[: len(shown)].astype(float)]),
            ((0, 0), (0, 0), (1, 1), (1, 1)),
            constant_values=0.3,
        ),
        row_labels=("data", "before", "after"),
    )


def distances(found: dict[str, Probability]) -> Curves:
    """Correlations along a row and along a diagonal."""
    steps = np.arange(1, SIDE)
    panels = []
    for label, stride in (("along a row", 1), ("along the diagonal", SIDE + 1)):
        lines = tuple(
            Curve(name, steps, np.array([correlation(p, 0, stride * k) for k in range(1, SIDE)]))
            for name, p in found.items()
        )
        panels.append(Panel(f"correlation {label}", lines))
    return Curves(
        name="correlations",
        title="From pixel to pixel",
        caption="The correlation of the pixel in a corner with others, near and far. It does not "
        "fall off with distance: 1/3 along a row, which is filled or not in stripes, and −1/3 "
        "along the diagonal.",
        panels=tuple(panels),
        x_label="pixels apart",
    )


def each(p: Probability, shown: np.ndarray) -> Bars:
    """What each image got."""
    return Bars(
        name="each",
        title="The probability of each image",
        caption=f"As learnt; {1 / len(shown):.3f} is right. Bars are b, stripes are s.",
        labels=tuple(f"{kind}{k}" for kind in "bs" for k in range(1, len(shown) // 2 + 1)),
        values=p[number(shown)],
        x_label="image",
        y_label="probability",
    )
