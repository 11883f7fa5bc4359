"""Families compared where the truth is known, and where it is not."""

import itertools
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ansatz.api import find_recipe
from ansatz.data.toys import AbstractToy, Moons, Rings
from ansatz.evaluate.comparison.budget import Budget
from ansatz.evaluate.comparison.compare import RECORD, Comparison, compare
from ansatz.evaluate.comparison.entrant import Entrant
from ansatz.evaluate.comparison.held import Judging
from ansatz.evaluate.estimate import weighted_mean
from ansatz.protocol.figures import Cloud, Figure, Labels, Scatter
from ansatz.report.comparison_figures import figures as of_comparison
from ansatz.studies import telescope
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.real import MAGIC
from ansatz.studies.study import Context, Findings, Study

TOYS: dict[str, AbstractToy] = {"moons": Moons(), "rings": Rings()}
ON_TOYS: dict[str, dict[str, Any]] = {
    "pca": {},
    "mixture": {"components": 8},
    "vae": {"latent": 2, "hidden": (64, 64), "schedule": "cosine"},
    "flow": {"layers": 4, "hidden": (64, 64), "schedule": "cosine"},
    "gan": {"latent": 2, "hidden": (64, 64)},
}
ON_DIGITS: dict[str, dict[str, Any]] = {
    "pca": {},
    "mixture": {"covariance": "tied"},
    "rbm": {"hidden": 16},
    "vae": {"hidden": (128,), "schedule": "cosine"},
    "flow": {"layers": 4, "hidden": (64, 64), "schedule": "cosine"},
    "gan": {"hidden": (128, 128)},
}
QUICK_TOYS, QUICK_DIGITS = ("pca", "mixture", "flow"), ("pca", "mixture", "rbm")
"""In the quick study."""
ERRORS = 2.0
"""By how many errors two divergences must differ to be ranked."""
SURE = 3.0
BOTH = ("AUC", "MMD²")
"""The tests by which samples are ranked too."""


class FourFamiliesStudy(Study):
    """Flows, autoencoders, adversarial nets and machines or mixtures, each with as many steps to
    learn, judged by one comparison. On two toys in the plane, whose densities are known, no
    log-likelihood may lie above that of the truth, since KL(p ‖ q) ≥ 0, and a family that is
    farther from the truth by KL must be told from it more easily by its samples. On small digits
    only likelihoods of one kind may be set against each other, and events learnt, put in the place
    of samples, must not be told from events held out. On images of the MAGIC telescope, where
    ../shared/data holds them, a density of gamma rays and one of hadrons are to tell the two apart,
    by their ratio and by the first alone. With --quick there are fewer families, events and steps.
    """

    name: ClassVar[str] = "four-families"
    title: ClassVar[str] = "Families compared: on toys, on digits, on showers in the sky"

    def run(self, context: Context) -> Findings:
        claims: list[Claim] = []
        figures: list[Figure] = []
        toys: dict[str, tuple[Comparison, dict[str, np.ndarray]]] = {}
        for name, toy in TOYS.items():
            found = on_toy(context, name, toy)
            ahead = _ahead(found, toy)
            claims += of_likelihoods(name, ahead)
            claims.append(of_ranks(name, found, ahead))
            toys[name] = found, ahead
            figures += _renamed(of_comparison(found), name)
        figures.insert(0, divergences(toys))
        digits = on_digits(context)
        claims += of_digits(digits)
        figures += _renamed(of_comparison(digits), "digits")
        if MAGIC.exists():
            told = telescope.telling(context, MAGIC)
            claims += telescope.claims(told)
            figures += telescope.bars(told)
        return Findings(tuple(claims), tuple(figures))


def on_toy(context: Context, name: str, toy: AbstractToy) -> Comparison:
    """A toy's points learnt by all, and judged on so many that were not learnt."""
    events, steps, judged = (12_000, 1500, 4000) if context.quick else (40_000, 10_000, 10_000)
    points, _ = toy.draw(events, context.seed)
    path = context.save(f"{name}.npy", points.astype(np.float32))
    wanted = QUICK_TOYS if context.quick else tuple(ON_TOYS)
    recipes = {family: ON_TOYS[family] for family in wanted}
    judging = Judging(test=judged / events, most=judged, seed=context.seed)
    return _compared(context, name, path, recipes, Budget(steps=steps), judging)


def on_digits(context: Context) -> Comparison:
    """The small digits, learnt by all."""
    wanted = QUICK_DIGITS if context.quick else tuple(ON_DIGITS)
    recipes = {family: ON_DIGITS[family] for family in wanted}
    budget = Budget(steps=400 if context.quick else 4000)
    judging = Judging(test=0.4, samples=50, seed=context.seed)
    return _compared(context, "digits", "digits", recipes, budget, judging)


def _compared(
    context: Context,
    name: str,
    data: Any,
    recipes: dict[str, dict[str, Any]],
    budget: Budget,
    judging: Judging,
) -> Comparison:
    folder = context.folder / f"compare-{name}"
    return compare(
        data,
        [find_recipe(family).with_settings(own) for family, own in recipes.items()],
        budget=budget,
        out=folder,
        judging=judging,
        resume=(folder / RECORD).exists(),
        quiet=context.quiet,
    )


def _ahead(found: Comparison, toy: AbstractToy) -> dict[str, np.ndarray]:
    """log q − log p of every event held out, q each family's and p the truth."""
    truth = toy.log_prob(np.asarray(found.held.events.events))
    return {
        one.name: one.arrays["log p"] - (one.value("gap") or 0.0) - truth
        for one in found.entrants
        if "log p" in one.arrays
    }


def of_likelihoods(name: str, ahead: dict[str, np.ndarray]) -> tuple[Claim, ...]:
    """No log-likelihood, exact or a bound, is above that of the truth."""
    estimates = {family: weighted_mean(each) for family, each in ahead.items()}
    highest = max(estimates, key=lambda family: estimates[family].value / estimates[family].error)
    value, error = estimates[highest]
    return (
        Claim(
            name=f"{name}, likelihoods",
            sentence=f"Of {', '.join(ahead)} none has a mean log q(x) of events held out above "
            "the mean log p(x) of the truth, by more than chance: in errors of the paired "
            f"difference {highest} comes closest.",
            expected=0.0,
            source="E log p − E log q = KL(p ‖ q) ≥ 0, and a bound on log q lies below it",
            measured=Measured(value / error),
            tolerance=SURE,
            why="a difference of nothing exceeds three of its errors once in 740 times",
            unit="errors",
            side="at most",
        ),
    )


def pairs(ahead: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """Families whose divergences from the truth differ by more than two errors, nearer first."""
    ranked = []
    for first, other in itertools.permutations(ahead, 2):
        value, error = weighted_mean(ahead[first] - ahead[other])
        if value > ERRORS * error:
            ranked.append((first, other))
    return ranked


def of_ranks(name: str, found: Comparison, ahead: dict[str, np.ndarray]) -> Claim:
    """What is nearer by KL is told less easily, by a classifier and by MMD.

    A KL of the same events is paired and known to a fraction of its spread, and what two families
    differ by may be far below what samples can tell.
    """
    by_name: dict[str, Entrant] = {one.name: one for one in found.entrants}
    ranked = pairs(ahead)
    wrong = [
        f"{near} and {far} by {test}"
        for near, far in ranked
        for test in BOTH
        if not _alike(by_name[near], by_name[far], test)
    ]
    told = f" Otherwise ranked: {'; '.join(wrong)}." if wrong else ""
    return Claim(
        name=f"{name}, ranks",
        sentence=f"Of {len(ranked)} pairs of families whose KL(p ‖ q) differ by more than two "
        "errors each is ranked alike by how well a classifier tells samples from events and by "
        f"their mean discrepancy, as far as these differ by more than two errors.{told}",
        expected=0.0,
        source="KL(p ‖ q), from the known density",
        measured=Measured(float(len(wrong))),
        tolerance=0.0,
        why="a count",
        unit="pairs",
    )


def _alike(near: Entrant, far: Entrant, test: str) -> bool:
    """Whether the nearer of two is told less easily, but for chance."""
    one, other = near.cells[test], far.cells[test]
    assert one.value is not None
    assert other.value is not None
    return one.value - other.value <= ERRORS * float(np.hypot(one.error, other.error))


def of_digits(found: Comparison) -> tuple[Claim, ...]:
    """Likelihoods of one kind alone are set against each other, and the control is no sample."""
    assert found.control is not None
    by_name = {one.name: one for one in found.entrants}
    mixed = [
        one.name
        for one in found.entrants
        if one.value("log p") is not None and any("binarise" in note for note in one.notes)
    ]
    area = found.control.cells["AUC"]
    assert area.value is not None
    pca = by_name["pca"].arrays["log p"]
    gains = {
        one.name: weighted_mean(one.arrays["log p"] - pca)
        for one in found.entrants
        if "log p" in one.arrays and one.name != "pca"
    }
    best = max(gains, key=lambda name: gains[name].value)
    return (
        Claim(
            name="digits, kinds",
            sentence="No probability of digits made black and white is set against one of digits "
            "with their grey levels.",
            expected=0.0,
            source="they are probabilities of different events",
            measured=Measured(float(len(mixed))),
            tolerance=0.0,
            why="a count",
            unit="families",
        ),
        Claim(
            name="digits, control",
            sentence="Digits learnt, in the place of samples, are not told from digits held out, "
            "by the area under the ROC curve.",
            expected=0.5,
            source="both are drawn at random from the same digits",
            measured=Measured(area.value, area.error),
            tolerance=0.1,
            why="by guessing half of all pairs are told; one in ten more would be a difference",
        ),
        Claim(
            name="digits, likelihood",
            sentence=f"Of digits held out the best family, {best}, has a higher log p than a "
            "Gaussian of 16 principal components, event by event in the mean.",
            expected=0.0,
            source="digits are of ten kinds, and no Gaussian is",
            measured=Measured(*gains[best], len(pca) - 1),
            tolerance=0.0,
            why="better is better",
            unit="nats",
            side="at least",
        ),
    )


def _renamed(figures: tuple[Figure, ...], prefix: str) -> list[Figure]:
    """Figures of one comparison among others."""
    return [
        replace(figure, name=f"{prefix}-{figure.name}", title=f"{figure.title}: {prefix}")
        for figure in figures
    ]


def divergences(found: dict[str, tuple[Comparison, dict[str, np.ndarray]]]) -> Scatter:
    """How easily samples are told from events over how far a family is from the truth."""
    clouds = []
    for name, (compared, ahead) in found.items():
        there = [one for one in compared.entrants if one.name in ahead]
        points = [(-float(ahead[one.name].mean()), one.value("AUC") or 0.5) for one in there]
        codes = np.array([tuple(ON_TOYS).index(one.name) for one in there])
        clouds.append(Cloud(name, np.array(points), Labels("family", codes, tuple(ON_TOYS))))
    return Scatter(
        name="divergences",
        title="Two ways to be far from the truth",
        caption="For each family the area under the ROC curve of a classifier between its samples "
        "and events, over KL(p ‖ q) from its log-likelihood; of a GAN there is none. Where one "
        "rises with the other, both rank families alike.",
        clouds=tuple(clouds),
        x_label="KL(p ‖ q), nats",
        y_label="AUC",
    )
