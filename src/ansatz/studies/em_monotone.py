"""Neither half-step of expectation maximisation lowers the bound, which touches log p."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.models.mixture.full import FullGaussians
from ansatz.models.mixture.half_steps import expectation, maximisation
from ansatz.protocol.figures import Curve, Curves, Figure, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.half_steps import (
    COMPONENTS,
    FLOOR,
    NUMBERS,
    ROUNDS,
    Exact,
    Problem,
    Rows,
    course,
    half_steps,
)
from ansatz.studies.study import Context, Findings, Study

KINDS = ("full", "tied", "diagonal", "spherical", "bernoulli")
TRUE, GIVEN = 5, 12
"""Clusters there are, and components that the variational mixture is given."""


class EMMonotoneStudy(Study):
    """For any guess q at what is hidden, log p(x) = F + KL(q ‖ p(z | x)) with the evidence lower
    bound F = E_q[log p(x, z)] + H(q). An expectation closes the gap between F and log p(x), a
    maximisation raises F, and so log p(x) never falls (Dempster, Laird and Rubin, 1977; Neal and
    Hinton, 1998). All three are worked out anew in NumPy after every half-step of random problems
    with every kind of component, with numbers missing at random and without. Events are synthetic.
    The variational mixture raises a bound with all parameters integrated out: it finds by itself
    how many clusters there are.
    """

    name: ClassVar[str] = "em-monotone"
    title: ClassVar[str] = "Neither half-step of EM lowers the bound"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        repetitions = 2 if context.quick else 10
        with jax.enable_x64(True):
            problems = [
                Problem.drawn(kind, generator, missing=missing)
                for missing in (False, True)
                for kind in KINDS
                for _ in range(repetitions)
            ]
            courses = [course(problem) for problem in problems]
            theirs = distance_from_scikit_learn(problems[0])
            touching = touching_bounds(generator)
        clusters = 3 * np.stack([np.cos(TURNS), np.sin(TURNS)], 1)
        events = clusters[generator.integers(0, TRUE, 2000)]
        events = events + 0.7 * generator.standard_normal(events.shape)
        runs = context.fit(
            "variational",
            "mixture",
            context.save("events.npy", events.astype(np.float32)),
            components=GIVEN,
            method="variational",
            epochs=150,
            validation=0.0,
            test=0.0,
            seeds=4 if context.quick else 16,
        )
        whole, holes = (
            [c for p, c in zip(problems, courses, strict=True) if p.observed.all() == complete]
            for complete in (True, False)
        )
        alive = [float(np.sum(np.asarray(run.model.weights) > 1e-3)) for run in runs]
        return Findings(
            claims(whole, holes, theirs, alive),
            (touching, half_step_curves(problems, courses), _components(runs[0], events)),
        )


TURNS = 2 * np.pi * np.arange(TRUE) / TRUE


def claims(
    whole: list[Float[np.ndarray, "halves 3"]],
    holes: list[Float[np.ndarray, "halves 3"]],
    theirs: float,
    alive: list[float],
) -> tuple[Claim, ...]:
    """What must hold of the courses of whole events and of those that miss numbers, of the
    distance from scikit-learn, and of how many components each variational mixture keeps."""
    nats: dict[str, Any] = {
        "unit": "nats per event",
        "tolerance": 1e-9,
        "why": "rounding in double precision, 1e-16, grows by the condition of covariances, a "
        "million at most here",
    }
    courses = [*whole, *holes]
    after = [c[::2, 2] for c in courses]

    def fall(some: list[np.ndarray]) -> Measured:
        return Measured(max(0.0, *(float(-np.diff(c[:, 1]).min()) for c in some)))

    half = f"{sum(map(len, courses)):,} half-steps of {len(courses)} problems"
    return (
        Claim(
            name="identity",
            sentence="log p(x) = F + KL(q ‖ p(z | x)): the largest difference over "
            f"{half} is zero.",
            expected=0.0,
            source="Bayes' rule (Neal and Hinton, 1998)",
            measured=Measured(max(float(np.abs(c @ [1, -1, -1]).max()) for c in courses)),
            **nats,
        ),
        Claim(
            name="touch",
            sentence="After every expectation the bound touches: the largest KL(q ‖ p(z | x)) is "
            "zero.",
            expected=0.0,
            source="q = p(z | x) (Dempster, Laird and Rubin, 1977)",
            measured=Measured(max(float(np.abs(values).max()) for values in after)),
            **nats,
        ),
        Claim(
            name="monotone",
            sentence="No half-step lowers the bound: the largest fall of F is zero.",
            expected=0.0,
            source="each half-step is the maximum of F over q or over the parameters (Neal and "
            "Hinton, 1998)",
            measured=fall(whole),
            **nats,
        ),
        Claim(
            name="missing numbers",
            sentence="Nor does any where numbers are missing: the largest fall of F is zero.",
            expected=0.0,
            source="the same with what is missing among what is hidden (Ghahramani and Jordan, "
            "1994)",
            measured=fall(holes),
            **nats,
        ),
        Claim(
            name="scikit-learn",
            sentence="The log-likelihood of every iteration is scikit-learn's from the same start: "
            "the largest difference is zero.",
            expected=0.0,
            source="scikit-learn's GaussianMixture, full covariances, no regularisation",
            measured=Measured(theirs),
            **nats,
        ),
        Claim(
            name="components",
            sentence=f"The variational mixture, given {GIVEN} components, keeps one for each of "
            f"{TRUE} clusters.",
            expected=float(TRUE),
            source="the clusters that the events were drawn from",
            measured=Measured.over(alive),
            tolerance=0.5,
            why="a number of components is whole",
            unit="components",
        ),
    )


def distance_from_scikit_learn(problem: Problem) -> float:
    """The largest difference of log-likelihoods for each event, iteration by iteration."""
    import warnings

    from sklearn.mixture import GaussianMixture

    model, found = problem.model, []
    reference = GaussianMixture(
        COMPONENTS,
        reg_covar=0.0,
        tol=0.0,
        max_iter=1,
        warm_start=True,
        weights_init=np.asarray(model.weights),
        means_init=np.asarray(model.components.mean),
        precisions_init=np.linalg.inv(np.asarray(model.components.covariance())),
    )
    every = np.ones(NUMBERS, bool)
    for _ in range(ROUNDS):
        with warnings.catch_warnings():
            # One iteration at a time never converges.
            warnings.simplefilter("ignore")
            reference.fit(problem.events)
        exact = Exact(model)
        ours = np.mean([np.logaddexp.reduce(exact.joint(x, every)) for x in problem.events])
        found.append(abs(ours - reference.lower_bound_))
        model = half_steps(model, jnp.asarray(problem.events))
    return float(max(found))


def touching_bounds(generator: np.random.Generator) -> Curves:
    """log p as a function of the weight of one of two components, and the bounds below it."""
    n = 400
    x = generator.standard_normal((n, 1)) + 1.5 * (generator.random((n, 1)) < 0.7)
    mean, one = jnp.array([[0.0], [1.5]]), jnp.ones(n)
    components = FullGaussians(mean, jnp.ones((2, 1, 1)), jnp.ones((2, 1)))
    grid = np.linspace(0.005, 0.995, 199)
    each = -((x - np.asarray(mean)[:, 0]) ** 2 + np.log(2 * np.pi)) / 2

    def joint(w: np.ndarray | float) -> np.ndarray:
        """log w_k p_k(x_n), (weights, n, 2)."""
        weights = np.stack([1 - np.atleast_1d(w), np.atleast_1d(w)], -1)
        return np.log(weights)[:, None] + each[None]

    log_p = np.logaddexp.reduce(joint(grid), 2).mean(1)
    curves, w, path = [Curve("log p(x)", grid, log_p)], 0.03, []
    for _ in range(5):
        log_evidence = np.logaddexp.reduce(joint(w)[0], 1)
        chance = joint(w)[0] - log_evidence[:, None]

        def bound(weights: np.ndarray | float, chance: np.ndarray = chance) -> np.ndarray:
            return np.sum(np.exp(chance) * (joint(weights) - chance), 2).mean(1)

        values = bound(grid)
        visible = values > log_p.min() - 0.1 * np.ptp(log_p)
        curves.append(Curve("bound", grid[visible], values[visible]))
        path.append((w, float(log_evidence.mean())))
        moments, _ = expectation(jnp.log(jnp.array([1 - w, w])), components, jnp.asarray(x), one)
        w = float(maximisation(components, moments, FLOOR)[0][1])
        path.append((w, float(bound(w)[0])))
    x_path, y_path = np.array(path).T
    return Curves(
        name="touching",
        title="Bounds that touch the likelihood",
        caption="log p(x), the mean over events, as a function of the weight of one of two "
        "components, and the bounds of five expectations. Each bound lies below it and touches it "
        "where it was made. A maximisation goes to the top of the bound, an expectation straight "
        "up to log p(x), where the next bound touches.",
        panels=(Panel("nats for each event", (*curves, Curve("half-steps", x_path, y_path))),),
        x_label="weight",
    )


def half_step_curves(
    problems: list[Problem], courses: list[Float[np.ndarray, "halves 3"]]
) -> Curves:
    """log p and the bound after every half-step, one problem of each kind with missing numbers."""
    panels, seen = [], set()
    for problem, values in zip(problems, courses, strict=True):
        if problem.kind in seen or problem.observed.all():
            continue
        seen.add(problem.kind)
        # The first maximisation would hide all others.
        half, shown = np.arange(2, len(values)) / 2, values[2:]
        panels.append(
            Panel(
                problem.kind,
                (Curve("log p(x)", half, shown[:, 0]), Curve("bound", half, shown[:, 1])),
            )
        )
    return Curves(
        name="half-steps",
        title="The bound, half-step by half-step",
        caption="log p(x) and the bound on it, in nats for each event, of a problem of each kind "
        "with a third of its numbers missing. The two meet after each expectation, at whole "
        "numbers, and part again at each maximisation, which raises both.",
        panels=tuple(panels),
        x_label="iteration",
    )


def _components(run: Run, events: Rows) -> Figure:
    """The ellipses that the variational mixture has kept."""
    return next(f for f in run.figures(events.astype(np.float32)) if f.name == "components")
