"""The Kullback-Leibler divergence against enumeration, quadrature and its own estimate."""

import decimal
import itertools
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from ansatz.distributions import (
    AbstractDistribution,
    Bernoulli,
    Divergence,
    Logistic,
    Normal,
    closed_form,
    kl,
)
from ansatz.protocol.errors import OptionError


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


class Wrapped(AbstractDistribution):
    """Another distribution under a type of its own, which has no closed form."""

    reparameterised: ClassVar[bool] = False

    inner: AbstractDistribution

    @property
    def shape(self):
        return self.inner.shape

    def sample(self, key):
        return self.inner.sample(key)

    def log_prob(self, x):
        return self.inner.log_prob(x)

    def entropy(self):
        return self.inner.entropy()

    def mean(self):
        return self.inner.mean()

    def variance(self):
        return self.inner.variance()


PAIRS = {
    "normal": lambda: (
        Normal(jnp.asarray([0.0, 1.0, -2.0]), jnp.asarray([1.0, 0.5, 3.0])),
        Normal(jnp.asarray([0.5, 1.0, 2.0]), jnp.asarray([2.0, 0.4, 3.0])),
    ),
    "bernoulli": lambda: (
        Bernoulli(jnp.asarray([-2.0, 0.0, 1.0])),
        Bernoulli(jnp.asarray([1.0, 0.5, 0.9])),
    ),
    "logistic": lambda: (
        Logistic(jnp.asarray([0.0, 1.0, -2.0]), jnp.asarray([1.0, 0.5, 3.0])),
        Logistic(jnp.asarray([0.5, 1.0, 2.0]), jnp.asarray([2.0, 0.4, 3.0])),
    ),
    "normal to logistic": lambda: (
        Normal(jnp.asarray([0.0, 1.0, -2.0]), jnp.asarray([1.0, 0.5, 3.0])),
        Logistic(jnp.asarray([0.5, 1.0, 2.0]), jnp.asarray([2.0, 0.4, 3.0])),
    ),
}
CLOSED = ["normal", "bernoulli"]


# Compiled as one: operation by operation it would take several times as long.
fast_kl = eqx.filter_jit(kl)


def answer(p, q) -> float:
    """KL(p‖q) by enumeration or quadrature."""
    if isinstance(p, Bernoulli):
        states = jnp.asarray(list(itertools.product([0.0, 1.0], repeat=3)))
        log_p, log_q = jax.vmap(p.log_prob)(states), jax.vmap(q.log_prob)(states)
        return float(jnp.sum(jnp.exp(log_p) * (log_p - log_q)))
    # On a line of points far into both tails the trapezoid rule is exact to rounding, for
    # functions as smooth as these. The coordinates are independent, so that they add.
    line = np.linspace(-150, 150, 30_001)

    def one(p, q):
        log_p, log_q = jax.vmap(p.log_prob)(line), jax.vmap(q.log_prob)(line)
        return jnp.exp(log_p) * (log_p - log_q)

    return float(np.sum(scipy.integrate.trapezoid(jax.jit(jax.vmap(one))(p, q), line)))


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    p, q = PAIRS[name]()
    found = fast_kl(p, q)
    assert found.exact
    assert found.error == 0
    assert found.value.shape == ()
    assert found.value == pytest.approx(answer(p, q), rel=1e-10)
    assert fast_kl(q, p).value == pytest.approx(answer(q, p), rel=1e-10)
    assert fast_kl(p, p).value == 0


@pytest.mark.parametrize("name", PAIRS)
def test_estimates_are_within_their_error(name):
    p, q = PAIRS[name]()
    p = p if p.reparameterised else Wrapped(p)
    q = q if name == "normal to logistic" else Wrapped(q)
    found = fast_kl(p, q, key=jax.random.key(0), samples=20_000)
    exact = answer(*PAIRS[name]())
    assert not found.exact
    # Four standard errors: a right estimate fails with probability 6e-5.
    assert abs(found.value - exact) < 4 * found.error
    assert 0 < found.error < 0.03 * exact


def test_the_error_is_the_spread_of_repeated_estimates():
    p, q = PAIRS["normal to logistic"]()

    n = 20_000

    @jax.jit
    def repeat(keys):
        return jax.vmap(lambda key: kl(p, q, key=key, samples=2))(keys)

    found = repeat(jax.random.split(jax.random.key(1), n))
    assert found.value.shape == (n,)
    assert not found.exact
    # The mean of error² is the variance of the values. For terms of excess kurtosis k, error² has
    # a relative variance of 2 + k/2, and (value − mean)² about as much: with k up to 10 each of
    # the two is known to √(7/n) = 2%, and their ratio's root to 1.3%; four of those.
    error_squared = np.mean(np.asarray(found.error) ** 2)
    assert abs(np.sqrt(np.var(found.value) / error_squared) - 1) < 0.053


def test_an_estimate_of_the_same_distribution_is_zero():
    p, _ = PAIRS["logistic"]()
    found = fast_kl(p, p, key=jax.random.key(0), samples=10)
    assert found.value == found.error == 0
    assert not found.exact


def test_one_sample_knows_nothing_of_its_error():
    p, q = PAIRS["logistic"]()
    found = fast_kl(p, q, key=jax.random.key(0))
    assert np.isfinite(found.value)
    assert found.error == jnp.inf


@pytest.mark.parametrize("name", CLOSED)
def test_gradients_of_closed_forms(name):
    leaves, tree = jax.tree.flatten(PAIRS[name]())
    gradient = jax.jit(jax.grad(lambda pair: kl(*pair).value))(tree.unflatten(leaves))
    step = 1e-6
    for k, i in itertools.product(range(len(leaves)), range(3)):
        ends = []
        for sign in (1, -1):
            moved = [np.array(leaf) for leaf in leaves]
            moved[k][i] += sign * step
            pair = tree.unflatten([jnp.asarray(leaf) for leaf in moved])
            ends.append(float(fast_kl(*pair).value))
        expected = (ends[0] - ends[1]) / (2 * step)
        found = jax.tree.leaves(gradient)[k][i]
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", CLOSED)
def test_gradients_of_estimates_are_unbiased(name):
    """Through the draws for the normal distribution, by the score for the discrete one."""
    p, q = PAIRS[name]()
    expected = jax.jit(jax.grad(lambda p, q: kl(p, q).value, argnums=(0, 1)))(p, q)

    def estimate(p, q, key, samples):
        p = p if p.reparameterised else Wrapped(p)
        return kl(p, Wrapped(q), key=key, samples=samples).value

    # The baseline of the score differs between one draw and several.
    sizes = (5,) if p.reparameterised else (1, 5)

    @jax.jit
    def gradients(p, q, keys):
        def one(key):
            each = [
                jax.grad(lambda p, q, n=n: estimate(p, q, key, n), argnums=(0, 1))(p, q)
                for n in sizes
            ]
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)

        found = jax.vmap(one)(keys)
        mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), found)
        error = jax.tree.map(lambda leaf: jnp.std(leaf, axis=0) / len(keys) ** 0.5, found)
        return mean, error

    mean, error = gradients(p, q, jax.random.split(jax.random.key(3), 4000))
    for m, s, e in zip(*map(jax.tree.leaves, (mean, error, expected)), strict=True):
        # Four standard errors, for 24 numbers: a false alarm in one of 600.
        assert np.all(abs(np.asarray(m) - np.asarray(e)) < 4 * np.asarray(s) + 1e-12)


def test_gradients_are_finite_where_the_error_is_zero():
    p, _ = PAIRS["logistic"]()

    def loss(q):
        found = fast_kl(p, q, key=jax.random.key(0), samples=4)
        return found.value + found.error

    for leaf in jax.tree.leaves(jax.jit(jax.grad(loss))(p)):
        assert jnp.all(jnp.isfinite(leaf))


LOGITS = [-1e3, -100.0, -99.0, 0.0, 30.0, 31.0, 1e3]
LOGIT_PAIRS = np.array(list(itertools.product(LOGITS, repeat=2)))


@pytest.fixture(scope="module")
def exact_divergences() -> np.ndarray:
    def exactly(a, b):
        on, off = (lambda logit: 1 / (1 + (-logit).exp())), (lambda logit: 1 / (1 + logit.exp()))
        return on(a) * (on(a) / on(b)).ln() + off(a) * (off(a) / off(b)).ln()

    # e^−1000 has 434 zeros before its first digit.
    with decimal.localcontext(prec=460):
        return np.array([float(exactly(*map(decimal.Decimal, pair))) for pair in LOGIT_PAIRS])


@pytest.mark.parametrize("bits", [32, 64])
def test_huge_logits(bits, exact_divergences):
    with jax.enable_x64(bits == 64):
        a, b = jnp.asarray(LOGIT_PAIRS).T
        both = jax.value_and_grad(lambda a, b: kl(Bernoulli(a), Bernoulli(b)).value, argnums=(0, 1))
        value, gradient = jax.jit(jax.vmap(both))(a, b)
        assert value.dtype == a.dtype
        eps, tiny = jnp.finfo(a.dtype).eps, jnp.finfo(a.dtype).tiny
    np.testing.assert_allclose(value, exact_divergences, rtol=100 * eps, atol=10 * float(tiny))
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("bits", [32, 64])
def test_normals_that_nearly_agree_and_that_do_not(bits):
    with jax.enable_x64(bits == 64):
        zero = jnp.zeros(4)
        # To the second order in ε = log(σ_p/σ_q) the divergence is ε², here below the last bit
        # of the 1 that is taken from (σ_p/σ_q)².
        epsilon = jnp.finfo(zero.dtype).eps ** 0.5 / 2
        scale = np.array([1 + epsilon, 1.0, 1e-6, 1e6])
        p, q = (Normal(zero, jnp.asarray(s, zero.dtype)) for s in (scale, 1 / scale))
        found = jax.jit(jax.vmap(kl))(p, q).value
        assert found[0] == pytest.approx((2 * epsilon) ** 2, rel=1e-2)
        assert found[1] == 0
        assert np.all(np.isfinite(found))


def test_compiles_and_batches():
    p, q = PAIRS["normal"]()
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf + 1]), p)
    found = jax.jit(jax.vmap(kl, in_axes=(0, None)))(batch, q)
    assert found.exact
    assert found.value.shape == found.error.shape == (2,)
    np.testing.assert_allclose(found.value[0], kl(p, q).value, rtol=1e-12)


def test_float32_stays_float32():
    with jax.enable_x64(False):
        for make in PAIRS.values():
            p, q = make()
            for samples in (1, 3):
                found = eqx.filter_eval_shape(kl, p, q, key=jax.random.key(0), samples=samples)
                assert found.value.dtype == found.error.dtype == jnp.float32


def test_a_family_registers_its_own_closed_form():
    p, q = PAIRS["logistic"]()

    @closed_form(Wrapped, Logistic)
    def wrapped_to_logistic(p, q):
        return p.mean()[0] - q.mean()[0]

    found = kl(Wrapped(p), q)
    assert found.exact
    assert found.value == -0.5
    with pytest.raises(ValueError, match=r"KL\(Wrapped‖Logistic\) is already registered"):
        closed_form(Wrapped, Logistic)(wrapped_to_logistic)


def test_errors():
    p, q = PAIRS["logistic"]()
    with pytest.raises(OptionError, match=r"KL\(Logistic‖Logistic\) has no closed form.*`key`"):
        kl(p, q)
    with pytest.raises(OptionError, match="1 sample or more, not 0"):
        kl(p, q, key=jax.random.key(0), samples=0)
    with pytest.raises(ValueError, match=r"those of p have shape \(3,\) .* q have shape \(\)"):
        kl(p, Normal(jnp.zeros(()), jnp.ones(())))


def test_a_divergence_is_a_plain_result():
    found = Divergence(jnp.asarray(1.0), jnp.asarray(0.0), exact=True)
    assert len(jax.tree.leaves(found)) == 2
