"""What single families promise beyond what all do: digits in the tails, limits, refusals."""

import decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from catalogue import CASES, CENTRES, WEIGHTS, WIDTHS

from ansatz.distributions import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    ElementwiseMixture,
    FullNormal,
    Hurdle,
    Independent,
    Laplace,
    Logistic,
    LogNormal,
    Mixture,
    Normal,
    Poisson,
    Product,
    kl,
)


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


def test_gradient_at_a_zero_logit():
    # Where |l| has a kink, log p has none.
    gradient = jax.jit(jax.vmap(jax.grad(lambda logit, x: Bernoulli(logit).log_prob(x)), (None, 0)))
    x = np.array([0.0, 0.25, 1.0])
    np.testing.assert_array_equal(gradient(jnp.asarray(0.0), jnp.asarray(x)), x - 0.5)


def test_bernoulli_keeps_its_digits_in_the_tails():
    logits = jnp.asarray([-1e3, -1e3, -50.0, 50.0, 1e3, 1e3])
    x = jnp.asarray([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    tail = -np.exp(-50.0)
    log = jax.vmap(lambda logit, x: Bernoulli(logit).log_prob(x))(logits, x)
    np.testing.assert_allclose(log, [0, -1e3, tail, tail, -1e3, 0], rtol=1e-12)
    # p ≈ e^−50, and H = p (1 − log p) to the first order.
    expected = [0, 0, -51 * tail, -51 * tail, 0, 0]
    np.testing.assert_allclose(Bernoulli(logits).entropies(), expected, rtol=1e-12)


def test_a_grey_event_gives_the_cross_entropy():
    logits, grey = jnp.asarray([-1.0, 2.0]), jnp.asarray([0.25, 0.9])
    p = scipy.special.expit(logits)
    expected = np.sum(grey * np.log(p) + (1 - grey) * np.log(1 - p))
    found, slope = jax.value_and_grad(Bernoulli(logits).log_prob)(grey)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(slope, logits, rtol=1e-13)


def uniform_limit(x, a):
    """log p, mean, variance, entropy and quantile of the continuous Bernoulli to order a⁵.

    From log ∫ e^(a (x − ½)) dx = a²/24 − a⁴/2880 + …, the cumulants of a uniform number.
    """
    normaliser = a**2 / 24 - a**4 / 2880
    mean, variance = a / 12 - a**3 / 720, 1 / 12 - a**2 / 240 + a**4 / 6048
    return a * (x - 0.5) - normaliser, 0.5 + mean, variance, normaliser - a * mean


@pytest.mark.parametrize("bits", [32, 64])
def test_a_continuous_bernoulli_passes_smoothly_through_the_uniform(bits):
    with jax.enable_x64(bits == 64):
        size = np.geomspace(1e-20, 1e-3, 40)
        a = jnp.asarray(np.concatenate([-size, [0.0], size]))
        x = jnp.full_like(a, 0.3)
        eps = float(jnp.finfo(a.dtype).eps)

        @jax.jit
        def found(a, x):
            def one(a, x):
                p = ContinuousBernoulli(a)
                return p.log_prob(x), p.mean(), p.variance(), p.entropy()

            return jax.vmap(one)(a, x), jax.vmap(jax.jacfwd(one))(a, x)

        values, slopes = found(a, x)
    exact = np.asarray(a, float)
    expected = uniform_limit(np.asarray(x, float), exact)
    # The derivatives of the series above.
    mean = exact / 12 - exact**3 / 720
    derived = (
        np.asarray(x, float) - 0.5 - mean,
        expected[2],
        -exact / 120 + exact**3 / 1512,
        -exact * expected[2],
    )
    for value, wanted in zip((*values, *slopes), (*expected, *derived), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=0, atol=4 * eps)


def test_a_continuous_bernoulli_that_is_steep():
    slopes = jnp.asarray([-1e6, -1e3, -50.0, 50.0, 1e3, 1e6])
    with jax.enable_x64(False):
        p = ContinuousBernoulli(slopes.astype(jnp.float32))
        mean, entropies = p.mean(), p.entropies()
        gradient = jax.grad(lambda p: p.entropy() + jnp.sum(p.mean()))(p).logits
        edge = p.log_probs(jnp.asarray([0.0, 0, 0, 1, 1, 1], jnp.float32))
    # Nearly exponential from the edge, with rate |l|: mean 1/|l|, entropy 1 − log |l|.
    rate = np.abs(slopes)
    np.testing.assert_allclose(mean[:3], 1 / rate[:3], rtol=1e-6)
    np.testing.assert_allclose(mean[3:], 1 - 1 / rate[3:], rtol=1e-6)
    np.testing.assert_allclose(entropies, 1 - np.log(rate), rtol=1e-6)
    np.testing.assert_allclose(edge, np.log(rate), rtol=1e-2)
    np.testing.assert_allclose(gradient, 1 / rate**2 - 1 / slopes, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("bits", [32, 64])
def test_samples_of_a_continuous_bernoulli_move_smoothly_with_its_logit(bits):
    """From the uniform number u at a zero logit to log(1 + u (eˡ − 1))/l and its derivative."""
    size = np.array([1e-9, 1e-5, 7e-4, 8e-4, 1e-2, 0.04, 0.05, 1.0, 30.0])
    with jax.enable_x64(bits == 64):
        logits = jnp.asarray(np.concatenate([-size, size]))

        @jax.jit
        @jax.vmap
        def found(logit):
            sample = lambda logit: ContinuousBernoulli(logit).sample(jax.random.key(2))  # noqa: E731
            return sample(logit), jax.jacfwd(sample)(logit), sample(0 * logit)

        x, slope, u = map(np.asarray, found(logits))
        eps = float(jnp.finfo(logits.dtype).eps)

    def quantile(logit):
        return (1 + decimal.Decimal(float(u[0])) * (logit.exp() - 1)).ln() / logit

    with decimal.localcontext(prec=80):
        h = decimal.Decimal(10) ** -30
        exact = [decimal.Decimal(float(logit)) for logit in logits]
        values = [float(quantile(logit)) for logit in exact]
        slopes = [float((quantile(a + h) - quantile(a - h)) / (2 * h)) for a in exact]
    np.testing.assert_allclose(x, values, rtol=20 * eps)
    # The logarithm's own derivative has an error of eps/l, and is used down to l = eps^0.2.
    np.testing.assert_allclose(slope, slopes, rtol=50 * eps**0.8)


def test_impossible_events_have_no_density():
    zero, one = jnp.zeros(()), jnp.ones(())
    outside = [
        (LogNormal(zero, one), [0.0, -1.0, -1e30]),
        (ContinuousBernoulli(zero), [-1e-9, 1 + 1e-9, 1e30]),
        (Poisson(one), [-1.0, 0.5, -1e30]),
        (Categorical(jnp.zeros(3)), [-1.0, 0.5, 3.0]),
        (Hurdle(zero, LogNormal(zero, one)), [-1.0, -1e-30, -1e30]),
    ]
    both = jax.jit(jax.vmap(jax.value_and_grad(lambda p, x: p.log_prob(x)), (None, 0)))
    for p, events in outside:
        value, gradient = both(p, jnp.asarray(events))
        assert np.all(value == -np.inf)
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("bits", [32, 64])
def test_large_counts_keep_their_digits(bits):
    rates = np.repeat([1e2, 1e4, 1e6], 5)
    k = np.round(rates + np.sqrt(rates) * np.tile([-6, -1, 0, 1, 6], 3))
    with jax.enable_x64(bits == 64):
        p = Poisson(jnp.asarray(rates))
        found, eps = p.log_probs(jnp.asarray(k)), jnp.finfo(p.rate.dtype).eps
    # SciPy's own sum of large terms has lost three digits.
    np.testing.assert_allclose(found, scipy.stats.poisson.logpmf(k, rates), rtol=100 * eps + 1e-9)


@pytest.mark.parametrize("bits", [32, 64])
def test_the_entropy_of_counts(bits):
    rates = np.concatenate([np.geomspace(1e-3, 1e3, 60), [39.999, 40.0, 40.001]])
    with jax.enable_x64(bits == 64):
        both = jax.jit(jax.vmap(jax.value_and_grad(lambda rate: Poisson(rate).entropy())))
        entropies, slopes = both(jnp.asarray(rates))
        rates, eps = np.asarray(rates), float(jnp.finfo(entropies.dtype).eps)
    for rate, found, slope in zip(rates, entropies, slopes, strict=True):
        k = np.arange(int(rate + 15 * np.sqrt(rate) + 40))
        mass, log = scipy.stats.poisson.pmf(k, rate), scipy.stats.poisson.logpmf(k, rate)
        assert found == pytest.approx(-mass @ log, rel=40 * eps + 1e-11)
        # d/dλ of Σ p (k/λ − 1) = 0 and of E log k! is E log (k + 1); H = λ − λ log λ + E log k!.
        expected = mass @ np.log(k + 1) - np.log(rate)
        assert slope == pytest.approx(expected, rel=1e-9 + 100 * eps, abs=100 * eps + 1e-11)


def test_the_entropy_of_very_many_counts():
    # From a million counts on the distribution is normal to a millionth.
    with jax.enable_x64(False):
        found = jax.jit(Poisson.entropies)(Poisson(jnp.asarray([1e5, 1e6])))
    expected = scipy.stats.norm.entropy(scale=np.sqrt([1e5, 1e6]))
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_samples_of_large_counts():
    n, rates = 100_000, [9.99, 10.0, 30.0, 1e3, 1e6]
    with jax.enable_x64(False):
        sample = jax.jit(lambda rate: Poisson(rate).sample(jax.random.key(3)))
        draws = [np.asarray(sample(jnp.full(n, rate))) for rate in rates]
    v = np.random.default_rng(0).uniform(size=n)
    for rate, k in zip(rates, draws, strict=True):
        assert k.dtype == np.float32
        u = scipy.stats.poisson.cdf(k, rate) - v * scipy.stats.poisson.pmf(k, rate)
        # Kolmogorov: √n D exceeds 2.5 with a probability of 7e-6. `jax.random.poisson` does at 1e6.
        assert np.sqrt(n) * scipy.stats.kstest(u, "uniform").statistic < 2.5
        assert abs(np.mean(k, dtype=float) - rate) < 5 * np.sqrt(rate / n)
        # The variance of (k − λ)² is 2λ² + λ.
        assert abs(np.mean((k - rate) ** 2, dtype=float) - rate) < 5 * np.sqrt(
            (2 * rate**2 + rate) / n
        )


def test_rates_that_are_no_numbers_give_none():
    """And the loops that draw counts end all the same."""
    for bits in (32, 64):
        with jax.enable_x64(bits == 64):
            rate = jnp.asarray(
                [jnp.nan, jnp.inf, 0.0, float(jnp.finfo(jnp.result_type(float)).max)]
            )
            found = jax.jit(lambda rate: Poisson(rate).sample(jax.random.key(0)))(rate)
            np.testing.assert_allclose(found, rate, rtol=1e-6)


def test_no_sample_of_float32_is_impossible():
    # Uniform numbers that may be zero have two failings that only show in millions of draws: with
    # this key both `jax.random.logistic` and the low mode of `jax.random.bernoulli` fail here.
    # Of 2²² fair draws |z| exceeds 22 with a probability of 2e-3, a coin of logit −40 is a one
    # with a probability of 2e-11, and there is a count at a rate of 1e-18 with 4e-12. Half of the
    # time either tail reaches 15.
    with jax.enable_x64(False):
        n, key = 2**22, jax.random.key(7)
        sample = jax.jit(lambda p: p.sample(key))
        z = np.asarray(sample(Logistic(jnp.zeros(n), jnp.ones(n))))
        assert np.max(np.abs(z)) < 22
        assert np.min(z) < -13
        assert np.max(z) > 13
        assert np.sum(sample(Bernoulli(jnp.full(n, -40.0)))) == 0
        assert np.sum(sample(Poisson(jnp.full(n, 1e-18)))) == 0
        x = np.asarray(sample(ContinuousBernoulli(jnp.full(n, 40.0))))
        assert np.all((x > 0) & (x <= 1))
        assert np.min(x) < 1 - 13 / 40


EXTREMES = {
    "normal": lambda s: (Normal(jnp.zeros(3), s), 1000 * s),
    "logistic": lambda s: (Logistic(jnp.zeros(3), s), 1000 * s),
    "laplace": lambda s: (Laplace(jnp.zeros(3), s), 1000 * s),
    "log-normal": lambda s: (LogNormal(jnp.zeros(3), jnp.minimum(s, 5)), jnp.full(3, 1e-10)),
    "bernoulli": lambda _: (Bernoulli(jnp.asarray([-1e3, 0.0, 1e3])), jnp.ones(3)),
    "continuous bernoulli": lambda s: (
        ContinuousBernoulli(jnp.asarray([-1e5, 1e-8, 1e5])),
        s / 1e6,
    ),
    "poisson": lambda s: (Poisson(s), jnp.asarray([0.0, 30.0, 1e6])),
    "categorical": lambda _: (Categorical(jnp.asarray([[-1e3], [0.0], [1e3]])), jnp.zeros(1)),
    "hurdle": lambda s: (
        Hurdle(jnp.asarray([-1e3, 0.0, 1e3]), LogNormal(jnp.zeros(3), jnp.minimum(s, 5))),
        jnp.asarray([0.0, 1e-10, 1e10]),
    ),
    "hurdle of mixtures": lambda _: (
        Hurdle(
            jnp.zeros(3),
            ElementwiseMixture(jnp.zeros((2, 3)), LogNormal(jnp.zeros((2, 3)), jnp.ones((2, 3)))),
        ),
        jnp.asarray([0.0, 1e-10, 1e10]),
    ),
    "full normal": lambda s: (FullNormal(jnp.zeros(3), jnp.diag(s) + 0.1), 1000 * s),
    "mixture": lambda s: (Mixture(jnp.asarray([-1e3, 0.0, 1e3]), Normal(s, s)), jnp.asarray(1e3)),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_are_finite(name):
    with jax.enable_x64(False):
        p, x = EXTREMES[name](jnp.asarray([1e-6, 1.0, 1e6]))
        observed = jnp.arange(max(x.size, 1)).reshape(x.shape) != 1

        @jax.jit
        def everything(p, x):
            def log_probs(p, x):
                return p.log_prob(x) + p.log_prob(x, observed)

            def moments(p):
                entropy = p.entropy()
                numbers = p.mean(), p.variance(), p.point(), 0.0 if entropy is None else entropy
                return sum(jnp.sum(number) / 1e30 for number in numbers)

            return (
                jax.value_and_grad(log_probs, argnums=(0, 1))(p, x),
                jax.value_and_grad(moments)(p),
                p.sample_and_log_prob(jax.random.key(0)),
            )

        for leaf in jax.tree.leaves(everything(p, x)):
            assert np.all(np.isfinite(leaf))


def test_the_samples_that_carry_gradients():
    carrying = {name for name, case in CASES.items() if case.make().reparameterised}
    assert carrying == {
        "normal", "logistic", "laplace", "log-normal", "continuous bernoulli", "full normal",
    }  # fmt: skip
    zeros = jnp.zeros((2, 3))
    parts = (Normal(zeros[0], zeros[0] + 1), Laplace(zeros[0], zeros[0] + 1))
    assert Product(parts, ((0, 1, 2), (3, 4, 5))).reparameterised
    assert Independent(Normal(zeros, zeros + 1), (2,)).reparameterised


SHAPED = {
    "normal": lambda shape: Normal(jnp.zeros(shape), jnp.ones(shape)),
    "full normal": lambda shape: FullNormal(jnp.zeros(shape), jnp.eye(int(np.prod(shape)))),
    "independent": lambda shape: Independent(
        Normal(jnp.zeros((*shape, 4)), jnp.ones((*shape, 4))), shape
    ),
}


@pytest.mark.parametrize("name", SHAPED)
@pytest.mark.parametrize("shape", [(), (2, 1, 3)])
def test_events_of_any_shape(name, shape):
    p = SHAPED[name](shape)
    assert p.shape == ((*shape, 4) if name == "independent" else shape)
    drawn, log = jax.jit(
        lambda p: (p.sample(jax.random.key(0)), p.log_prob(jnp.full(p.shape, 0.5)))
    )(p)
    assert drawn.shape == p.shape
    expected = scipy.stats.norm.logpdf(0.5) * np.prod(p.shape)
    np.testing.assert_allclose(log, expected, rtol=1e-12)


def test_the_factor_is_read_below_the_diagonal():
    rng = np.random.default_rng(0)
    below = np.tril(rng.normal(size=(3, 3))) + 3 * np.eye(3)
    above = below + np.triu(rng.normal(size=(3, 3)), 1)
    one, other = (FullNormal(jnp.ones(3), jnp.asarray(factor)) for factor in (below, above))
    x, observed, key = jnp.arange(3.0), jnp.asarray([True, False, True]), jax.random.key(0)

    @jax.jit
    def everything(p):
        second = FullNormal(jnp.zeros(3), 2 * jnp.eye(3))
        return (
            (p.sample(key), p.variance(), p.entropy(), p.log_prob(x), p.log_prob(x, observed)),
            (kl(p, second).value, kl(second, p).value, kl(p, Normal(x, 1 + x)).value),
        )

    for a, b in zip(*map(jax.tree.leaves, (everything(one), everything(other))), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_mixtures_joint_gives_the_posterior_of_its_components():
    case = CASES["mixture"]
    x = jnp.asarray(case.events(1)[0])
    log_joint = case.make().log_joint(x)
    # Bayes' rule in plain numbers.
    joint = WEIGHTS * scipy.stats.norm.pdf(np.asarray(x), CENTRES, WIDTHS).prod(1)
    np.testing.assert_allclose(jax.nn.softmax(log_joint), joint / joint.sum(), rtol=1e-12)


def categorical_mixture() -> tuple[Mixture, np.ndarray]:
    """Two coordinates of three categories: the likeliest of a mixture is of neither component."""
    probabilities = np.array(
        [[[0.51, 0.2], [0.49, 0.5], [0.0, 0.3]], [[0.0, 0.2], [0.49, 0.3], [0.51, 0.5]]]
    )
    logits = jnp.asarray(np.log(probabilities + 1e-9))
    weights = np.array([0.4, 0.6])
    mixture = Mixture(jnp.log(jnp.asarray(weights)), jax.vmap(Categorical)(logits))
    return mixture, np.tensordot(weights, probabilities, 1).argmax(0)


def test_the_point_of_a_mixture_of_categories():
    mixture, expected = categorical_mixture()
    np.testing.assert_array_equal(expected, [1, 2])
    logits = mixture.components.logits

    # Inside a product, a stack and other mixtures it is the same point.
    @jax.vmap
    def beside(logits, mean):
        return Product((Categorical(logits), Normal(mean, jnp.ones(1))), ((0, 2), (1,)))

    @jax.vmap
    def stacked(logits):
        return Independent(jax.vmap(Categorical, 1)(logits), (2,))

    @jax.vmap
    def nested(logits, shift):
        return Mixture(mixture.logits + shift, jax.vmap(Categorical)(logits))

    @jax.vmap
    def each(logits, shift):
        both = jnp.broadcast_to(mixture.logits[:, None], (2, 2)) + shift
        return ElementwiseMixture(both, jax.vmap(Categorical)(logits))

    # One time in ten it is code 0 for sure, which leaves the likeliest as it was, however large
    # the logits of that case are.
    zero = jnp.zeros((2, 3, 2)).at[:, 0].set(30.0)
    with_zero, shift = jnp.stack([logits, zero]), jnp.asarray([0.0, 5.0])
    rarely = jnp.log(jnp.asarray([0.9, 0.1])) + 3

    @jax.jit
    def points(logits, weights):
        return (
            mixture.point(),
            Mixture(weights, stacked(logits)).point(),
            Mixture(rarely, nested(with_zero, shift)).point(),
            ElementwiseMixture(rarely[:, None] + jnp.zeros((2, 2)), each(with_zero, shift)).point(),
            Mixture(weights, beside(logits, jnp.asarray([[1.0], [2.0]]))).point(),
        )

    *same, mixed = points(logits, mixture.logits)
    for found in same:
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == jnp.float64
    np.testing.assert_allclose(mixed, [1, 0.4 * 1 + 0.6 * 2, 2], rtol=1e-12)


REFUSED = {
    r"location of a Normal has shape \(3,\) and its scale has shape \(\)": (
        lambda: Normal(jnp.zeros(3), jnp.ones(()))
    ),
    r"location of a Logistic has shape": lambda: Logistic(jnp.zeros(3), jnp.ones(())),
    r"location of a Laplace has shape": lambda: Laplace(jnp.zeros(3), jnp.ones(())),
    r"location of a LogNormal has shape": lambda: LogNormal(jnp.zeros(3), jnp.ones(())),
    r"logits of a Categorical need shape \(classes, \*event shape\).*shape \(0, 2\)": (
        lambda: Categorical(jnp.zeros((0, 2)))
    ),
    r"factor needs shape \(6, 6\), but it has shape \(3, 3\)": (
        lambda: FullNormal(jnp.zeros((2, 3)), jnp.eye(3))
    ),
    r"logits of a Hurdle have shape \(2,\) and its positive part has events of shape \(3,\)": (
        lambda: Hurdle(jnp.zeros(2), LogNormal(jnp.zeros(3), jnp.ones(3)))
    ),
    r"logits of a Mixture need shape \(K,\).*have shape \(0,\)": (
        lambda: Mixture(jnp.zeros(0), Normal(jnp.zeros((0, 2)), jnp.ones((0, 2))))
    ),
    r"in this Mixture needs the leading axes \(3,\), but one of its Normal has shape \(2,\)": (
        lambda: Mixture(jnp.zeros(3), Normal(jnp.zeros(2), jnp.ones(2)))
    ),
    r"logits of an ElementwiseMixture need shape \(K, \*event shape\).* have shape \(0,\)": (
        lambda: ElementwiseMixture(jnp.zeros(0), Normal(jnp.zeros(0), jnp.ones(0)))
    ),
    r"in this ElementwiseMixture needs the leading axes \(3,\), but .* has shape \(2, 3\)": (
        lambda: ElementwiseMixture(jnp.zeros((3, 2)), Normal(jnp.zeros((2, 3)), jnp.ones((2, 3))))
    ),
    r"so that its components need events of shape \(2,\), not \(4,\)": (
        lambda: ElementwiseMixture(jnp.zeros((3, 2)), Normal(jnp.zeros((3, 4)), jnp.ones((3, 4))))
    ),
    r"in this Independent needs the leading axes \(2, 3\).* shape \(2, 2\)": (
        lambda: Independent(Normal(jnp.zeros((2, 2)), jnp.ones((2, 2))), (2, 3))
    ),
    r"A Product needs one part or more": lambda: Product((), ()),
    r"Product have events of \[1, 2\] coordinates, but their places are \(\(0,\), \(1,\)\)": (
        lambda: Product((Poisson(jnp.ones(1)), Poisson(jnp.ones(2))), ((0,), (1,)))
    ),
    r"each of the coordinates 0 to 2 once, but they are \(\(0,\), \(1, 0\)\)": (
        lambda: Product((Poisson(jnp.ones(1)), Poisson(jnp.ones(2))), ((0,), (1, 0)))
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_parameters_that_make_no_distribution_are_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()
