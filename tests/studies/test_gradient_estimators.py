"""Exact gradients against finite differences, unbiased squares, and the claims by hand."""

from functools import partial

import jax
import numpy as np
import pytest

from ansatz.studies import gradient_estimators as study
from ansatz.studies import gradient_moments as measuring
from ansatz.studies.claim import Measured, Verdict
from ansatz.studies.gradient_moments import CASES, DRAWS, Moments


@pytest.mark.parametrize("posterior", ["normal", "binary"])
def test_the_exact_bound_is_the_mean_of_the_models_own(posterior):
    model, event = measuring.made(posterior, 0)
    keys = jax.random.split(jax.random.key(1), 20_000)
    for draws in DRAWS:
        each = jax.jit(jax.vmap(lambda k, draws=draws: model.bound(event, key=k, samples=draws)))(
            keys
        )
        values = np.asarray(each, float)
        exact = float(measuring.exact_bound(model, event=event, draws=draws))
        # Four standard errors of a mean of 20,000 are exceeded once in 16,000.
        assert abs(values.mean() - exact) < 4 * values.std() / len(values) ** 0.5


def test_an_unbiased_square_has_the_mean_it_says():
    """Of normal means with a known square: 3^2 + 4^2 = 25, and noise that would add 2 s^2."""
    generator = np.random.default_rng(0)
    found = [measuring.squared_mean(generator.normal([3.0, 4.0], 2.0, (8, 2))) for _ in range(4000)]
    means = np.mean(found, 1)
    # Four standard errors; the plain square of the mean would be 1 too large, some nine errors.
    assert abs(means.mean() - 25) < 4 * means.std() / len(means) ** 0.5
    assert means.std() / len(means) ** 0.5 < 0.125
    # The error each set of blocks tells of itself is about the spread of the sets.
    told = np.mean([row.std(ddof=1) / 8**0.5 for row in found])
    assert 0.8 < told / means.std() < 1.3


def test_the_moments_are_those_of_the_gradient():
    """The best estimator of the easiest case: no bias, and the noise NumPy finds."""
    case = CASES[0]
    model, event = measuring.made(case.posterior, 0)
    bound = partial(measuring.exact_bound, event=event, draws=case.draws)
    exact = np.asarray(measuring.gradient_of(model, bound), float)
    found = measuring.moments(case, model, event, exact, jax.random.key(0), 2**18)
    assert abs(found.bias.value) < found.bias.reach < 0.01
    wrong = measuring.moments(case, model, event, 1.1 * exact, jax.random.key(0), 2**18)
    # A tenth too long: (0.1 / 1.1)^2 of its square.
    assert abs(wrong.bias.value - (0.1 / 1.1) ** 2) < wrong.bias.reach
    assert 0.1 < found.variance.value < 10


def by_hand(**wrong):
    found = {}
    for case in CASES:
        bias = 0.01 if case.biased else 0.0
        noise = 1.0 if case.estimator == "score-leave-one-out" else 5.0
        if wrong.get("case") == case:
            bias, noise = wrong.get("bias", bias), wrong.get("noise", noise)
        found[case] = Moments(Measured(bias, 1e-6, 15), Measured(noise, 0.01, 15))
    return found


@pytest.mark.parametrize(
    ("index", "changed", "fails"),
    [
        (None, {}, set()),
        (0, {"bias": 4e-4}, {"unbiased, numbers, K = 1"}),
        (9, {"bias": 4e-4}, {"unbiased, numbers, K = 2"}),
        (12, {"bias": 4e-4}, {"unbiased, bits, K = 1"}),
        (3, {"bias": 0.0}, {"sticking the landing, K = 2"}),
        (20, {"bias": 0.0}, {"bits that move"}),
        (10, {"noise": 6.0}, {"leave one out"}),
    ],
)
def test_each_claim_sees_what_it_is_about(index, changed, fails):
    found = by_hand(**({} if index is None else {"case": CASES[index], **changed}))
    claims = study.claims(found, Measured(0.0))
    assert {c.name for c in claims if c.verdict == Verdict.FAILS} == fails
    assert {c.name for c in claims if c.verdict != Verdict.HOLDS} == fails


def test_noise_at_the_posterior_is_seen():
    (landed,) = (c for c in study.claims(by_hand(), Measured(0.3)) if c.name == "landed")
    assert landed.verdict == Verdict.FAILS
    assert measuring.at_the_posterior(0).value < 1e-6


def test_figures_have_a_row_for_every_estimator():
    averaging, bias, noise = study.figures(by_hand())
    assert bias.values.shape == noise.values.shape == (11, 2)
    np.testing.assert_allclose(bias.values[1], [0, 10])
    np.testing.assert_allclose(noise.values[0], np.log10(5))
    # Without bias the noise of one estimate, and 2^10 times less of 2^20.
    np.testing.assert_allclose(averaging.panels[0].curves[0].y[[0, 20]], [5**0.5, 5**0.5 / 1024])
    # With one, the bias is left.
    np.testing.assert_allclose(averaging.panels[1].curves[1].y[20], 0.1, rtol=1e-3)
