"""What weights say, against closed forms."""

import numpy as np
from scipy import stats

from ansatz.evaluate.importance import (
    effective_fraction,
    effective_fraction_on_reference,
    free_energy,
    independence_metropolis,
    log_normaliser,
    mode_weights,
)

N = 40_000
SHIFT = 0.7


def weighed(generator, draw):
    """Samples, and log-weights of p = N(SHIFT, 1) against q = N(0, 1), with Z = e²."""
    x = draw(generator)
    return x, 2 + stats.norm(SHIFT, 1).logpdf(x) - stats.norm(0, 1).logpdf(x)


def test_of_two_gaussians_everything_is_known():
    generator = np.random.default_rng(0)
    _, log_w = weighed(generator, lambda g: g.normal(size=N))
    value, error = log_normaliser(log_w)
    assert abs(value - 2) < 3 * error
    # Var w / (E w)² = e^(s²) − 1.
    np.testing.assert_allclose(error, np.sqrt(np.expm1(SHIFT**2) / N), rtol=0.05)
    np.testing.assert_allclose(effective_fraction(log_w).value, np.exp(-(SHIFT**2)), rtol=0.03)
    np.testing.assert_allclose(free_energy(log_w, 0.5), (-value / 2, error / 2))
    _, of_p = weighed(generator, lambda g: g.normal(SHIFT, 1, N))
    np.testing.assert_allclose(
        effective_fraction_on_reference(of_p).value, np.exp(-(SHIFT**2)), rtol=0.03
    )


def test_the_weights_of_modes():
    coverage = 0
    expected = stats.norm.sf(-SHIFT)
    for seed in range(200):
        x, log_w = weighed(np.random.default_rng(seed), lambda g: g.normal(size=500))
        low, high = mode_weights(log_w, (x > 0).astype(int), 2)
        np.testing.assert_allclose(low.value + high.value, 1)
        coverage += abs(high.value - expected) < 2 * high.error
    # 95 % of 200 less four standard deviations of the count, for a ratio of means.
    assert coverage > 190 - 4 * np.sqrt(200 * 0.05 * 0.95)


def test_a_chain_of_p_from_samples_of_q():
    x, log_w = weighed(np.random.default_rng(3), lambda g: g.normal(size=N))
    chain, rate = independence_metropolis(log_w, seed=1)
    assert np.all(np.diff(chain) >= 0)
    # E min(1, w(y)/w(x)) over x ~ p, y ~ q: twice the mass beyond where the ratio is one.
    np.testing.assert_allclose(rate, 2 * stats.norm.sf(SHIFT / np.sqrt(2)), atol=0.015)
    # The chain's correlation costs less than a factor of four.
    assert abs(x[chain].mean() - SHIFT) < 3 * 2 / np.sqrt(N)
    assert abs((x[chain] > 0).mean() - stats.norm.sf(-SHIFT)) < 3 * 2 * 0.5 / np.sqrt(N)


def test_a_mode_that_is_missed_shows_on_reference_samples_alone():
    """p has modes at ±5 of equal weight, and q is the one at 5."""
    generator = np.random.default_rng(4)

    def log_w(x):
        both = np.logaddexp(stats.norm(5, 1).logpdf(x), stats.norm(-5, 1).logpdf(x))
        return both - np.log(2) - stats.norm(5, 1).logpdf(x)

    of_q = generator.normal(5, 1, 2000)
    of_p = of_q * generator.choice([-1, 1], 2000)
    assert effective_fraction(log_w(of_q)).value > 0.99
    assert effective_fraction_on_reference(log_w(of_p)).value < 1e-6
