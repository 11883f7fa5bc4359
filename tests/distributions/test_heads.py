"""Heads: the raw output that stands for a mean and a variance, and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from ansatz.distributions import (
    AbstractDistribution,
    Bernoulli,
    BernoulliHead,
    FixedNormalHead,
    Logistic,
    LogisticHead,
    Normal,
    NormalHead,
    SharedNormalHead,
)
from ansatz.protocol.errors import OptionError


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


SHAPE = (2, 3)
RAW = np.random.default_rng(0).normal(0, 2, (2, *SHAPE))
X = np.random.default_rng(1).integers(0, 2, SHAPE).astype(float)

# Each head with log p(X) at the raw numbers RAW[:numbers], by SciPy.
HEADS = {
    "bernoulli": (
        BernoulliHead,
        lambda: scipy.stats.bernoulli.logpmf(X, scipy.special.expit(RAW[0])),
    ),
    "logistic": (
        LogisticHead,
        lambda: scipy.stats.logistic.logpdf(X, RAW[0], np.logaddexp(0, RAW[1])),
    ),
    "fixed normal": (
        lambda: FixedNormalHead(0.3),
        lambda: scipy.stats.norm.logpdf(X, RAW[0], 0.3),
    ),
    "shared normal": (
        lambda: SharedNormalHead(scale=0.3),
        lambda: scipy.stats.norm.logpdf(X, RAW[0], 0.3),
    ),
    "normal": (NormalHead, lambda: scipy.stats.norm.logpdf(X, RAW[0], np.logaddexp(0, RAW[1]))),
}


@pytest.fixture(params=HEADS)
def name(request) -> str:
    return request.param


def test_raw_numbers_become_a_distribution(name):
    make, expected = HEADS[name]
    head = make()
    p = head(jnp.asarray(RAW[: head.numbers]))
    assert isinstance(p, AbstractDistribution)
    assert p.shape == SHAPE
    np.testing.assert_allclose(p.log_prob(jnp.asarray(X)), expected().sum(), rtol=1e-12)


def test_initial_numbers_have_the_mean_and_the_variance(name):
    head = HEADS[name][0]()
    rng = np.random.default_rng(2)
    mean = jnp.asarray(rng.uniform(0.01, 0.99, SHAPE))
    variance = jnp.asarray(np.geomspace(1e-6, 1e6, 6).reshape(SHAPE))
    raw = head.initial(mean, variance)
    assert raw.shape == (head.numbers, *SHAPE)
    p = head(raw)
    np.testing.assert_allclose(p.mean(), mean, rtol=1e-12)
    # The others have no number to hold a variance.
    if head.numbers == 2:
        np.testing.assert_allclose(p.variance(), variance, rtol=1e-12)


@pytest.mark.parametrize("bits", [32, 64])
def test_initial_numbers_are_finite_for_constant_coordinates(name, bits):
    with jax.enable_x64(bits == 64):
        head = HEADS[name][0]()
        # The last has the variance that rounding gives a constant of 1000.
        mean = jnp.asarray([0.0, 1.0, 1e3])
        variance = jnp.asarray([0.0, 0.0, 1.0]) * (1e3 * jnp.finfo(mean.dtype).eps) ** 2

        @jax.jit
        def start(mean, variance):
            raw = head.initial(mean, variance)
            p = head(raw)
            return raw, p.log_prob(jnp.ones(3)), p.variance()

        raw, log_prob, found = start(mean, variance)
        assert raw.dtype == log_prob.dtype == mean.dtype
        assert np.all(np.isfinite(raw))
        assert np.isfinite(log_prob)
        if head.numbers == 2:
            np.testing.assert_allclose(found, 1, rtol=1e-5)


def test_initial_logits_of_pixels_that_are_always_dark_or_lit():
    raw = BernoulliHead().initial(jnp.asarray([0.0, 0.5, 1.0]), jnp.zeros(3))
    np.testing.assert_allclose(raw[0], [-np.log(999), 0, np.log(999)], rtol=1e-12, atol=1e-15)


def test_types_and_numbers():
    kinds = {
        BernoulliHead(): (Bernoulli, 1),
        LogisticHead(): (Logistic, 2),
        FixedNormalHead(1.0): (Normal, 1),
        NormalHead(): (Normal, 2),
    }
    for head, (kind, numbers) in kinds.items():
        assert head.numbers == numbers
        assert type(head(jnp.zeros((numbers, 4)))) is kind


def test_the_shared_scale_is_learnt_and_the_fixed_one_is_not():
    assert jax.tree.leaves(FixedNormalHead(2.0)) == []
    shared = SharedNormalHead(dtype=jnp.float32, scale=2.0)
    assert [leaf.dtype for leaf in jax.tree.leaves(shared)] == [jnp.float32]
    np.testing.assert_allclose(shared.log_scale, np.log(2), rtol=1e-6)
    assert SharedNormalHead().log_scale == 0
    assert SharedNormalHead().log_scale.dtype == jnp.float64

    # The best scale is the root mean square residual: there the gradient vanishes.
    residual = jnp.asarray([[0.1, -0.4, 2.0]])
    best = float(jnp.sqrt(jnp.mean(residual**2)))
    gradient = jax.jit(jax.grad(lambda head: head(residual).log_prob(jnp.zeros(3))))
    assert gradient(SharedNormalHead(scale=best)).log_scale == pytest.approx(0, abs=1e-12)
    assert gradient(SharedNormalHead(scale=2 * best)).log_scale < -1


def test_heads_of_a_scalar_event(name):
    head = HEADS[name][0]()
    assert head(jnp.zeros(head.numbers)).shape == ()


def test_errors(name):
    head = HEADS[name][0]()
    with pytest.raises(ValueError, match=rf"raw output of shape \({head.numbers}, \*event shape\)"):
        head(jnp.zeros((3, 4)))
    for scale in [0.0, -1.0, float("nan"), float("inf")]:
        with pytest.raises(OptionError, match="scale of a FixedNormalHead must be positive"):
            FixedNormalHead(scale)
        with pytest.raises(OptionError, match="scale of a SharedNormalHead must be positive"):
            SharedNormalHead(scale=scale)
