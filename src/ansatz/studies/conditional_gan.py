"""Adversarial nets that are told a condition: a fork whose branches are known, and digits."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ansatz.data.options import DataOptions
from ansatz.data.read import read
from ansatz.evaluate.estimate import weighted_mean
from ansatz.evaluate.neighbours import coverage_by_chance, neighbourhoods
from ansatz.protocol.figures import Cloud, Curve, Curves, Figure, ImageGrid, Panel, Scatter
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

WIDTH = 0.1
"""Of a branch."""
EVENTS = 20_000
DRAWS = 2000
PLACES = np.array([-0.8, -0.4, 0.1, 0.5, 0.9])
"""Where the fork is judged: before it opens, as it does, and after."""
DIGITS = 10
EACH = 100
SHOWN = 10

FORK: dict[str, Any] = {
    "latent": 8,
    "hidden": (64, 64, 64),
    "batch": 128,
    "rate": 2e-3,
}
IMAGES: dict[str, Any] = {
    "latent": 16,
    "hidden": (256, 256),
    "batch": 64,
    "rate": 5e-4,
    "penalty": 1.0,
    "validation": 0.1,
    "test": 0.1,
}


class ConditionalGANStudy(Study):
    """A condition is given to both players (Mirza and Osindero, 2014), so that samples that fit
    together with the wrong one are told from events. Two places to see it. A fork: at a number c
    from −1 to 1 an event is on either of two branches ±√c, or about zero where c is negative, with
    a width of 0.1; the exact distribution is known at every c, and samples are compared with
    it by the distance of Wasserstein, although the nets never see two events of one c. And the
    small digits of scikit-learn, where the label that was asked for should be the one that a
    classifier reads off what was drawn. The classifier, a support-vector machine, has learnt from
    the same events; whether samples are as various as events it cannot say, so their coverage
    stands beside.
    """

    name: ClassVar[str] = "conditional-gan"
    title: ClassVar[str] = "What is asked for is what is drawn"

    def run(self, context: Context) -> Findings:
        c, x = fork(EVENTS, context.seed)
        path = context.folder / "fork.npz"
        np.savez(path, events=x[:, None], c=c[:, None])
        columns: dict[str, Any] = {"events": ("events",), "conditions": ("c",)}
        epochs = 40 if context.quick else 100
        (forked,) = context.fit("fork", "gan", path, **FORK, epochs=epochs, **columns)
        epochs = 100 if context.quick else 400
        (drawing,) = context.fit(
            "digits", "gan", "digits", **IMAGES, epochs=epochs, conditions=("label",)
        )
        read_off = Read.of(drawing)
        return Findings(
            (*fork_claims(forked), *digit_claims(read_off)),
            (branches(forked, c, x), distances(forked), *digits(read_off)),
        )


def fork(n: int, seed: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """n conditions, uniform from -1 to 1, and an event under each."""
    generator = np.random.Generator(np.random.Philox(seed))
    c = generator.uniform(-1, 1, n)
    x = branch(c) * generator.choice([-1, 1], n) + WIDTH * generator.standard_normal(n)
    return c.astype(np.float32), x.astype(np.float32)


def branch(c: Any) -> Any:
    """Where the upper branch is."""
    return np.sqrt(np.maximum(c, 0))


def cumulative(x: Float[np.ndarray, "..."], c: Any) -> Float[np.ndarray, "..."]:
    """P(X < x | c), exactly."""
    from scipy.special import ndtr

    a = branch(c)
    return (ndtr((x - a) / WIDTH) + ndtr((x + a) / WIDTH)) / 2


def distance(samples: Float[np.ndarray, " n"], c: float) -> float:
    """W1 = int |F - F_n| dx of samples and the exact distribution at c, by the trapezoidal rule."""
    line = np.linspace(-3, 3, 6001)
    found = np.searchsorted(np.sort(samples), line, side="right") / len(samples)
    return float(np.trapezoid(np.abs(found - cumulative(line, c)), line))


def drawn(run: Run, c: float) -> Float[np.ndarray, " draws"]:
    """Samples of the fork at c."""
    return run.sample(DRAWS, condition=np.full((DRAWS, 1), c), seed=1)[:, 0].astype(float)


def fork_claims(run: Run) -> tuple[Claim, ...]:
    """How far samples are from the exact distribution, and whether both branches are there."""
    samples = {c: drawn(run, c) for c in PLACES}
    off = float(np.mean([distance(x, c) for c, x in samples.items()]))
    upper = weighted_mean(samples[PLACES[-1]] > 0)
    between = weighted_mean(np.abs(samples[PLACES[-1]]) < branch(PLACES[-1]) / 2)
    return (
        Claim(
            name="fork, distance",
            sentence="Samples under a number are of its own distribution: the mean Wasserstein "
            f"distance at {len(PLACES)} numbers.",
            expected=0.0,
            source="the exact distribution of the fork",
            measured=Measured(off),
            tolerance=WIDTH / 2,
            why="half the width of a branch",
            side="at most",
        ),
        Claim(
            name="fork, upper branch",
            sentence=f"At c = {PLACES[-1]} half of the samples are on the upper branch.",
            expected=0.5,
            source="the exact distribution of the fork",
            measured=Measured(upper.value, upper.error),
            tolerance=0.1,
            why="neither branch is lost, or nearly so",
        ),
        Claim(
            name="fork, between",
            sentence="Between the branches there, nearer to the middle than to either, is nothing.",
            expected=0.0,
            source="the exact distribution, of which 2 in a million are there",
            measured=Measured(between.value, between.error),
            tolerance=0.03,
            why="a map without jumps has to cross from one branch to the other",
            side="at most",
        ),
    )


class Read(NamedTuple):
    """Digits drawn for each label, and what a classifier reads off them."""

    images: Float[np.ndarray, "labels each height width"]
    asked: Int[np.ndarray, " drawn"]
    said: Int[np.ndarray, " drawn"]
    true: Int[np.ndarray, " held_out"]
    said_of_events: Int[np.ndarray, " held_out"]
    coverage: float
    chance: float
    error: float

    @classmethod
    def of(cls, run: Run) -> "Read":
        """Learn the classifier from the events of the fit, and show it both."""
        from sklearn.svm import SVC

        whole = read("digits", DataOptions.of({"conditions": ("label",)}))
        _, held = run.held_out()
        kept = {row.tobytes() for row in flat(held.events)}
        learnt = np.array([row.tobytes() not in kept for row in flat(whole.events)])
        labels = labels_of(whole.conditions)
        classifier = SVC().fit(flat(whole.events)[learnt], labels[learnt])
        asked = np.repeat(np.arange(DIGITS), EACH)
        images = run.sample(len(asked), condition=asked[:, None].astype(float), seed=1)
        true = labels_of(held.conditions)
        # As many samples of each label as there are events of it.
        beside = run.sample(len(true), condition=true[:, None].astype(float), seed=2)
        found = neighbourhoods(flat(held.events), flat(beside)).coverage
        return cls(
            images.reshape(DIGITS, EACH, *images.shape[1:]).astype(float),
            asked,
            classifier.predict(flat(images)),
            true,
            classifier.predict(flat(held.events)),
            found.value,
            coverage_by_chance(len(true), len(true)),
            found.error,
        )


def flat(images: Any) -> Float[np.ndarray, "images pixels"]:
    """Images as rows of numbers."""
    return np.asarray(images[:], np.float64).reshape(len(images), -1)


def labels_of(conditions: np.ndarray | None) -> Int[np.ndarray, " events"]:
    """Labels that stand beside events."""
    if conditions is None:
        raise ValueError("These events have no labels.")
    return conditions[:, 0].astype(int)


def digit_claims(found: Read) -> tuple[Claim, ...]:
    """Whether labels come out as asked, and how various the images are."""
    right = weighted_mean(found.said == found.asked)
    return (
        Claim(
            name="digits, label",
            sentence="The label asked for is the one that the classifier reads.",
            expected=1.0,
            source=f"of events held out it reads {np.mean(found.said_of_events == found.true):.1%} "
            "rightly",
            measured=Measured(right.value, right.error),
            tolerance=0.1,
            why="nine in ten, where one in ten is chance",
            side="at least",
        ),
        Claim(
            name="digits, coverage",
            sentence="Events held out have a sample among their 5 nearest.",
            expected=found.chance,
            source="what samples of the events' own distribution would come to",
            measured=Measured(found.coverage, found.error),
            tolerance=0.4,
            why="one good image for each label, which can cover a tenth, is far from enough",
            side="at least",
        ),
    )


def branches(run: Run, c: Float[np.ndarray, " n"], x: Float[np.ndarray, " n"]) -> Scatter:
    """Events and samples over their conditions."""
    some = slice(0, DRAWS)
    samples = run.sample(DRAWS, condition=c[some, None].astype(float), seed=2)[:, 0]
    return Scatter(
        name="fork",
        title="A fork",
        caption="Events and samples under the same numbers c. Each is on a branch, or about zero; "
        "what lies between the branches is the generator's bridge from one to the other.",
        clouds=(
            Cloud("data", np.stack([c[some], x[some]], 1)),
            Cloud("samples", np.stack([c[some], samples], 1)),
        ),
        x_label="c",
        y_label="x",
    )


def distances(run: Run) -> Curves:
    """The exact distribution function and that of samples, at each number."""
    line = np.linspace(-1.5, 1.5, 301)
    panels = []
    for c in PLACES:
        samples = np.sort(drawn(run, c))
        found = np.searchsorted(samples, line, side="right") / len(samples)
        curves = (Curve("exact", line, cumulative(line, c)), Curve("samples", line, found))
        panels.append(Panel(f"P(X < x), c = {c:g}", curves))
    return Curves(
        name="cumulative",
        title="Under one number",
        caption="The exact distribution function of the fork and that of 2000 samples. The area "
        "between the two is their Wasserstein distance.",
        panels=tuple(panels),
        x_label="x",
    )


def digits(found: Read) -> tuple[Figure, ...]:
    """What was drawn for each label."""
    return (
        ImageGrid(
            name="digits",
            title="Drawn by label",
            caption="Samples of the generator, a row for each label asked for: the first ten.",
            images=found.images[:, :SHOWN],
            row_labels=tuple(map(str, range(DIGITS))),
        ),
    )
