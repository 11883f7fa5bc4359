"""Moments of weights against sampling and SciPy, and the claims on bounds made by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ansatz.studies import elbo_identities as study
from ansatz.studies.claim import Verdict
from ansatz.studies.linear_gaussian import LinearGaussian

TRUTH = LinearGaussian(study.MEAN, study.LOADINGS, study.SCALE**2)


@pytest.fixture(scope="module")
def model():
    return study.made(TRUTH)


@pytest.fixture(scope="module")
def gaps(model):
    events = TRUTH.sample(3, np.random.default_rng(0))
    return [study.gap(model, TRUTH, event) for event in events]


def test_the_posterior_is_bayes(gaps):
    """p(x, z) = p(x) p(z | x), at any code, with p(x) SciPy's."""
    events = TRUTH.sample(3, np.random.default_rng(0))
    event = events[0]
    gap, z = gaps[0], np.array([0.3, -1.1])
    joint = stats.multivariate_normal(np.zeros(2)).logpdf(z)
    mean = TRUTH.mean + TRUTH.loadings @ z
    joint += stats.norm(mean, study.SCALE).logpdf(event).sum()
    posterior = stats.multivariate_normal(gap.mean, np.linalg.inv(gap.precision)).logpdf(z)
    np.testing.assert_allclose(TRUTH.log_prob(events)[0] + posterior, joint, rtol=1e-10)


def test_divergences_are_those_of_sampled_weights(gaps):
    gap, n = gaps[1], 400_000
    q = stats.multivariate_normal(gap.guess, np.linalg.inv(gap.guess_precision))
    p = stats.multivariate_normal(gap.mean, np.linalg.inv(gap.precision))
    z = q.rvs(n, random_state=1)
    log_w = p.logpdf(z) - q.logpdf(z)
    for found, values in [
        (gap.divergence, -log_w),
        (1 + gap.second, np.exp(2 * log_w)),
        (1 + 3 * gap.second + gap.third, np.exp(3 * log_w)),
    ]:
        # Five standard errors are exceeded once in 10^6, were the powers normal.
        assert abs(values.mean() - found) < 5 * values.std() / np.sqrt(n)
    same = study.Gap(gap.mean, gap.precision, gap.mean, gap.precision)
    assert max(abs(same.divergence), abs(same.second), abs(same.third)) < 1e-12


def test_a_guess_too_narrow_has_no_moments():
    narrow = study.Gap(np.zeros(1), np.eye(1), np.zeros(1), 3 * np.eye(1))
    with pytest.raises(ValueError, match="no moment of order 2"):
        narrow.log_moment(2)


def test_what_is_missed_has_the_mean_of_the_plain_difference(model):
    """Both estimates of one number, of which the second is the quieter."""
    events = jnp.asarray(TRUTH.sample(2, np.random.default_rng(2)), "float32")
    log_p = jnp.asarray(TRUTH.log_prob(np.asarray(events, float)), "float32")
    pairs = [
        study.bounds_of(model, events, log_p, key, 64, 8)
        for key in jax.random.split(jax.random.key(0), 30)
    ]
    plain, quiet = np.array(pairs, float).T
    plain = float(log_p.mean()) - plain
    assert abs((plain - quiet).mean()) < 4 * (plain - quiet).std() / np.sqrt(30)
    assert quiet.std() < plain.std() / 2


def test_claims_hold_for_what_theory_says_and_see_what_is_wrong(gaps):
    k = study.DRAWS.astype(float)
    second = np.mean([g.second for g in gaps])
    divergence = np.mean([g.divergence for g in gaps])
    exact = -4.0
    ideal = second / (2 * k)
    ideal[0] = divergence
    # Repetitions that differ by little, or no error would be known.
    shake = 1 + 1e-5 * np.linspace(-1, 1, study.BLOCKS)[:, None]

    def verdicts(missed):
        missed = missed[None] * shake
        found = study.claims(exact - missed, missed, exact, gaps)
        return {claim.name for claim in found if claim.verdict != Verdict.HOLDS}

    assert verdicts(ideal) == set()
    assert verdicts(np.where(k == 1, 1.1 * divergence, ideal)) == {"K = 1"}
    assert verdicts(np.where(k == 4, ideal / 3, ideal)) == {"rises"}
    # A bound that never comes nearer with more draws, but a little farther.
    assert verdicts(divergence * (1 + 1e-3 * np.arange(len(k)))) == {
        "rises", "several draws", "many draws", "limit",
    }  # fmt: skip
    figures = study.figures(exact - ideal[None], ideal[None], exact, gaps)
    np.testing.assert_allclose(figures[0].panels[1].curves[0].y, ideal)
