"""Mixtures: iteration by iteration against scikit-learn, bounds and conditionals by hand."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from ansatz.models.mixture.bernoulli import Bernoullis
from ansatz.models.mixture.diagonal import DiagonalGaussians
from ansatz.models.mixture.full import FullGaussians
from ansatz.models.mixture.half_steps import expectation
from ansatz.models.mixture.learning import MaximumLikelihood
from ansatz.models.mixture.model import Mixture
from ansatz.models.mixture.variational import Variational
from ansatz.protocol.source import Masked

K, D, N = 3, 3, 120
KINDS = ("full", "tied", "diagonal", "spherical")
THEIRS = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}


@pytest.fixture(scope="module", autouse=True)
def double():
    """Every number of this file is compared with an oracle in double precision."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True)
def _single_precision_again():
    """In place of the one for all tests, which would end double precision after the first."""


def events(seed=0, n=N, d=D):
    """Events of three clusters that overlap, far from the origin."""
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(K, d, d))
    k = generator.integers(0, K, n)
    x = np.einsum("nij,nj->ni", mixing[k], generator.normal(size=(n, d)))
    return 5 + 2 * generator.normal(size=(K, d))[k] + x


def covariances(kind, generator, d=D):
    """Any valid ones, in the shape of scikit-learn's."""
    if kind in ("full", "tied"):
        roots = generator.normal(size=(K if kind == "full" else 1, d, d))
        found = roots @ roots.swapaxes(1, 2) + 0.5 * np.eye(d)
        return found if kind == "full" else found[0]
    return generator.uniform(0.5, 3, (K, d) if kind == "diagonal" else K)


def mixture(kind, seed=1, d=D):
    """A mixture with any parameters."""
    generator = np.random.default_rng(seed)
    weights, means = generator.dirichlet(np.full(K, 3.0)), 5 + 2 * generator.normal(size=(K, d))
    if kind == "bernoulli":
        components = Bernoullis(jnp.asarray(generator.uniform(0.1, 0.9, (K, d))))
        return Mixture(jnp.asarray(weights), components, (d,))
    return of_arrays(kind, weights, means, covariances(kind, generator, d))


def of_arrays(kind, weights, means, covariance):
    means, covariance = jnp.asarray(means), jnp.asarray(covariance)
    if kind in ("full", "tied"):
        components = FullGaussians.of(means, covariance if kind == "full" else covariance[None])
    else:
        components = DiagonalGaussians(means, covariance.reshape(K, -1))
    return Mixture(jnp.asarray(weights), components, (means.shape[1],))


def as_theirs(kind, model):
    """The covariances in the shape of scikit-learn's."""
    if kind in ("full", "tied"):
        found = np.asarray(model.components.covariance())
        return found if kind == "full" else found[0]
    variances = np.asarray(model.components.variances)
    return variances if kind == "diagonal" else variances[:, 0]



@eqx.filter_jit
def half_steps(learning, model, event, weight):
    """Both half-steps: the model, the log-evidence of each event before, and the gain after."""
    log_weights = learning.log_weights(model)
    moments, evidence = expectation(log_weights, model.components, event, weight)
    new = learning.maximise(model, moments)
    return new, evidence, learning.gain(model, new, moments), moments


@eqx.filter_jit
def each_log_prob(model, x):
    return jax.vmap(model.log_prob)(x)


def log_probs(model, x):
    return np.asarray(each_log_prob(model, jnp.asarray(x)))


ML = MaximumLikelihood(1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_iteration_is_scikit_learns(kind):
    x, model = events(), mixture(kind)
    covariance = as_theirs(kind, model)
    precision = 1 / covariance if covariance.ndim < 2 or kind == "diagonal" else None
    reference = GaussianMixture(
        K,
        covariance_type=THEIRS[kind],
        reg_covar=0.0,
        tol=0.0,
        max_iter=1,
        warm_start=True,
        weights_init=np.asarray(model.weights),
        means_init=np.asarray(model.components.mean),
        precisions_init=np.linalg.inv(covariance) if precision is None else precision,
    )
    for _ in range(5):
        with pytest.warns(match="did not converge"):
            reference.fit(x)
        model, evidence, _, _ = half_steps(ML, model, jnp.asarray(x), jnp.ones(N))
        np.testing.assert_allclose(evidence.mean(), reference.lower_bound_, rtol=1e-10)
        np.testing.assert_allclose(model.weights, reference.weights_, rtol=1e-8)
        np.testing.assert_allclose(model.components.mean, reference.means_, rtol=1e-8)
        np.testing.assert_allclose(
            as_theirs(kind, model), reference.covariances_, rtol=1e-7, atol=1e-9
        )


@pytest.mark.parametrize("kind", KINDS)
def test_single_precision_is_as_good_as_scikit_learns(kind):
    """Both in float32, against scikit-learn in float64, after one iteration."""
    x, model = events(), mixture(kind)
    exact, evidence, _, _ = half_steps(ML, model, jnp.asarray(x), jnp.ones(N))
    single = jax.tree.map(lambda leaf: leaf.astype("float32"), model)
    found, rough, _, _ = half_steps(ML, single, jnp.asarray(x, "float32"), jnp.ones(N, "float32"))
    assert found.components.mean.dtype == np.float32
    # Rounding of x alone moves a term of log p by 2^-24 |x| |x - m| / v, some 1e-6 here.
    np.testing.assert_allclose(rough, evidence, atol=1e-4)
    np.testing.assert_allclose(found.components.mean, exact.components.mean, rtol=2e-6)
    np.testing.assert_allclose(as_theirs(kind, found), as_theirs(kind, exact), rtol=1e-4, atol=1e-5)


# What a mixture is, by NumPy alone.


def normal_log_prob(x, mean, covariance):
    away = x - mean
    determinant = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return -(away @ np.linalg.solve(covariance, away) + determinant) / 2


def bernoulli_log_prob(x, mean):
    """Of what x expects, which is a zero or a one where it is known."""
    return np.sum(x * np.log(mean) + (1 - x) * np.log1p(-mean))


class Plain:
    """The arrays of a mixture, and its bound on one event."""

    def __init__(self, model):
        self.discrete = isinstance(model.components, Bernoullis)
        self.log_weights = np.log(np.asarray(model.weights))
        self.means = np.asarray(model.components.mean)
        self.covariances = np.asarray(model.components.covariance())

    def joint(self, x, seen):
        """log w_k p_k(x_o)."""
        if self.discrete:
            each = [bernoulli_log_prob(x[seen], m[seen]) for m in self.means]
        else:
            each = [
                normal_log_prob(x[seen], m[seen], c[np.ix_(seen, seen)])
                for m, c in zip(self.means, self.covariances, strict=True)
            ]
        return self.log_weights + each

    def completed(self, k, x, seen):
        """E_k[x | x_o], Cov_k[x | x_o], and the entropy of what is missing."""
        m, c, gone = self.means[k], self.covariances[k], ~seen
        expected, left = x.copy(), np.zeros_like(c)
        if self.discrete:
            expected[gone] = m[gone]
            return expected, left, -np.sum(m * np.log(m) + (1 - m) * np.log1p(-m), where=gone)
        gain = c[np.ix_(gone, seen)] @ np.linalg.inv(c[np.ix_(seen, seen)])
        expected[gone] = m[gone] + gain @ (x - m)[seen]
        own = c[np.ix_(gone, gone)] - gain @ c[np.ix_(seen, gone)]
        left[np.ix_(gone, gone)] = own
        return expected, left, np.linalg.slogdet(2 * np.pi * np.e * own)[1] / 2

    def bound(self, q, x, seen):
        """F of one event where its component and what it misses are distributed as under `q`:

        F = sum_k q(k) [E_q log p(x, k) - log q(k) + H(q(x_m | k))].
        """
        log_chance = q.joint(x, seen)
        log_chance -= logsumexp(log_chance)
        total = 0.0
        for k, (m, c) in enumerate(zip(self.means, self.covariances, strict=True)):
            expected, left, entropy = q.completed(k, x, seen)
            if self.discrete:
                inside = bernoulli_log_prob(expected, m)
            else:
                inside = normal_log_prob(expected, m, c) - np.trace(np.linalg.solve(c, left)) / 2
            log_ratio = self.log_weights[k] + inside + entropy - log_chance[k]
            total += np.exp(log_chance[k]) * log_ratio
        return total


def holes(kind, seed, n=24):
    """Events of which a third of the numbers is missing, but never all."""
    generator = np.random.default_rng(seed)
    x = events(seed, n)
    if kind == "bernoulli":
        x = (x > np.median(x, 0)).astype(float)
    observed = generator.random((n, D)) > 0.35
    observed[np.arange(n), generator.integers(0, D, n)] = True
    return x, observed


@pytest.mark.parametrize("kind", [*KINDS, "bernoulli"])
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
def test_no_half_step_lowers_the_bound(kind, missing):
    """F by hand before and after each half-step of random problems with random weights.

    The floor is far below any variance here, so that F alone must rise.
    """
    for seed in range(4):
        x, observed = holes(kind, seed)
        event = Masked(jnp.asarray(np.where(observed, x, 0)), jnp.asarray(observed))
        if not missing:
            observed, event = np.ones_like(observed), jnp.asarray(x)
        weight = np.random.default_rng(seed).uniform(0, 2, len(x))
        model, before = mixture(kind, seed + 10), -np.inf
        for _ in range(3):
            new, evidence, gain, _ = half_steps(ML, model, event, jnp.asarray(weight))
            q, after = Plain(model), Plain(new)
            each = list(zip(x, observed, strict=True))
            log_p = np.array([logsumexp(q.joint(*one)) for one in each])
            touching = np.array([q.bound(q, *one) for one in each])
            solved = np.array([after.bound(q, *one) for one in each])
            np.testing.assert_allclose(evidence, log_p, rtol=1e-9)
            # The expectation makes the bound touch.
            np.testing.assert_allclose(touching, log_p, rtol=1e-9)
            np.testing.assert_allclose(gain, weight @ (solved - touching), rtol=1e-6, atol=1e-9)
            assert before - 1e-9 <= weight @ touching <= weight @ solved + 1e-9
            model, before = new, weight @ solved


def test_missing_numbers_in_tiles_are_those_at_once(monkeypatch):
    x, observed = holes("full", 0)
    event = Masked(jnp.asarray(np.where(observed, x, 0)), jnp.asarray(observed))
    weight, model = jnp.asarray(np.random.default_rng(0).uniform(0, 2, len(x))), mixture("full")

    def moments(event):
        return jax.jit(expectation)(jnp.log(model.weights), model.components, event, weight)

    at_once, whole = moments(event), moments(event.value)
    same = moments(Masked(event.value, jnp.ones_like(event.observed)))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-9), whole, same)
    # Seven events in a tile, which is no divisor of 24.
    monkeypatch.setattr("ansatz.models.mixture.half_steps.AT_ONCE", 7 * K * D * D)
    jax.clear_caches()
    in_tiles = moments(event)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9), at_once, in_tiles)


# Conditionals.


@pytest.mark.parametrize("kind", ["full", "diagonal"])
def test_conditioning_is_the_ratio_of_densities_by_quadrature(kind):
    """p(x_a | x_b) = p(x_a, x_b) / int p(x_a, x_b) dx_a, and its mean, on a fine grid."""
    model, x = mixture(kind), np.array([4.0, 6.5, 5.5])
    # Trapezoids are exact beyond rounding for a smooth density that has fallen to nothing.
    line = np.linspace(-25, 35, 4001)
    joint = np.tile(x, (len(line), 1))
    joint[:, 1] = line
    density = np.exp(log_probs(model, joint))
    total = np.trapezoid(density, line)
    conditional = model.given(jnp.asarray(x[[2, 0]]), (2, 0))
    found = np.exp(log_probs(conditional, line[:, None]))
    np.testing.assert_allclose(found, density / total, rtol=1e-7, atol=1e-12)
    observed = jnp.array([True, False, True])
    event = Masked(jnp.asarray(x * np.asarray(observed)), observed)
    np.testing.assert_allclose(model.log_prob(event), np.log(total), rtol=1e-8)
    mean = np.trapezoid(line * density, line) / total
    np.testing.assert_allclose(model.complete(event), [x[0], mean, x[2]], rtol=1e-8)
    # Given one number two are left.
    pair = model.given(jnp.asarray(x[1:2]), (1,))
    alone = model.marginal((1,)).log_prob(jnp.asarray(x[1:2]))
    together = model.log_prob(jnp.asarray(x))
    np.testing.assert_allclose(pair.log_prob(jnp.asarray(x[[0, 2]])), together - alone, rtol=1e-9)


def test_conditioning_by_enumeration_of_bits():
    model = mixture("bernoulli")
    bits = np.array(np.meshgrid(*[[0.0, 1.0]] * D, indexing="ij")).reshape(D, -1).T
    p = np.exp(log_probs(model, bits))
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-12)
    same = (bits[:, 0] == 1) & (bits[:, 2] == 0)
    wanted = p[same & (bits[:, 1] == 1)].sum() / p[same].sum()
    event = Masked(jnp.array([1.0, 0, 0]), jnp.array([True, False, True]))
    np.testing.assert_allclose(model.complete(event), [1, wanted, 0], rtol=1e-10)
    found = model.given(jnp.array([1.0, 0]), (0, 2)).log_prob(jnp.ones(1))
    np.testing.assert_allclose(np.exp(found), wanted, rtol=1e-10)


@pytest.mark.parametrize("kind", ["full", "tied", "spherical", "bernoulli"])
def test_draws_of_what_is_missing(kind):
    """Mean and covariance of draws are those of the conditional mixture."""
    model, n = mixture(kind), 20_000
    value = jnp.array([0.0, 5.0, 0.0]) if kind != "bernoulli" else jnp.array([0.0, 1, 0])
    event = Masked(value, jnp.array([False, True, False]))
    keys = jax.random.split(jax.random.key(0), n)
    drawn = np.asarray(jax.jit(jax.vmap(lambda key: model.draw_missing(key, event)))(keys))
    np.testing.assert_array_equal(drawn[:, 1], value[1])
    given = model.given(value[1:2], (1,))
    weights, means = np.asarray(given.weights), np.asarray(given.components.mean)
    mean = weights @ means
    np.testing.assert_allclose(np.asarray(model.complete(event))[[0, 2]], mean, rtol=1e-9)
    away = means - mean
    wanted = np.einsum("k,kij->ij", weights, np.asarray(given.components.covariance()))
    wanted += np.einsum("k,ki,kj->ij", weights, away, away)
    # A mean of n draws has variance v / n, and a covariance at most that of fourth moments / n.
    np.testing.assert_array_less(
        np.abs(drawn[:, [0, 2]].mean(0) - mean), 5 * np.sqrt(np.diag(wanted) / n)
    )
    centred = drawn[:, [0, 2]] - mean
    products = centred[:, :, None] * centred[:, None]
    error = products.std(0) / np.sqrt(n)
    np.testing.assert_array_less(np.abs(products.mean(0) - wanted), 5 * error + 1e-12)


@pytest.mark.parametrize("kind", ["tied", "spherical", "bernoulli"])
def test_samples_have_the_moments_of_the_mixture(kind):
    model, n = mixture(kind), 20_000
    keys = jax.random.split(jax.random.key(1), n)
    drawn = np.asarray(jax.jit(jax.vmap(model.sample))(keys))
    weights, means = np.asarray(model.weights), np.asarray(model.components.mean)
    mean = weights @ means
    wanted = np.einsum("k,kij->ij", weights, np.asarray(model.components.covariance()))
    wanted += np.einsum("k,ki,kj->ij", weights, means - mean, means - mean)
    products = (drawn - mean)[:, :, None] * (drawn - mean)[:, None]
    error = products.std(0) / np.sqrt(n)
    np.testing.assert_array_less(np.abs(products.mean(0) - wanted), 5 * error)
    np.testing.assert_array_less(np.abs(drawn.mean(0) - mean), 5 * np.sqrt(np.diag(wanted) / n))


# The floor.


def test_the_floor_is_the_best_there_is_above_it():
    """No other covariance with eigenvalues above the floor is more likely."""
    x = events(3, 50)
    x[:, 2] = x[:, 0] + 2 * x[:, 1]
    model, _, _, moments = half_steps(
        MaximumLikelihood(0.5), mixture("full"), jnp.asarray(x), jnp.ones(50)
    )
    assert model.components.at_floor(0.5).all()
    np.testing.assert_allclose(model.components.variances.min(), 0.5, rtol=1e-12)
    about = mixture("full").components.mean

    def likely(components):
        return float(components.expected_log_prob(moments, about))

    best, generator = likely(model.components), np.random.default_rng(0)
    covariance = np.asarray(model.components.covariance())
    for _ in range(30):
        move = 0.1 * generator.normal(size=(K, D, D))
        other = FullGaussians.of(
            model.components.mean, jnp.asarray(covariance + move + move.swapaxes(1, 2)), 0.5
        )
        assert likely(other) < best


def test_a_component_without_events_stays_as_it_is():
    model = mixture("full")
    far = eqx.tree_at(
        lambda m: m.components.mean, model, model.components.mean.at[0].set(1e6)
    )
    new, _, gain, _ = half_steps(ML, far, jnp.asarray(events()), jnp.ones(N))
    assert new.weights[0] == 0
    assert np.isfinite(gain)
    np.testing.assert_array_equal(new.components.mean[0], far.components.mean[0])
    np.testing.assert_array_equal(new.components.variances[0], far.components.variances[0])
    again, evidence, _, _ = half_steps(ML, new, jnp.asarray(events()), jnp.ones(N))
    assert np.isfinite(evidence).all()
    assert again.weights[0] == 0
    assert np.isfinite(jax.vmap(again.encode)(jnp.asarray(events()))).all()


# The variational mixture.


def test_every_variational_iteration_is_scikit_learns():
    """From responsibilities by hand, since scikit-learn's own start cannot be set."""
    generator = np.random.default_rng(5)
    x = (events() - events().mean(0)) / events().std(0)
    learning = Variational(0.3, float(N))
    responsibility = generator.dirichlet(np.ones(K), N)

    class Reference(BayesianGaussianMixture):
        """Begins with these responsibilities."""

        def _initialize_parameters(self, X, random_state, **others):
            self._initialize(X, responsibility)

    reference = Reference(
        n_components=K,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=0.3,
        mean_precision_prior=1.0,
        mean_prior=np.zeros(D),
        degrees_of_freedom_prior=float(D),
        covariance_prior=np.eye(D),
        reg_covar=0.0,
        tol=0.0,
        max_iter=1,
        warm_start=True,
    )
    start = mixture("full")
    moments = start.components.moments(jnp.asarray(x), jnp.asarray(responsibility))
    model = learning.maximise(start, moments)
    ours, theirs = [], []
    for _ in range(5):
        with pytest.warns(match="did not converge"):
            reference.fit(x)
        old = model
        model, evidence, gain, _ = half_steps(learning, old, jnp.asarray(x), jnp.ones(N))
        np.testing.assert_allclose(model.weights, reference.weights_, rtol=1e-8)
        np.testing.assert_allclose(model.components.mean, reference.means_, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(
            model.components.covariance(), reference.covariances_, rtol=1e-7, atol=1e-9
        )
        assert gain >= -1e-9
        theirs.append(reference.lower_bound_)
        ours.append(float(evidence.sum() - learning.penalty(old) + gain))
    # Scikit-learn leaves out what never changes.
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=1e-6, atol=1e-8)


def test_the_variational_bound_is_that_of_scipys_distributions():
    """F = E_q[log p(x, z, w, m, S) - log q], each term by SciPy or by draws from q."""
    x = (events(0, 30) - 5) / 3
    learning, model = Variational(0.7, 30.0), mixture("full")
    for _ in range(3):
        before = model
        model, evidence, _, _ = half_steps(learning, model, jnp.asarray(x), jnp.ones(30))
    # After an expectation with the parameters `before`.
    bound = float(evidence.sum() - learning.penalty(before))
    q = learning.posterior(before)
    a, b, v = (np.asarray(part) for part in q)
    mean, covariance = np.asarray(before.components.mean), np.asarray(before.components.covariance())
    prior_w, post_w = stats.dirichlet(np.full(K, 0.7)), stats.dirichlet(a)
    generator = np.random.default_rng(0)
    draws = 4000
    w = post_w.rvs(draws, random_state=generator)
    total = prior_w.logpdf(w.T) - post_w.logpdf(w.T)
    log_joint = np.empty((draws, 30, K))
    for k in range(K):
        post = stats.wishart(v[k], np.linalg.inv(covariance[k]) / v[k])
        prior = stats.wishart(D, np.eye(D))
        precision = post.rvs(draws, random_state=generator)
        total += prior.logpdf(precision.transpose(1, 2, 0)) - post.logpdf(
            precision.transpose(1, 2, 0)
        )
        roots = np.linalg.cholesky(np.linalg.inv(precision))
        m = mean[k] + (roots @ generator.normal(size=(draws, D, 1)))[..., 0] / np.sqrt(b[k])
        log_det = np.linalg.slogdet(precision)[1]

        def normal(offset, scale, precision=precision, log_det=log_det):
            square = np.einsum("s...i,sij,s...j->s...", offset, precision, offset)
            shape = (-1,) + (1,) * (square.ndim - 1)
            return (
                D * np.log(scale / (2 * np.pi)) + log_det.reshape(shape) - scale * square
            ) / 2

        total += normal(m, 1.0) - normal(m - mean[k], b[k])
        log_joint[:, :, k] = np.log(w[:, k, None]) + normal(x[None] - m[:, None], 1.0)
    # The best q(z), proportional to exp E log p(x, z).
    log_rho = log_joint.mean(0)
    r = np.exp(log_rho - logsumexp(log_rho, axis=1, keepdims=True))
    each = total + np.sum(r * log_joint, (1, 2)) - np.sum(r * np.log(r))
    # The mean of independent draws; that r depends on them too is of second order.
    error = each.std() / np.sqrt(draws)
    assert error < 0.2
    assert abs(each.mean() - bound) < 4 * error


def test_a_variational_bound_with_missing_numbers_never_falls():
    x, observed = holes("full", 2)
    x = (x - x.mean(0)) / x.std(0)
    event = Masked(jnp.asarray(np.where(observed, x, 0)), jnp.asarray(observed))
    learning, model = Variational(0.01, float(len(x))), mixture("full")
    bounds = []
    for _ in range(8):
        new, evidence, gain, _ = half_steps(learning, model, event, jnp.ones(len(x)))
        touching = float(evidence.sum() - learning.penalty(model))
        bounds += [touching, touching + float(gain)]
        model = new
    # The first model is none that the prior and 40 events could give.
    assert np.all(np.diff(bounds[2:]) >= -1e-9)
    assert np.diff(bounds[2:]).max() > 1e-3
