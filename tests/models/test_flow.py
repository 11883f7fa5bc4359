"""Flows: densities against what is known, and every mistake a sentence."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import ansatz
from ansatz.bijections import AbstractBijection, Chain, Coupling, Shift
from ansatz.data.toys import Moons
from ansatz.distributions import Logistic, Transformed, entropy
from ansatz.models.flow import Flow, FlowRecipe
from ansatz.models.flow.build import quiet
from ansatz.nets import MLP
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch

SMALL = {"layers": 3, "hidden": (16,), "bins": 5, "quiet": True}


@pytest.fixture(scope="module")
def moons():
    """A small flow of the moons that has learnt a little."""
    return ansatz.fit("flow", "moons", **SMALL, epochs=12, batch=256, rate=5e-3)


@eqx.filter_jit
def log_probs(model, events, condition):
    return jax.vmap(lambda x: model.log_prob(x, condition))(events)


def batch_of(events, condition=None):
    weight = jnp.ones(len(events))
    return Batch(jnp.asarray(events), condition, weight, jnp.asarray(float(len(events))))


def built(shape, condition=0, seed=0, **settings):
    """A flow whose nets do not begin at zero, and its recipe."""
    spec = Spec(shape, condition=condition)
    recipe = FlowRecipe(preprocess=("none",), **settings).resolve(spec)
    model = recipe.build(spec, jax.random.key(seed))
    arrays, rest = eqx.partition(model.bijection, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(arrays)
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    leaves = [a + 0.1 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    moved = eqx.combine(jax.tree.unflatten(tree, leaves), rest)
    return eqx.tree_at(lambda m: m.bijection, model, moved), recipe


def test_a_fitted_density_sums_to_one_and_is_no_better_than_the_truth(moons):
    _, held = moons.held_out()
    found = np.asarray(moons.log_likelihood(held), float)
    truth = Moons().log_prob(held.events)
    gap = found - truth
    # No density is better than the truth in the mean; of 1000 events it may be by chance.
    assert gap.mean() < 3 * gap.std() / len(gap) ** 0.5
    # And it has learnt more than the Gaussian of the same covariance knows.
    gaussian = stats.multivariate_normal(held.events.mean(0), np.cov(held.events.T))
    assert found.mean() > gaussian.logpdf(held.events).mean() + 0.3
    line = np.linspace(-5, 5, 201)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2).astype(np.float32)
    total = np.exp(moons.log_likelihood(grid), dtype=float).sum() * 0.05**2
    # The trapezoidal rule, on a density with jumps in its second derivative.
    np.testing.assert_allclose(total, 1, atol=0.01)


def test_samples_come_from_the_density(moons):
    """Their histogram against the density, bin by bin."""
    n = 4000
    drawn = moons.sample(n, seed=3)
    edges = np.linspace(-2, 3, 11)
    counts = np.histogram2d(*drawn.T, (edges, edges))[0]
    fine = np.linspace(-2, 3, 101)
    fine = (fine[1:] + fine[:-1]) / 2
    grid = np.stack(np.meshgrid(fine, fine, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(moons.log_likelihood(grid.astype(np.float32)), dtype=float)
    expected = n * density.reshape(10, 10, 10, 10).sum((1, 3)) * 0.05**2
    seen = expected > 5
    # Chi-squared with as many degrees of freedom as bins: its quantile at one in a thousand,
    # and a tenth more for the integral over a bin.
    statistic = np.sum((counts - expected)[seen] ** 2 / expected[seen])
    assert statistic < 1.1 * stats.chi2.ppf(0.999, seen.sum())


@pytest.mark.parametrize("coupling", ["additive", "spline"])
def test_it_starts_at_the_scales_of_the_events(coupling):
    generator = np.random.default_rng(0)
    events = generator.normal([3, -1, 0], [2, 0.1, 30], (500, 3)).astype(np.float32)
    spec = Spec((3,))
    recipe = FlowRecipe(coupling=coupling, preprocess=("none",), layers=2, hidden=(4,))
    recipe = recipe.resolve(spec)
    model = recipe.build(spec, jax.random.key(0))
    if coupling == "additive":
        # What rotations mix is not diagonal any more; reversals keep numbers apart.
        recipe = FlowRecipe(**{**recipe.settings(), "mixing": "reverse"})
        model = recipe.build(spec, jax.random.key(0))
    model = recipe.initialise(model, batch_of(events), jax.random.key(1))
    expected = stats.norm(events.mean(0), events.std(0)).logpdf(events).sum(1)
    found = log_probs(model, jnp.asarray(events), None)
    inside = np.all(np.abs(events - events.mean(0)) < 4 * events.std(0), 1)
    np.testing.assert_allclose(found[inside], expected[inside], atol=2e-3)
    if coupling == "additive":
        # Evens stand before odds, and what is in reverse then: each layer shifts the last two.
        units = model.bijection.bijections[1].layers.bijections[0].map.unit
        np.testing.assert_allclose(units, events.std(0)[[[2, 1], [2, 0]]], rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((5,), {"mixing": "reverse", "coupling": "affine", "net": "residual", "hidden": (8, 8)}),
        ((3,), {"structure": "inverse-autoregressive", "hidden": (8,), "mixing": "permute"}),
        ((6,), {"net": "conv", "channels": (3,), "circular": True, "coupling": "affine"}),
        ((4, 4), {"net": "conv", "channels": (3,), "levels": 2, "coupling": "affine"}),
        ((2, 5, 6), {"net": "conv", "channels": (2,), "levels": 1, "coupling": "additive"}),
    ],
    ids=["rows", "inverse", "ring", "scales", "colours"],
)
def test_the_density_is_that_of_its_samples(shape, settings):
    """log p of a sample: that of its noise less log |det| of its map, by differentiation."""
    model, _ = built(shape, condition=2, layers=2, **settings)
    condition = jnp.array([0.5, -1.0])

    @eqx.filter_jit
    def everything(model, key):
        p = model(condition)
        x, log_p = p.sample_and_log_prob(key)
        z = model.noise(x, condition)
        jacobian = jax.jacfwd(lambda z: model.bijection.inverse(z, condition)[0])(z)
        log_det = jnp.linalg.slogdet(jacobian.reshape(x.size, x.size))[1]
        other = model.log_prob(x, condition + 1)
        return x, log_p, p.log_prob(x), p.base.log_prob(z) - log_det, other

    x, log_p, again, expected, other = everything(model, jax.random.key(4))
    assert x.shape == shape
    np.testing.assert_allclose(log_p, expected, atol=1e-3)
    np.testing.assert_allclose(again, expected, atol=1e-3)
    assert abs(other - again) > 1e-3


def test_single_numbers_have_noise_beside_them():
    model, _ = built((1,), condition=1, layers=2, hidden=(8,))
    assert model.extended
    line = jnp.linspace(-9, 9, 361)[:, None]
    c = jnp.ones(1)
    log_p = log_probs(model, line, c)
    np.testing.assert_allclose(np.sum(np.exp(log_p, dtype=float)) * 0.05, 1, atol=2e-3)
    draws = jax.jit(jax.vmap(lambda k: model.sample(k, c)))(
        jax.random.split(jax.random.key(0), 2000)
    )
    assert draws.shape == (2000, 1)
    cdf = np.cumsum(np.exp(log_p, dtype=float)) * 0.05
    distance = stats.kstest(np.asarray(draws)[:, 0], lambda x: np.interp(x, line[:, 0], cdf))
    # One in a thousand by chance; the sum's own error is far smaller.
    assert distance.pvalue > 1e-3


def test_a_fit_of_single_numbers_under_a_condition(tmp_path):
    generator = np.random.default_rng(1)
    c = generator.uniform(-1, 1, (1500, 1)).astype(np.float32)
    x = (2 * c + generator.normal(0, 0.5, (1500, 1))).astype(np.float32)
    run = ansatz.fit("flow", (x, c), **SMALL, epochs=8, rate=5e-3, batch=50, test=0.1)
    _, held = run.held_out((x, c))
    truth = stats.norm(2 * held.conditions[:, 0], 0.5).logpdf(held.events[:, 0])
    gap = run.log_likelihood(held) - truth
    assert gap.mean() < 3 * gap.std() / len(gap) ** 0.5
    # Without the condition it would be log(1.26 / 0.5) = 0.92 nats worse.
    assert gap.mean() > -0.15
    assert "noise" not in {figure.name for figure in run.figures((x, c))}


def test_entropy_of_a_flow_that_only_scales():
    events = np.random.default_rng(0).normal(0, [1, 2], (1000, 2)).astype(np.float32)
    recipe = FlowRecipe(layers=1, hidden=(4,), preprocess=("none",)).resolve(Spec((2,)))
    model = recipe.build(Spec((2,)), jax.random.key(0))
    batch = batch_of(events)
    model = recipe.initialise(model, batch, jax.random.key(0))
    (measure,) = recipe.diagnose(model, batch, jax.random.key(0))
    expected = np.log(2 * np.pi * np.e) + np.log(events.std(0)).sum()
    assert abs(measure.value - expected) < 4 * measure.error
    assert 0 < measure.error < 0.05


def test_any_model_is_a_base(moons):
    recipe = FlowRecipe(layers=1, hidden=(4,), preprocess=("none",)).resolve(Spec((2,)))
    model = recipe.build(Spec((2,)), jax.random.key(0), base=moons.model)
    x, log_p = model.sample_and_log_prob(jax.random.key(1))
    np.testing.assert_allclose(model.log_prob(x), log_p, atol=1e-3)
    with pytest.raises(OptionError, match=r"events of shape \(2,\), and the bijection gives noise"):
        recipe.build(Spec((3,)), jax.random.key(0), base=moons.model)
    with pytest.raises(OptionError, match="a Chain has no sample"):
        recipe.build(Spec((2,)), jax.random.key(0), base=Chain(()))


def test_a_flow_is_the_prior_of_a_vae():
    spec = Spec((2,))
    recipe = FlowRecipe(layers=1, hidden=(4,), preprocess=("none",)).resolve(spec)
    prior = recipe.build(spec, jax.random.key(0))
    events = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    more = {"latent": 2, "hidden": (4,), "epochs": 1, "batch": 32, "quiet": True}
    run = ansatz.fit("vae", events, prior=prior, groups={"prior": {}}, **more)
    assert isinstance(run.model.prior, Flow)
    before, after = (m.bijection.bijections[0].shift for m in (prior, run.model.prior))
    assert np.abs(after - before).max() > 0
    assert np.isfinite(run.log_likelihood(events, samples=2)).all()


def test_a_transformed_distribution_is_a_distribution():
    zero = jnp.zeros(2)
    net = quiet(MLP(1, (4,), 1, key=jax.random.key(0)))
    p = Transformed(Logistic(zero, zero + 1), Coupling(Shift(), net), None, (2,))
    assert p.reparameterised
    assert p.shape == (2,)
    found = entropy(p, key=jax.random.key(0), samples=3000)
    # Twice that of a logistic number, 2 nats.
    assert abs(found.value - 4) < 4 * found.error
    np.testing.assert_allclose(p.mean(), 0, atol=0.25)
    np.testing.assert_allclose(p.variance(), np.pi**2 / 3, rtol=0.25)
    np.testing.assert_array_equal(p.point(), zero)
    with pytest.raises(ValueError, match="cannot integrate out"):
        p.log_prob(zero, jnp.ones(2, bool))


def test_figures(moons):
    names = {figure.name for figure in moons.figures()}
    assert {"plane", "marginals", "noise", "typicality"} <= names
    noise = next(f for f in moons.figures() if f.name == "noise")
    for panel in noise.panels:
        for density in panel.densities.values():
            assert 0.9 < np.sum(density * np.diff(panel.edges)) <= 1 + 1e-9


class Doubled(AbstractBijection):
    """A map that says it is its own inverse."""

    scale: jax.Array

    def forward(self, x, condition=None):
        return self.scale * x, x.size * jnp.log(self.scale)

    def inverse(self, y, condition=None):
        return y, -y.size * jnp.log(self.scale)


class Mended(Doubled):
    def inverse(self, y, condition=None):
        return y / self.scale, -y.size * jnp.log(self.scale)


def test_a_bijection_of_ones_own():
    events = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    common = {"quiet": True, "epochs": 3, "validation": 0.0, "preprocess": ("none",)}
    with pytest.raises(OptionError, match="does not invert: on the first 64 events an event comes"):
        ansatz.fit("flow", events, bijection=Doubled(jnp.asarray(2.0)), **common)
    run = ansatz.fit("flow", events, bijection=Mended(jnp.asarray(1.5)), rate=0.05, **common)
    scale = float(run.model.bijection.scale)
    expected = stats.norm(0, 1 / scale).logpdf(events).sum(1)
    np.testing.assert_allclose(run.log_likelihood(events), expected, rtol=1e-4)
    with pytest.raises(OptionError, match=r"cannot map an event of shape \(3,\)"):
        FlowRecipe().build(Spec((3,)), jax.random.key(0), bijection=Mended(jnp.ones(2)))


@pytest.mark.parametrize(
    ("spec", "settings", "words"),
    [
        (Spec((2,), columns=("a", "b"), constant=(1,)), {}, "of 'b' never vary.*--drop"),
        (Spec((2, 2), constant=(3,)), {}, r"1 of the 4 numbers.*\[1, 1\]"),
        (Spec((2,)), {"preprocess": ("binarise",)}, "'dequantise' in place of 'binarise'"),
        (Spec((2, 2, 2, 2)), {"net": "conv"}, "convolutional net takes images"),
        (Spec((6, 4)), {"net": "conv", "levels": 2}, "3 x 2 cannot be squeezed"),
        (Spec((2,)), {"levels": 2}, "--net conv"),
        (Spec((2,)), {"net": "conv", "structure": "autoregressive"}, "masked nets"),
        (Spec((2,)), {"layers": 0}, "layers must be at least 1"),
        (Spec((2,)), {"hidden": (0,)}, "hidden must be at least 1"),
        (Spec((2,)), {"bound": -1.0}, "bound must be positive"),
    ],
)
def test_mistakes(spec, settings, words):
    with pytest.raises(OptionError, match=words):
        FlowRecipe(**settings).resolve(spec)


def test_constant_and_whole_columns_are_named(tmp_path):
    rows = np.random.default_rng(0).normal(size=(300, 2))
    lines = [f"{a},{b},5,{k % 3}" for k, (a, b) in enumerate(rows)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,n", *lines]) + "\n")
    with pytest.raises(OptionError, match="The numbers of 'c' never vary"):
        ansatz.fit("flow", tmp_path / "t.csv", **SMALL, epochs=1)
    with pytest.warns(UserWarning, match="The numbers of 'n' are whole"):
        ansatz.fit("flow", tmp_path / "t.csv", **SMALL, epochs=1, drop=("c",))


def test_what_auto_stands_for():
    assert FlowRecipe().resolve(Spec((3,))).mixing == "orthogonal"
    assert FlowRecipe().resolve(Spec((100,))).mixing == "permute"
    assert FlowRecipe().resolve(Spec((10, 10))).mixing == "reverse"
    image = Spec((8, 8), levels=(17,), lowest=(0.0,), highest=(16.0,), constant=(0,))
    assert FlowRecipe().resolve(image).preprocess == ("dequantise", "scale", "logit=0.01")
    assert FlowRecipe(coupling="additive").resolve(image).preprocess == ("dequantise", "scale")
    assert issubclass(FlowRecipe.family, Flow)
    zeros = jnp.zeros(2)
    model = FlowRecipe(base="logistic", mixing="reverse").build(Spec((2,)), jax.random.key(0))
    expected = Logistic(zeros, zeros + 1).log_prob(zeros)
    np.testing.assert_allclose(model.base.log_prob(zeros), expected)
