"""Every distribution against SciPy, quadrature or enumeration, and its own samples."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from ansatz.distributions import AbstractDistribution, Bernoulli, Logistic, Normal


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


@dataclass(frozen=True)
class Case:
    """A distribution over events of shape (4,), and its four coordinates by SciPy."""

    make: Callable[[], AbstractDistribution]
    oracle: Any
    discrete: bool = False


LOCATION = np.array([-1.5, 0.0, 0.3, 200.0])
SCALE = np.array([0.5, 1.0, 3.0, 0.02])
LOGITS = np.array([-4.0, 0.0, 0.7, 2.5])

CASES = {
    "normal": Case(
        lambda: Normal(jnp.asarray(LOCATION), jnp.asarray(SCALE)),
        scipy.stats.norm(LOCATION, SCALE),
    ),
    "logistic": Case(
        lambda: Logistic(jnp.asarray(LOCATION), jnp.asarray(SCALE)),
        scipy.stats.logistic(LOCATION, SCALE),
    ),
    "bernoulli": Case(
        lambda: Bernoulli(jnp.asarray(LOGITS)),
        scipy.stats.bernoulli(scipy.special.expit(LOGITS)),
        discrete=True,
    ),
}
CONTINUOUS = [name for name, case in CASES.items() if not case.discrete]
STATES = np.array(list(itertools.product([0.0, 1.0], repeat=4)))


@pytest.fixture(params=CASES, scope="module")
def case(request) -> Case:
    return CASES[request.param]


def events(case: Case) -> np.ndarray:
    """Every state of a discrete event; of a continuous one, points out to far in the tails."""
    if case.discrete:
        return STATES
    z = np.random.default_rng(0).normal(0, 1, (50, 4)) * np.geomspace(0.1, 30, 50)[:, None]
    return case.oracle.mean() + case.oracle.std() * z


@jax.jit
def sample(distribution, keys):
    return jax.vmap(distribution.sample)(keys)


@jax.jit
def log_prob(distribution, x):
    return jax.vmap(distribution.log_prob)(x)


def draws(distribution: AbstractDistribution, n: int, seed: int = 0) -> np.ndarray:
    keys = jax.random.split(jax.random.key(seed), n)
    return np.asarray(sample(distribution, keys))


def test_log_prob_is_scipys(case):
    x = events(case)
    found = log_prob(case.make(), jnp.asarray(x))
    expected = (case.oracle.logpmf(x) if case.discrete else case.oracle.logpdf(x)).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_moments_and_entropy_are_sums_over_all_states():
    case = CASES["bernoulli"]
    p = case.make()
    log = np.asarray(log_prob(p, jnp.asarray(STATES)))
    prob = np.exp(log)
    mean = prob @ STATES
    np.testing.assert_allclose(prob.sum(), 1, rtol=1e-14)
    np.testing.assert_allclose(p.mean(), mean, rtol=1e-13)
    np.testing.assert_allclose(p.variance(), prob @ (STATES - mean) ** 2, rtol=1e-13)
    np.testing.assert_allclose(p.entropy(), -prob @ log, rtol=1e-13)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_moments_and_entropy_are_integrals(name):
    p = CASES[name].make()
    density = jax.jit(lambda one, x: one.log_prob(x))
    total = 0.0
    for i in range(4):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], p)
        centre, width = LOCATION[i], SCALE[i]

        def expectation(weight, one=one, centre=centre, width=width):
            def integrand(z):
                x = centre + width * z
                log = float(density(one, np.asarray(x)))
                return width * np.exp(log) * weight(x, log)

            # Both densities are below 1e-17 beyond 40 scales.
            return scipy.integrate.quad(integrand, -40, 40, points=[0], epsabs=1e-11)[0]

        mean = expectation(lambda x, _: x)
        assert expectation(lambda *_: 1) == pytest.approx(1, rel=1e-10)
        assert p.mean()[i] == pytest.approx(mean, rel=1e-9, abs=1e-9)
        # The spread is taken about the known centre: E x² − (E x)² would cancel.
        variance = expectation(lambda x, _: (x - centre) ** 2)  # noqa: B023
        assert p.variance()[i] == pytest.approx(variance, rel=1e-8)
        total += expectation(lambda _, log: -log)
    assert p.entropy() == pytest.approx(total, rel=1e-9)


def test_samples_have_the_mean_and_the_variance(case):
    p, n = case.make(), 20_000
    x = draws(p, n)
    assert x.shape == (n, 4)
    mean, variance, _, excess = case.oracle.stats("mvsk")
    # Five standard errors: var/n for the mean, (μ₄ − var²)/n for the variance. A right sampler
    # fails one of the eight numbers with probability 5e-6.
    assert np.all(abs(x.mean(axis=0) - mean) < 5 * np.sqrt(variance / n))
    spread = np.sqrt(np.maximum(excess + 2, 0) * variance**2 / n)
    # A fair coin has no spread in (x − ½)², so only that of the mean's own error, var/n, is left.
    assert np.all(abs(((x - mean) ** 2).mean(axis=0) - variance) <= 5 * spread + 1e-12)
    np.testing.assert_allclose(p.mean(), mean, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(p.variance(), variance, rtol=1e-12)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_follow_the_cumulative_distribution(name):
    case, n = CASES[name], 20_000
    x = np.sort(draws(case.make(), n, seed=1), axis=0)
    cdf, i = case.oracle.cdf(x), np.arange(n)[:, None]
    distance = np.maximum(cdf - i / n, (i + 1) / n - cdf).max(axis=0)
    # Kolmogorov: √n D exceeds 2.22 with probability 2 exp(−2 · 2.22²) = 1e-4.
    assert np.all(np.sqrt(n) * distance < 2.22)
    # Independent coordinates: each of six correlations has standard error 1/√n.
    ranks = scipy.stats.rankdata(draws(case.make(), n), axis=0)
    off_diagonal = np.corrcoef(ranks.T)[np.triu_indices(4, 1)]
    assert np.all(abs(off_diagonal) < 5 / np.sqrt(n))


def test_samples_are_spread_over_the_states():
    p, n = CASES["bernoulli"].make(), 20_000
    x = draws(p, n)
    assert set(np.unique(x)) == {0.0, 1.0}
    counts = np.bincount((x @ [8, 4, 2, 1]).astype(int), minlength=16)
    expected = n * np.exp(log_prob(p, jnp.asarray(STATES)))
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-4


def test_sample_and_log_prob_agree(case):
    @jax.jit
    def both(p, key):
        x, log = p.sample_and_log_prob(key)
        return x, p.sample(key), log, p.log_prob(x)

    x, sampled, log, expected = both(case.make(), jax.random.key(7))
    np.testing.assert_array_equal(x, sampled)
    np.testing.assert_array_equal(log, expected)
    assert log.shape == ()


def test_gradients_are_finite_differences(case):
    @jax.jit
    def both(p, x):
        # A weight of its own for each, so that neither can hide behind the other.
        return p.log_prob(x) + 3 * p.entropy()

    leaves, tree = jax.tree.flatten((case.make(), jnp.asarray(events(case)[10])))
    gradient = jax.tree.leaves(jax.jit(jax.grad(both, argnums=(0, 1)))(*tree.unflatten(leaves)))
    step = 1e-6
    for k, i in itertools.product(range(len(leaves)), range(4)):
        ends = []
        for sign in (1, -1):
            moved = [np.array(leaf) for leaf in leaves]
            moved[k][i] += sign * step
            ends.append(float(both(*tree.unflatten([jnp.asarray(leaf) for leaf in moved]))))
        # Of the order of step² from the third derivative, and eps/step from rounding.
        expected = (ends[0] - ends[1]) / (2 * step)
        assert gradient[k][i] == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_carry_gradients(name):
    p = CASES[name].make()
    assert p.reparameterised
    key = jax.random.key(0)
    noise = (p.sample(key) - LOCATION) / SCALE
    gradient = jax.grad(lambda p: jnp.sum(p.sample(key)))(p)
    np.testing.assert_allclose(gradient.location, 1)
    np.testing.assert_allclose(gradient.scale, noise, rtol=1e-9)


def test_gradient_at_a_zero_logit():
    # Where |l| has a kink, log p has none.
    gradient = jax.jit(jax.vmap(jax.grad(lambda logit, x: Bernoulli(logit).log_prob(x)), (None, 0)))
    x = np.array([0.0, 0.25, 1.0])
    np.testing.assert_array_equal(gradient(jnp.asarray(0.0), jnp.asarray(x)), x - 0.5)
    assert not Bernoulli(jnp.zeros(1)).reparameterised


def test_bernoulli_keeps_its_digits_in_the_tails():
    logits = jnp.asarray([-1e3, -1e3, -50.0, 50.0, 1e3, 1e3])
    x = jnp.asarray([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    tail = -np.exp(-50.0)
    log = jax.vmap(lambda logit, x: Bernoulli(logit).log_prob(x))(logits, x)
    np.testing.assert_allclose(log, [0, -1e3, tail, tail, -1e3, 0], rtol=1e-12)
    entropy = jax.vmap(lambda logit: Bernoulli(logit).entropy())(logits)
    # p ≈ e^−50, and H = p (1 − log p) to the first order.
    np.testing.assert_allclose(entropy, [0, 0, -51 * tail, -51 * tail, 0, 0], rtol=1e-12)


def test_a_grey_event_gives_the_cross_entropy():
    logits, grey = jnp.asarray([-1.0, 2.0]), jnp.asarray([0.25, 0.9])
    p = scipy.special.expit(logits)
    expected = np.sum(grey * np.log(p) + (1 - grey) * np.log(1 - p))
    np.testing.assert_allclose(Bernoulli(logits).log_prob(grey), expected, rtol=1e-13)


def test_extremes_are_finite():
    with jax.enable_x64(False):
        scales = jnp.asarray([1e-6, 1.0, 1e6])
        for p, x in [
            (Normal(jnp.zeros(3), scales), 1000 * scales),
            (Logistic(jnp.zeros(3), scales), 1000 * scales),
            (Bernoulli(jnp.asarray([-1e3, 0.0, 1e3])), jnp.ones(3)),
        ]:

            @jax.jit
            def everything(p, x):
                return (
                    jax.value_and_grad(lambda p, x: p.log_prob(x), argnums=(0, 1))(p, x),
                    jax.value_and_grad(lambda p: p.entropy())(p),
                    (p.mean(), p.variance(), p.sample_and_log_prob(jax.random.key(0))),
                )

            for leaf in jax.tree.leaves(everything(p, x)):
                assert np.all(np.isfinite(leaf))


def test_float32_agrees_with_float64(case):
    x = events(case)[:30]
    expected = log_prob(case.make(), jnp.asarray(x))
    with jax.enable_x64(False):
        p = case.make()
        found = log_prob(p, jnp.asarray(x))
        assert found.dtype == jnp.float32
        for method in (lambda p: p.sample(jax.random.key(0)), type(p).entropy, type(p).mean):
            assert jax.eval_shape(method, p).dtype == jnp.float32
        assert p.variance().dtype == jnp.float32
    # At x = 200 with a scale of 0.02, z itself is only known to 200 · 6e-8 / 0.02 = 6e-4.
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-5)


def test_no_sample_of_float32_is_impossible():
    # Uniform numbers that may be zero have two failings that only show in millions of draws: with
    # this key both `jax.random.logistic` and the low mode of `jax.random.bernoulli` fail here.
    # Of 2²² fair draws |z| exceeds 22 with a probability of 2e-3, and a coin of logit −40 is a
    # one with a probability of 2e-11. Half of the time either tail reaches 15.
    with jax.enable_x64(False):
        n, key = 2**22, jax.random.key(7)
        z = Logistic(jnp.zeros(n), jnp.ones(n)).sample(key)
        assert jnp.max(jnp.abs(z)) < 22
        assert jnp.min(z) < -13
        assert jnp.max(z) > 13
        assert jnp.sum(Bernoulli(jnp.full(n, -40.0)).sample(key)) == 0


def test_many_distributions_at_once(case):
    p = case.make()
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), p)
    found = eqx.filter_jit(eqx.filter_vmap(lambda p: p.entropy()))(batch)
    twice = jax.tree.map(lambda leaf: 2 * leaf, p)
    np.testing.assert_allclose(found, [p.entropy(), twice.entropy()], rtol=1e-12)


def test_events_of_any_shape():
    for shape in [(), (2, 1, 3)]:
        p = Normal(jnp.zeros(shape), jnp.ones(shape))
        assert p.shape == shape == jax.eval_shape(p.sample, jax.random.key(0)).shape
        expected = scipy.stats.norm.logpdf(0.5) * np.prod(shape)
        np.testing.assert_allclose(p.log_prob(jnp.full(shape, 0.5)), expected, rtol=1e-12)


def test_errors(case):
    with pytest.raises(ValueError, match=r"events of shape \(4,\), but x has shape \(5, 4\)"):
        case.make().log_prob(jnp.zeros((5, 4)))
    with pytest.raises(ValueError, match=r"x has shape \(\)"):
        case.make().log_prob(jnp.zeros(()))
    for family in (Normal, Logistic):
        with pytest.raises(ValueError, match=f"location of a {family.__name__} has shape"):
            family(jnp.zeros(3), jnp.ones(()))
