"""Generative adversarial nets: losses, penalties and norms against other ways to find them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats
from scipy.spatial.distance import cdist

from ansatz.evaluate.neighbours import coverage_by_chance, neighbourhoods
from ansatz.models.gan import GANRecipe
from ansatz.models.gan.judge import by_chance, compared
from ansatz.models.gan.losses import LOSSES
from ansatz.models.gan.objective import TwoPlayers
from ansatz.models.gan.spectral import exactly, first_directions, followed, matrices
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch


def batch_of(events, condition=None, weight=None):
    weight = jnp.ones(len(events)) if weight is None else jnp.asarray(weight)
    return Batch(jnp.asarray(events), condition, weight, jnp.asarray(float(np.sum(weight != 0))))


def built(shape=(3,), condition=0, **settings):
    spec = Spec(shape, condition=condition)
    settings = {"hidden": (6, 5), "latent": 2, "activation": "tanh", **settings}
    recipe = GANRecipe(preprocess=("none",), **settings).resolve(spec)
    return recipe, spec, recipe.build(spec, jax.random.key(0))


@pytest.mark.parametrize(("p", "q"), [(0.3, 1.7), (2.0, 0.1), (1.0, 1.0)])
def test_the_best_score_at_a_point(p, q):
    """log p/q, so that D = p / (p + q); for a margin the sign of p - q."""
    for name in ("minimax", "non-saturating", "hinge"):
        pay = LOSSES[name]
        line = np.linspace(-5, 5, 4001)
        cost = p * np.asarray(pay.real(jnp.asarray(line))) + q * np.asarray(
            pay.fake(jnp.asarray(line))
        )
        best = line[np.argmin(cost)]
        if name == "hinge":
            # Where both are as likely any score within the margin is as good.
            assert p == q or best == pytest.approx(np.sign(p - q), abs=3e-3)
        else:
            assert 1 / (1 + np.exp(-best)) == pytest.approx(p / (p + q), abs=1e-3)


def test_the_value_at_the_best_score_is_a_divergence():
    """E log D + E log(1 - D) = 2 JSD - log 4 (Goodfellow and others, 2014)."""
    line = np.linspace(-12, 14, 4001)
    p, q = stats.norm(0, 1).pdf(line), stats.norm(1.5, 0.7).pdf(line)
    step = line[1] - line[0]
    pay = LOSSES["non-saturating"]
    t = jnp.asarray(np.log(p) - np.log(q), "float32")
    value = np.sum(p * np.asarray(pay.real(t)) + q * np.asarray(pay.fake(t))) * step
    m = (p + q) / 2
    jsd = np.sum(p * np.log(p / m) + q * np.log(q / m)) * step / 2
    assert value == pytest.approx(np.log(4) - 2 * jsd, abs=1e-5)


def test_which_generator_still_learns_where_nobody_believes_it():
    """By the score: -sigmoid(t) of log(1 - D), which vanishes, and sigmoid(t) - 1 of -log D."""
    t = jnp.asarray(-9.0)
    slopes = {name: float(jax.grad(lambda t, n=name: LOSSES[n].generator(t))(t)) for name in LOSSES}
    d = 1 / (1 + np.exp(9.0))
    assert slopes["minimax"] == pytest.approx(-d, rel=1e-4)
    assert slopes["non-saturating"] == pytest.approx(d - 1, rel=1e-5)
    assert slopes["wasserstein"] == slopes["hinge"] == -1


def plainly(model, batch, codes, name):
    """Both losses as two functions of their own, and the gradient of each player's by its own."""
    softplus = jax.nn.softplus

    def scores(discriminator, events):
        return jnp.stack(
            [
                discriminator(x, None if batch.condition is None else batch.condition[i])[0]
                for i, x in enumerate(events)
            ]
        )

    def draw(generator):
        return jnp.stack(
            [
                generator(z, None if batch.condition is None else batch.condition[i])
                for i, z in enumerate(codes)
            ]
        )

    w = batch.weight / batch.size

    def told(discriminator, generator):
        real, fake = scores(discriminator, batch.event), scores(discriminator, draw(generator))
        if name == "non-saturating":
            return jnp.sum(w * (softplus(-real) + softplus(fake)))
        return jnp.sum(w * (fake - real))

    def convinced(generator, discriminator):
        fake = scores(discriminator, draw(generator))
        return jnp.sum(w * (softplus(-fake) if name == "non-saturating" else -fake))

    @eqx.filter_jit
    def gradients(generator, discriminator):
        return (
            eqx.filter_grad(told)(discriminator, generator),
            eqx.filter_grad(convinced)(generator, discriminator),
        )

    return gradients(model.generator, model.discriminator)


@eqx.filter_jit
def gradient_of(objective, model, batch, step, key):
    return eqx.filter_grad(lambda m: objective(m, batch, None, step, key)[0])(model)


@pytest.mark.parametrize("name", ["non-saturating", "wasserstein"])
def test_each_player_follows_its_own_loss(name):
    """One gradient of one objective against two gradients of two."""
    _, _, model = built(condition=1)
    rng = np.random.default_rng(0)
    events, condition = (jnp.asarray(rng.normal(size=(4, n)), "float32") for n in (3, 1))
    # The last event is padding.
    batch = batch_of(events, condition, weight=np.float32([0.5, 1.5, 1, 0]))
    key = jax.random.key(3)
    objective = TwoPlayers(name)
    found = gradient_of(objective, model, batch, jnp.int32(0), key)
    codes = jax.random.normal(jax.random.split(key)[0], (4, 2))
    told, convinced = plainly(model, batch, codes, name)
    for ours, theirs in ((found.discriminator, told), (found.generator, convinced)):
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-6)
    # At steps at which the generator rests, it is told nothing.
    rare = TwoPlayers(name, every=3)
    for step, moves in ((1, False), (2, True)):
        at = gradient_of(rare, model, batch, jnp.int32(step), key)
        bias = at.generator.layers[-1].bias
        expected = found.generator.layers[-1].bias if moves else 0 * bias
        np.testing.assert_allclose(bias, expected, atol=1e-7)


@pytest.mark.parametrize("constraint", ["gradient-penalty", "zero-centred"])
def test_penalties_on_slopes(constraint, double_precision):
    """The slope by differences; the gradient of the penalty by the weights likewise."""
    _, _, model = built(loss="non-saturating", constraint=constraint, dtype="float64")
    events = np.random.default_rng(1).normal(size=(3, 3))
    batch = batch_of(events)
    key = jax.random.key(5)
    objective = TwoPlayers("non-saturating", constraint, 1.0)

    @eqx.filter_jit
    def penalty(model):
        return objective(model, batch, None, jnp.int32(0), key)[2]["penalty"]

    key_codes, key_between = jax.random.split(key)
    points = events
    if constraint == "gradient-penalty":
        codes = jax.random.normal(key_codes, (3, 2), "float64")
        samples = np.asarray(jax.jit(jax.vmap(model.generate))(codes))
        share = np.asarray(jax.random.uniform(key_between, (3, 1), "float64"))
        points = share * events + (1 - share) * samples

    def expected(discriminator):
        compiled = jax.jit(lambda x: discriminator(x)[0])

        def score(x):
            return float(compiled(jnp.asarray(x)))

        slopes = np.array([optimize.approx_fprime(x, score, 1e-7) for x in points])
        squared = np.sum(slopes**2, 1)
        if constraint == "gradient-penalty":
            return np.mean((np.sqrt(squared) - 1) ** 2)
        return np.mean(squared) / 2

    assert float(penalty(model)) == pytest.approx(expected(model.discriminator), rel=1e-5)
    weight = model.discriminator.layers[0].weight
    ours = eqx.filter_jit(eqx.filter_grad(penalty))(model).discriminator.layers[0].weight

    def moved(step):
        return eqx.tree_at(
            lambda m: m.discriminator.layers[0].weight, model, weight.at[2, 1].add(step)
        )

    along = (penalty(moved(1e-5)) - penalty(moved(-1e-5))) / 2e-5
    assert float(ours[2, 1]) == pytest.approx(float(along), rel=1e-5)


def test_spectral_norms_are_those_of_a_decomposition():
    _, _, model = built(loss="hinge", net="mlp", hidden=(30, 20))
    net = model.discriminator
    directions = first_directions(net)
    follow = eqx.filter_jit(followed)
    for _ in range(60):
        normalised, directions = follow(net, directions)
    for w, ours, exact in zip(*map(matrices, (net, normalised, exactly(net))), strict=True):
        largest = np.linalg.svd(np.asarray(w, float), compute_uv=False)[0]
        np.testing.assert_allclose(exact, w / largest, rtol=1e-5)
        # The second singular value is near the first: sixty steps leave a thousandth or less.
        np.testing.assert_allclose(ours, w / largest, rtol=2e-3)
    # One iteration from a first guess, and no gradient through it: d sigma / dW = u v'.
    weight, begun = np.asarray(net.layers[0].weight, float), first_directions(net)
    v = np.asarray(begun[0]) @ weight
    v /= np.linalg.norm(v)
    u = weight @ v / np.linalg.norm(weight @ v)
    sigma = u @ weight @ v

    def total(w):
        moved = eqx.tree_at(lambda n: n.layers[0].weight, net, w)
        return jnp.sum(followed(moved, begun)[0].layers[0].weight)

    expected = 1 / sigma - np.sum(weight) / sigma**2 * np.outer(u, v)
    found = jax.jit(jax.grad(total))(net.layers[0].weight)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert model.spectral
    x = jnp.ones(3)
    np.testing.assert_allclose(model.score(x), exactly(net)(x)[0], rtol=1e-6)


def test_distances_coverage_and_spread_are_those_of_numpy():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, 3)), 1.3 * rng.normal(size=(40, 3)) + 0.2
    weight = np.where(np.arange(40) < 33, rng.uniform(0.5, 2, 40), 0)
    args = (jnp.asarray(a, "float32") for a in (x, y, weight))
    found = {name: float(value) for name, value in compared(*args).items()}
    w = np.outer(weight, weight)
    own = np.where(np.eye(40), 0, w)
    between = np.average(cdist(x, y), weights=w)
    among = [np.average(cdist(a, a), weights=own) for a in (x, y)]
    assert found["distance"] == pytest.approx(2 * between - sum(among), abs=1e-5)
    assert found["spread"] == pytest.approx(among[0] / among[1], rel=1e-5)
    even = jnp.asarray(weight > 0, "float32")
    plain = compared(jnp.asarray(x, "float32"), jnp.asarray(y, "float32"), even)
    expected = 1 - neighbourhoods(y[:33], x[:33]).coverage.value / coverage_by_chance(33, 33)
    assert float(plain["missed"]) == pytest.approx(expected, abs=1e-5)


def test_coverage_by_chance():
    """Of draws of one distribution, whatever it is."""
    rng = np.random.default_rng(3)
    values = [neighbourhoods(*rng.exponential(size=(2, 60, 2))).coverage.value for _ in range(400)]
    # The mean of 400 independent coverages, three standard errors.
    error = np.std(values) / 20
    assert abs(np.mean(values) - coverage_by_chance(60, 60)) < 3 * error
    assert float(by_chance(jnp.float32(60))) == pytest.approx(coverage_by_chance(60, 60), abs=1e-6)
