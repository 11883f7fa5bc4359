"""Every distribution of the catalogue against SciPy, quadrature, enumeration and its samples."""

import itertools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from catalogue import CASES, Case

from ansatz.distributions import AbstractDistribution, AbstractElementwise

N = 20_000
GARBAGE = -7.3e20


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=CASES, scope="module")
def case(request) -> Case:
    return CASES[request.param]


@jax.jit
def log_probs(p: AbstractDistribution, x, observed):
    """log p of the events x, whole and of the coordinates observed alone."""
    return jax.vmap(lambda x, observed: (p.log_prob(x), p.log_prob(x, observed)))(x, observed)


def shaped(p: AbstractDistribution, rows: np.ndarray) -> jax.Array:
    return jnp.asarray(rows).reshape(-1, *p.shape)


def flat(a) -> np.ndarray:
    """An event as its coordinates, row by row."""
    return np.asarray(a).ravel()


def masks(d: int) -> np.ndarray:
    return np.array(list(itertools.product([False, True], repeat=d)))


class Found(NamedTuple):
    """What the code says of a case: of events, of their parts, and of each coordinate alone."""

    events: np.ndarray
    whole: np.ndarray
    parts: np.ndarray
    alone: list[np.ndarray]


@pytest.fixture(scope="module")
def found(case) -> Found:
    """All in one batch, for one compilation."""
    p, d = case.make(), len(case.lines)
    events = case.events(40)
    x = [np.where(mask, events, GARBAGE) for mask in masks(d)]
    observed = [np.broadcast_to(mask, events.shape) for mask in masks(d)]
    for i, line in enumerate(case.lines):
        points, _ = line.nodes()
        x.append(np.full((len(points), d), GARBAGE))
        x[-1][:, i] = points
        observed.append(np.broadcast_to(np.arange(d) == i, x[-1].shape))
    whole, parts = log_probs(p, shaped(p, np.concatenate(x)), shaped(p, np.concatenate(observed)))
    ends = np.cumsum([len(rows) for rows in x])
    pieces = np.split(np.asarray(parts), ends[:-1])
    last = ends[2**d - 1]
    return Found(
        events, np.asarray(whole)[last - 40 : last], np.stack(pieces[: 2**d]), pieces[2**d :]
    )


def test_log_prob_is_scipys(case, found):
    expected = case.log_prob(found.events, np.ones(len(case.lines), bool))
    np.testing.assert_allclose(found.whole, expected, rtol=1e-11, atol=1e-12)


def test_log_prob_of_some_coordinates_is_their_marginal(case, found):
    for mask, part in zip(masks(len(case.lines)), found.parts, strict=True):
        expected = case.log_prob(found.events, mask)
        np.testing.assert_allclose(part, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(found.parts[0], 0)


class Moments(NamedTuple):
    mean: np.ndarray
    variance: np.ndarray
    fourth: np.ndarray
    entropy: np.ndarray


def moments(case: Case, alone: list[np.ndarray]) -> Moments:
    """Sums and integrals of the code's own log p, coordinate by coordinate."""
    columns = []
    for line, log in zip(case.lines, alone, strict=True):
        points, weights = line.nodes()
        p = weights * np.exp(log)
        # The chance of the counts and of the far tails that are left out.
        assert p.sum() == pytest.approx(1, abs=1e-12)
        mean = p @ points
        centred = points - mean
        entropy = -np.sum(np.where(p > 0, p * log, 0))
        columns.append((mean, p @ centred**2, p @ centred**4, entropy))
    return Moments(*np.array(columns).T)


def test_moments_and_entropy_are_integrals(case, found):
    p, expected = case.make(), moments(case, found.alone)
    np.testing.assert_allclose(flat(p.mean()), expected.mean, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(flat(p.variance()), expected.variance, rtol=1e-11)
    if case.joint is None and (entropy := p.entropy()) is not None:
        assert entropy == pytest.approx(expected.entropy.sum(), rel=1e-10)
    elif case.entropy is not None:
        assert p.entropy() == pytest.approx(case.entropy, rel=1e-12)
    else:
        assert p.entropy() is None


def test_the_point_is_the_mean_or_the_most_probable_category(case):
    p = case.make()
    expected = flat(p.mean()) if case.point is None else case.point
    np.testing.assert_allclose(flat(p.point()), expected, rtol=1e-12)
    assert p.point().shape == p.mean().shape == p.variance().shape == p.shape


@eqx.filter_jit
def draw(p: AbstractDistribution, keys):
    def one(key):
        x, log = p.sample_and_log_prob(key)
        return x, p.sample(key), log, p.log_prob(x)

    return jax.vmap(one)(keys)


@pytest.fixture(scope="module")
def draws(case) -> np.ndarray:
    p = case.make()
    x, again, log, expected = draw(p, jax.random.split(jax.random.key(0), N))
    assert x.shape == (N, *p.shape)
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(log, expected)
    assert log.shape == (N,)
    return np.asarray(x).reshape(N, -1)


def test_samples_have_the_mean_and_the_covariance(case, found, draws):
    expected = moments(case, found.alone)
    # Five standard errors: var/n for a mean, E[(x − μ)² (y − ν)²]/n less its square for a
    # covariance. A right sampler fails one of these numbers with a probability of 6e-7.
    error = np.sqrt(expected.variance / N)
    assert np.all(abs(draws.mean(0) - expected.mean) < 5 * error)
    centred = draws - expected.mean
    covariance = np.diag(expected.variance) if case.covariance is None else case.covariance
    for i, j in itertools.combinations_with_replacement(range(len(case.lines)), 2):
        square = expected.fourth[i] if i == j else np.mean(centred[:, i] ** 2 * centred[:, j] ** 2)
        spread = np.sqrt(max(square - covariance[i, j] ** 2, 0) / N)
        off = abs(np.mean(centred[:, i] * centred[:, j]) - covariance[i, j])
        # A fair coin has no spread in (x − ½)², but for rounding.
        assert off <= 5 * spread + 1e-12


def test_samples_follow_the_cumulative_distribution(case, draws):
    v = np.random.default_rng(1).uniform(size=draws.shape)
    for i, line in enumerate(case.lines):
        # P(X < x) + v P(X = x) is uniform, for whatever mixture of atoms and densities.
        u = np.sort(line.cdf(draws[:, i]) - v[:, i] * line.mass(draws[:, i]))
        distance = np.max([u - np.arange(N) / N, np.arange(1, N + 1) / N - u])
        # Kolmogorov: √n D exceeds 2.5 with a probability of 2 exp(−2 · 2.5²) = 7e-6.
        assert np.sqrt(N) * distance < 2.5


def everything(p: AbstractDistribution, x, observed, key):
    """A sum in which each method has a weight of its own, so that none hides behind another.

    It is over several events, since a formula may hold in one part of the line only.
    """
    whole = jax.vmap(p.log_prob)(x)
    part = jax.vmap(lambda x: p.log_prob(x, observed))(x)
    entropy = p.entropy()
    drawn = p.sample(key).ravel() if p.reparameterised else jnp.zeros(0)
    weights = jnp.cos(jnp.arange(1.0, 1 + len(x)))
    return (
        weights @ whole
        + 0.3 * weights[::-1] @ part
        + (0 if entropy is None else 3 * entropy)
        + jnp.linspace(0.7, 2, drawn.size) @ drawn
    )


def test_gradients_are_finite_differences(case):
    """Of log p, of some coordinates and of all, of the entropy, and of samples that carry them."""
    p, d = case.make(), len(case.lines)
    rows = case.events(5, seed=3)
    continuous = ~np.array([np.isin(rows[:, i], line.atoms) for i, line in enumerate(case.lines)]).T
    observed = jnp.asarray(np.arange(d) % 3 != 1).reshape(p.shape)

    @jax.jit
    def value(p, x):
        return everything(p, x, observed, jax.random.key(5))

    leaves, tree = jax.tree.flatten((p, shaped(p, rows)))
    gradient = jax.tree.leaves(jax.jit(jax.grad(value, argnums=(0, 1)))(*tree.unflatten(leaves)))
    moves = [
        (k, i)
        for k, leaf in enumerate(leaves)
        for i in range(leaf.size)
        if k < len(leaves) - 1 or continuous.flat[i]
    ]
    step = 1e-6
    moved = [np.repeat(np.asarray(leaf)[None], 2 * len(moves), 0) for leaf in leaves]
    for row, ((k, i), sign) in enumerate(itertools.product(moves, (1, -1))):
        moved[k][row].flat[i] += sign * step
    ends = np.asarray(jax.jit(jax.vmap(value))(*tree.unflatten(map(jnp.asarray, moved))))
    expected = (ends[::2] - ends[1::2]) / (2 * step)
    found = [np.asarray(gradient[k]).flat[i] for k, i in moves]
    # Of the order of step² from the third derivative, and eps/step from rounding.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8 * (1 + abs(ends[0])))


def test_what_is_not_observed_has_no_influence(case):
    p, d = case.make(), len(case.lines)
    x = case.events(1, seed=4)[0]

    @jax.jit
    def both(p, x, observed):
        return jax.value_and_grad(lambda p, x: p.log_prob(x, observed), argnums=(0, 1))(p, x)

    for hidden in range(d):
        observed = np.arange(d) != hidden
        results = []
        for filler in (0.0, GARBAGE, -GARBAGE, 0.5):
            filled = jnp.asarray(np.where(observed, x, filler)).reshape(p.shape)
            results.append(both(p, filled, jnp.asarray(observed).reshape(p.shape)))
        for leaves in zip(*map(jax.tree.leaves, results), strict=True):
            assert all(np.all(np.isfinite(leaf)) for leaf in leaves)
            for leaf in leaves[1:]:
                np.testing.assert_array_equal(leaf, leaves[0])
        assert flat(results[0][1][1])[hidden] == 0


ELEMENTWISE = [name for name in CASES if isinstance(CASES[name].make(), AbstractElementwise)]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_coordinate_is_a_distribution_of_its_own(name):
    """The last axes of every array of an elementwise distribution are those of the event."""
    case = CASES[name]
    p, x = case.make(), case.events(20)
    axes = len(p.shape)
    ones = jax.tree.map(lambda a: jnp.moveaxis(a.reshape(*a.shape[: a.ndim - axes], -1), -1, 0), p)

    @jax.jit
    def each(ones, x):
        return jax.vmap(lambda p, x: (jax.vmap(p.log_prob)(x), p.entropy()), (0, 1))(ones, x)

    log, entropy = each(ones, jnp.asarray(x))
    for i, line in enumerate(case.lines):
        np.testing.assert_allclose(log[i], line.log(x[:, i]), rtol=1e-11, atol=1e-12)
    if entropy is None:
        assert p.entropies() is None
    else:
        np.testing.assert_allclose(entropy, p.entropies().ravel(), rtol=1e-12)


def test_many_distributions_at_once(case, found):
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), case.other(), case.make())
    x = shaped(case.make(), found.events)[7]
    both = jax.jit(jax.vmap(lambda p, x: (p.log_prob(x), p.mean()), (0, None)))
    log, mean = both(batch, x)
    np.testing.assert_allclose(log[1], found.whole[7], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mean[0], case.other().mean(), rtol=1e-12)


def test_float32_agrees_with_float64(case, found):
    p = case.make()
    with jax.enable_x64(False):
        small = case.make()
        x = shaped(small, found.events)
        observed = jnp.ones(x.shape, bool)
        whole, part = log_probs(small, x, observed)
        for method in ("sample", "entropy", "mean", "variance", "point"):
            arguments = (jax.random.key(0),) if method == "sample" else ()
            result = eqx.filter_eval_shape(getattr(small, method), *arguments)
            assert result is None or result.dtype == jnp.float32
        mean, variance, entropy = small.mean(), small.variance(), small.entropy()
    assert whole.dtype == part.dtype == jnp.float32
    # At x = 200 with a scale of 0.02, z itself is only known to 200 · 6e-8 / 0.02 = 6e-4.
    np.testing.assert_allclose(whole, found.whole, rtol=1e-2, atol=1e-5)
    np.testing.assert_allclose(part, found.whole, rtol=1e-2, atol=1e-5)
    np.testing.assert_allclose(mean, p.mean(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variance, p.variance(), rtol=1e-4)
    if entropy is not None:
        assert entropy == pytest.approx(float(p.entropy()), rel=1e-5)


def test_wrong_shapes_are_refused(case):
    p = case.make()
    for shape in [(5, *p.shape), ()]:
        with pytest.raises(
            ValueError, match=r"x has shape \(.*\). A distribution acts on one event"
        ):
            p.log_prob(jnp.zeros(shape))
        with pytest.raises(ValueError, match=r"but observed has shape \("):
            p.log_prob(jnp.zeros(p.shape), jnp.ones(shape, bool))
