"""The Kullback-Leibler divergence against enumeration, quadrature and its own estimate."""

import decimal
import itertools
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from catalogue import CASES, FACTOR, MEAN, MEAN_2, Case

from ansatz.distributions import (
    AbstractDistribution,
    Bernoulli,
    FullNormal,
    Hurdle,
    Independent,
    Laplace,
    Logistic,
    LogNormal,
    Nats,
    Normal,
    Poisson,
    Product,
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

    def log_prob(self, x, observed=None):
        return self.inner.log_prob(x, observed)

    def entropy(self):
        return None

    def mean(self):
        return self.inner.mean()

    def variance(self):
        return self.inner.variance()

    def point(self):
        return self.inner.point()


@jax.jit
def log_parts(p, q, x, observed):
    """log p and log q of the observed coordinates of many events."""

    def one(x, observed):
        return p.log_prob(x, observed), q.log_prob(x, observed)

    return jax.vmap(one)(x, observed)


def by_coordinates(case: Case, p, q) -> float:
    """KL(p‖q) of independent coordinates, each summed over its atoms and integrated."""
    d, x, observed, weights = len(case.lines), [], [], []
    for i, line in enumerate(case.lines):
        points, weight = line.nodes()
        x.append(np.full((len(points), d), 0.5))
        x[-1][:, i] = points
        observed.append(np.broadcast_to(np.arange(d) == i, x[-1].shape))
        weights.append(weight)
    rows = [jnp.asarray(np.concatenate(a)).reshape(-1, *p.shape) for a in (x, observed)]
    log_p, log_q = map(np.asarray, log_parts(p, q, *rows))
    mass = np.concatenate(weights) * np.exp(log_p)
    return float(np.sum(mass[mass > 0] * (log_p - log_q)[mass > 0]))


def by_hermite(p, q) -> float:
    """KL(p‖q) of normal distributions: the integrand is a polynomial of the second degree."""
    t, w = np.polynomial.hermite_e.hermegauss(3)
    d = p.location.size
    z = np.array(list(itertools.product(t, repeat=d)))
    weights = np.prod(list(itertools.product(w / w.sum(), repeat=d)), 1)
    factor = np.diag(p.scale) if isinstance(p, Normal) else np.asarray(p.factor)
    x = jnp.asarray(np.ravel(p.location) + z @ factor.T).reshape(-1, *p.shape)
    log_p, log_q = jax.jit(jax.vmap(lambda x: (p.log_prob(x), q.log_prob(x))))(x)
    return float(weights @ np.asarray(log_p - log_q))


def by_grid(p, q) -> float:
    """KL(p‖q) over the plane, by the trapezoid rule, which is exact to rounding here."""
    line = np.linspace(-20, 20, 601)
    x = jnp.asarray(np.stack(np.meshgrid(line, line), -1).reshape(-1, 2))
    log_p, log_q = jax.jit(jax.vmap(lambda x: (p.log_prob(x), q.log_prob(x))))(x)
    return float(np.sum(np.exp(log_p) * (log_p - log_q)) * (line[1] - line[0]) ** 2)


def normals():
    case = CASES["normal"]
    return case.make(), case.other()


def full_and_normal():
    factor, scale = jnp.asarray(FACTOR), jnp.asarray([1.5, 0.7, 2.0])
    return FullNormal(jnp.asarray(MEAN), factor), Normal(jnp.asarray(MEAN_2), scale)


def answer_of(name: str) -> Callable[..., float]:
    if name in ("full normal", "full normal to normal", "normal to full normal"):
        return by_hermite
    if name == "mixture":
        return by_grid
    case = CASES["normal" if name in ("normal to logistic", "independent") else name]
    return lambda p, q: by_coordinates(case, p, q)


PAIRS = {name: (lambda case=case: (case.make(), case.other())) for name, case in CASES.items()} | {
    "normal to logistic": lambda: (CASES["normal"].make(), CASES["logistic"].other()),
    "full normal to normal": full_and_normal,
    "normal to full normal": lambda: full_and_normal()[::-1],
    "independent": lambda: tuple(
        Independent(Normal(p.location.reshape(2, 2), p.scale.reshape(2, 2)), (2,))
        for p in normals()
    ),
}
CLOSED = [name for name in PAIRS if name not in CASES or CASES[name].closed]
CLOSED.remove("normal to logistic")


# Compiled as one: operation by operation it would take several times as long.
fast_kl = eqx.filter_jit(kl)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    p, q = PAIRS[name]()
    found = fast_kl(p, q)
    assert found.exact
    assert found.error == 0
    assert found.value.shape == ()
    assert found.value == pytest.approx(answer_of(name)(p, q), rel=1e-10)
    # Off its diagonal the product of a factor and its inverse is zero up to rounding.
    assert fast_kl(p, p).value == pytest.approx(0, abs=1e-28)


@pytest.mark.parametrize("name", PAIRS)
def test_estimates_are_within_their_error(name):
    p, q = PAIRS[name]()
    exact = answer_of(name)(p, q)
    p = p if p.reparameterised else Wrapped(p)
    q = q if name == "normal to logistic" else Wrapped(q)
    found = fast_kl(p, q, key=jax.random.key(0), samples=20_000)
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
    moves = [(k, i) for k, leaf in enumerate(leaves) for i in range(leaf.size)]
    moved = [np.repeat(np.asarray(leaf)[None], 2 * len(moves), 0) for leaf in leaves]
    for row, ((k, i), sign) in enumerate(itertools.product(moves, (1, -1))):
        moved[k][row].flat[i] += sign * step
    pairs = tree.unflatten(map(jnp.asarray, moved))
    ends = np.asarray(jax.jit(jax.vmap(lambda pair: kl(*pair).value))(pairs))
    expected = (ends[::2] - ends[1::2]) / (2 * step)
    found = [np.asarray(jax.tree.leaves(gradient)[k]).flat[i] for k, i in moves]
    # A rate of 1e-3 has third derivatives that are a thousand times the first.
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["normal", "bernoulli", "hurdle"])
def test_gradients_of_estimates_are_unbiased(name):
    """Through the draws for the normal distribution, by the score for the others."""
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
        # Four standard errors, for 80 numbers in all: a false alarm in one of 200.
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
def test_distributions_that_nearly_agree_and_that_do_not(bits):
    with jax.enable_x64(bits == 64):
        zero, one = jnp.zeros(()), jnp.ones(())
        # To the second order in ε = log(σ_p/σ_q) the divergence of normals is ε², here below the
        # last bit of the 1 that is taken from (σ_p/σ_q)². Half the Fisher information times ε².
        epsilon = jnp.finfo(zero.dtype).eps ** 0.5 / 2
        near = {
            1: [
                lambda a: Normal(zero, jnp.exp(a)),
                lambda a: FullNormal(zero, jnp.exp(a)[None, None]),
                lambda a: LogNormal(zero, jnp.exp(a)),
            ],
            0.5: [
                lambda a: Normal(a, one),
                lambda a: Laplace(zero, jnp.exp(a)),
                lambda a: Laplace(a, one),
                lambda a: Poisson(jnp.exp(a)),
            ],
        }
        for factor, families in near.items():
            for family in families:
                found = fast_kl(family(jnp.asarray(epsilon)), family(zero)).value
                assert found == pytest.approx(factor * epsilon**2, rel=1e-2)
        scale = jnp.asarray([1e-6, 1e6])
        for family in (Normal, Laplace, LogNormal):
            p, q = family(jnp.zeros(2), scale), family(jnp.zeros(2), 1 / scale)
            assert np.isfinite(fast_kl(p, q).value)


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


def test_what_is_made_of_others_has_a_closed_form_if_they_have():
    zeros, ones = jnp.zeros(2), jnp.ones(2)
    normal, logistic = Normal(zeros, ones), Logistic(zeros, ones)
    places, other_places = ((0, 1), (2, 3)), ((0, 2), (1, 3))
    exact = [
        (Product((normal, normal), places), Product((normal, normal), places)),
        (Independent(normal, (2,)), Independent(normal, (2,))),
        (Hurdle(zeros, normal), Hurdle(ones, normal)),
    ]
    estimated = [
        (Product((normal, normal), places), Product((normal, normal), other_places)),
        (Product((normal, logistic), places), Product((normal, logistic), places)),
        (Independent(logistic, (2,)), Independent(logistic, (2,))),
        (
            Independent(jax.vmap(FullNormal)(zeros[:, None], ones[:, None, None]), (2,)),
            Independent(
                jax.vmap(jax.vmap(FullNormal))(zeros[:, None], ones[:, None, None, None]), (2, 1)
            ),
        ),
        (Hurdle(zeros, logistic), Hurdle(ones, logistic)),
    ]
    assert all(eqx.filter_eval_shape(kl, *pair).exact for pair in exact)
    for p, q in estimated:
        with pytest.raises(OptionError, match="has no closed form here"):
            kl(p, q)


def test_a_family_registers_its_own_closed_form():
    p, q = PAIRS["logistic"]()

    @closed_form(Wrapped, Logistic)
    def wrapped_to_logistic(p, q):
        return p.mean()[0] - q.mean()[0]

    found = kl(Wrapped(p), q)
    assert found.exact
    assert found.value == p.mean()[0] - q.mean()[0]
    with pytest.raises(ValueError, match=r"KL\(Wrapped‖Logistic\) is already registered"):
        closed_form(Wrapped, Logistic)(wrapped_to_logistic)


def test_errors():
    p, q = PAIRS["logistic"]()
    with pytest.raises(OptionError, match=r"KL\(Logistic‖Logistic\) has no closed form.*`key`"):
        kl(p, q)
    with pytest.raises(OptionError, match="1 sample or more, not 0"):
        kl(p, q, key=jax.random.key(0), samples=0)
    with pytest.raises(ValueError, match=r"those of p have shape \(4,\) .* q have shape \(\)"):
        kl(p, Normal(jnp.zeros(()), jnp.ones(())))


def test_nats_are_a_plain_result():
    found = Nats(jnp.asarray(1.0), jnp.asarray(0.0), exact=True)
    assert len(jax.tree.leaves(found)) == 2
