"""The terms of the study by quadrature and enumeration, and its claims on courses made by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ansatz.models.mixture.full import FullGaussians
from ansatz.models.mixture.model import Mixture
from ansatz.studies import em_monotone as study
from ansatz.studies.claim import Verdict
from ansatz.studies.em_monotone import EMMonotoneStudy
from ansatz.studies.half_steps import Exact, Problem
from ansatz.studies.study import Context


@pytest.fixture(scope="module")
def gaussians():
    """Two mixtures of Gaussians with any covariances."""
    generator = np.random.default_rng(0)
    found = []
    with jax.enable_x64(True):
        for _ in range(2):
            root = generator.normal(size=(3, 3, 3))
            covariance = root @ root.swapaxes(1, 2) + 0.3 * np.eye(3)
            components = FullGaussians.of(
                jnp.asarray(generator.normal(size=(3, 3))), jnp.asarray(covariance)
            )
            weights = jnp.asarray(generator.dirichlet(np.full(3, 4.0)))
            found.append(Exact(Mixture(weights, components, (3,))))
    return found


def terms_on(points, width, p, q):
    """log p, F and KL by sums over x_m: q and p are log p_k(x) of all components at the points."""
    log_q = q - np.log(width * np.exp(q).sum())
    log_p = np.log(width * np.exp(p).sum())
    own = np.exp(log_q) * width
    bound, apart = np.sum(own * (p - log_q)), np.sum(own * (log_q - p + log_p))
    assert len(points) == len(p)
    return log_p, bound, apart


def joint(exact, points):
    """log w_k p_k(x) by SciPy, (points, components)."""
    return np.stack(
        [
            exact.log_weights[k]
            + np.atleast_1d(
                stats.multivariate_normal(exact.means[k], exact.covariances[k]).logpdf(points)
            )
            for k in range(3)
        ],
        1,
    )


def test_the_terms_are_sums_over_what_is_hidden(gaussians):
    p, q = gaussians
    x, seen = np.array([0.4, 0.0, -0.8]), np.array([True, False, True])
    # Trapezoids are exact beyond rounding for smooth densities that have fallen to nothing.
    line = np.linspace(-40, 40, 8001)
    points = np.tile(x, (len(line), 1))
    points[:, 1] = line
    wanted = terms_on(points, line[1] - line[0], joint(p, points), joint(q, points))
    np.testing.assert_allclose(p.terms(q, x, seen), wanted, rtol=1e-8)
    assert wanted[2] > 0.01
    # Of a whole event only the component is hidden.
    whole = np.ones(3, bool)
    wanted = terms_on([x], 1.0, joint(p, x[None]), joint(q, x[None]))
    np.testing.assert_allclose(p.terms(q, x, whole), wanted, rtol=1e-10)


def test_the_terms_of_bits_are_sums_over_bits():
    generator = np.random.default_rng(1)
    with jax.enable_x64(True):
        p, q = (Exact(Problem.drawn("bernoulli", generator, missing=False).model) for _ in range(2))
    x, seen = np.array([1.0, 0.0, 0.0]), np.array([True, False, False])
    points = np.array([[1.0, a, b] for a in (0, 1) for b in (0, 1)])

    def bits(exact):
        each = np.log(np.where(points[:, None] == 1, exact.means, 1 - exact.means)).sum(2)
        return exact.log_weights + each

    wanted = terms_on(points, 1.0, bits(p), bits(q))
    np.testing.assert_allclose(p.terms(q, x, seen), wanted, rtol=1e-10)


def judged(change=None, theirs=0.0, alive=5):
    """The claims on two problems whose bounds rise as they should, but for one change."""
    rise = np.repeat([[-3.0], [-2.0], [-1.5], [-1.2]], 3, 1)
    rise[:, 2] = [0, 0.4, 0, 0.1]
    rise[:, 0] = rise[:, 1] + rise[:, 2]
    courses = [rise.copy(), rise.copy()]
    if change is not None:
        which, row, column, size = change
        courses[which][row, column] += size
    return study.claims(courses[:1], courses[1:], theirs, 3 * [float(alive)])


@pytest.mark.parametrize(
    ("wrong", "fail"),
    [
        ({}, set()),
        ({"change": (0, 1, 0, 1e-6)}, {"identity"}),
        ({"change": (1, 2, 2, 1e-6)}, {"identity", "touch"}),
        ({"change": (0, 1, 1, -1.1)}, {"identity", "monotone"}),
        ({"change": (1, 2, 1, -0.6)}, {"identity", "missing numbers"}),
        ({"theirs": 1e-6}, {"scikit-learn"}),
        ({"alive": 6}, {"components"}),
    ],
)
def test_each_claim_sees_what_it_is_about(wrong, fail):
    claims = judged(**wrong)
    assert {c.name for c in claims if c.verdict == Verdict.FAILS} == fail
    assert {c.name for c in claims if c.verdict == Verdict.HOLDS} == {c.name for c in claims} - fail


@pytest.mark.slow
def test_the_study_holds(tmp_path, monkeypatch):
    """With two kinds of components and fewer rounds."""
    monkeypatch.setattr(study, "KINDS", ("full", "bernoulli"))
    monkeypatch.setattr(study, "ROUNDS", 4)
    findings = EMMonotoneStudy().run(Context(folder=tmp_path, quick=True, quiet=True))
    assert {claim.verdict for claim in findings.claims} == {Verdict.HOLDS}
    touching, half_steps, components = findings.figures
    (panel,) = touching.panels
    log_p, *bounds, path = panel.curves
    assert [curve.label for curve in bounds] == ["bound"] * 5
    for k, bound in enumerate(bounds):
        below = np.interp(bound.x, log_p.x, log_p.y)
        assert np.all(bound.y <= below + 1e-12)
        # Where the expectation was made the bound touches, up to the distance of the grid.
        gap = np.interp(path.x[2 * k], bound.x, below - bound.y)
        assert abs(gap) < 1e-3
    assert np.all(np.diff(path.y) > -1e-12)
    assert [panel.label for panel in half_steps.panels] == ["full", "bernoulli"]
    assert len(components.names) == 5
