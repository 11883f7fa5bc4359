"""The variational autoencoder against quadrature, enumeration and probabilistic PCA."""

from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

import ansatz
from ansatz.models.vae import VAE, VAERecipe
from ansatz.models.vae import evidence as vae_evidence
from ansatz.models.vae.estimator import ESTIMATORS
from ansatz.models.vae.objective import Beta, NegativeBound
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch

PIXELS = 3
EVENTS = np.array(list(product([0.0, 1.0], repeat=PIXELS)), np.float32)
KINDS = {
    "binary": {"levels": (2,), "lowest": (0.0,), "highest": (1.0,)},
    "whole": {"levels": (17,), "lowest": (0.0,), "highest": (16.0,)},
    "unit": {"levels": (0,), "lowest": (0.0,), "highest": (1.0,)},
    "real": {"levels": (0,), "lowest": (-3.0,), "highest": (4.0,)},
}
SETTINGS = {"latent": 1, "hidden": (4,), "likelihood": ("bernoulli",), "activation": "tanh"}


@pytest.fixture(scope="module")
def model() -> VAE:
    """A VAE of three pixels and one latent, with a prior that is not standard.

    The decoder's weights are large, so that the posterior is no Gaussian; the encoder's are
    small and its width is the prior's, so that importance weights have a variance.
    """
    recipe = VAERecipe(**SETTINGS, prior_mean=(0.4,), prior_scale=(0.8,))
    built = recipe.build(Spec(shape=(PIXELS,), **KINDS["binary"]), jax.random.key(3))
    last = built.encoder.net.layers[-1]
    return eqx.tree_at(
        lambda m: (m.encoder.net.layers[-1], m.decoder.net.layers[0].weight),
        built,
        (
            eqx.tree_at(
                lambda layer: (layer.weight, layer.bias),
                last,
                (0.3 * last.weight, jnp.array([0.3, 0.4])),
            ),
            3 * built.decoder.net.layers[0].weight,
        ),
    )


class Quadrature:
    """The same model in NumPy, every integral over the latent on a fine grid."""

    def __init__(self, model: VAE) -> None:
        self.z = np.linspace(-7, 7, 4001)
        self.log_prior = stats.norm(0.4, 0.8).logpdf(self.z)
        logits = _net(model.decoder.net, self.z[:, None])
        self.log_likelihood = (
            EVENTS @ special.log_expit(logits).T + (1 - EVENTS) @ special.log_expit(-logits).T
        )
        raw = _net(model.encoder.net, EVENTS)
        self.posterior = stats.norm(raw[:, :1], np.logaddexp(0, raw[:, 1:]))
        self.q = self.posterior.pdf(self.z)

    def integral(self, values: np.ndarray) -> np.ndarray:
        return integrate.simpson(values, x=self.z, axis=-1)

    def log_prob(self) -> np.ndarray:
        return np.log(self.integral(np.exp(self.log_prior + self.log_likelihood)))

    def divergence(self) -> np.ndarray:
        return self.integral(self.q * (self.posterior.logpdf(self.z) - self.log_prior))

    def elbo(self) -> np.ndarray:
        return self.integral(self.q * self.log_likelihood) - self.divergence()


def _net(net, x: np.ndarray) -> np.ndarray:
    first, last = net.layers
    hidden = np.tanh(x @ np.asarray(first.weight).T + np.asarray(first.bias))
    return hidden @ np.asarray(last.weight).T + np.asarray(last.bias)


@pytest.fixture(scope="module")
def exact(model) -> Quadrature:
    return Quadrature(model)


@eqx.filter_jit
def bounds(model: VAE, keys, samples: int):
    """The bound of every event for every key, (keys, events)."""

    def one(key, event):
        return model.bound(event, key=key, samples=samples)

    return jax.vmap(lambda key: jax.vmap(one, (None, 0))(key, jnp.asarray(EVENTS)))(keys)


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(values, float)
    return values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))


def test_probabilities_of_all_events_sum_to_one(exact):
    assert np.exp(exact.log_prob()).sum() == pytest.approx(1, abs=1e-6)


def batch_of(events) -> Batch:
    count = len(events)
    return Batch(jnp.asarray(events), None, jnp.ones(count), jnp.asarray(float(count)))


def loss_of(model, batch, key=0, step=0, **settings):
    """The value and the metrics of the objective."""
    objective = NegativeBound(**{"beta": Beta(1.0), "estimator": PLAIN, **settings})
    value, _, metrics = objective(model, batch, None, jnp.asarray(step), jax.random.key(key))
    return value, metrics


PLAIN = ESTIMATORS["reparameterised"]


def test_both_terms_of_the_elbo_agree_with_quadrature(model, exact):
    @eqx.filter_jit
    def terms(model, event, keys):
        batch = batch_of(event[None])
        objective = NegativeBound(Beta(1.0), PLAIN)
        return jax.vmap(lambda k: objective(model, batch, None, jnp.asarray(0), k)[2])(keys)

    keys = jax.random.split(jax.random.key(0), 4000)
    wanted = exact.integral(exact.q * exact.log_likelihood)
    for event in (0, 5):
        metrics = terms(model, jnp.asarray(EVENTS[event]), keys)
        # The divergence is exact, the same for every key.
        np.testing.assert_allclose(metrics["kl"][0], exact.divergence()[event], rtol=1e-4)
        mean, error = mean_and_error(metrics["reconstruction"])
        assert np.abs(mean + wanted[event]) < 4 * error
        np.testing.assert_allclose(
            metrics["loss"], metrics["kl"] + metrics["reconstruction"], rtol=1e-5
        )


def test_the_bound_with_one_draw_is_the_elbo(model, exact):
    mean, error = mean_and_error(bounds(model, jax.random.split(jax.random.key(1), 4000), 1))
    assert np.all(np.abs(mean - exact.elbo()) < 4 * error)


def test_the_bound_rises_with_draws_and_never_passes_log_p(model, exact):
    means = [exact.elbo()]
    for samples, repeats in [(3, 4000), (30, 1000)]:
        keys = jax.random.split(jax.random.key(samples), repeats)
        mean, error = mean_and_error(bounds(model, keys, samples))
        assert np.all(mean > means[-1] - 3 * error)
        assert np.all(mean < exact.log_prob() + 4 * error)
        means.append(mean)
    assert means[1].sum() > means[0].sum()


def test_the_bound_with_many_draws_is_log_p(model, exact):
    got = bounds(model, jax.random.split(jax.random.key(5), 32), 5000)
    mean, error = mean_and_error(got)
    # The bound lies below log p by half the variance of the mean weight over its square, which
    # is half the variance of the bound itself: below 1e-4 where the error allows to see it.
    assert np.all(error < 0.005)
    assert np.all(np.abs(mean - exact.log_prob()) < 4 * error + 1e-3)


@pytest.mark.parametrize("at_once", [1, 7, 64])
def test_the_bound_does_not_depend_on_how_many_draws_are_held_at_once(model, monkeypatch, at_once):
    key, event = jax.random.key(2), jnp.asarray(EVENTS[5])
    whole = model.bound(event, key=key, samples=23)
    monkeypatch.setattr(vae_evidence, "DRAWS_AT_ONCE", at_once)
    np.testing.assert_allclose(model.bound(event, key=key, samples=23), whole, rtol=1e-5)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_objective_weighs_the_divergence_by_beta(model, beta):
    loss, metrics = loss_of(model, batch_of(EVENTS), beta=Beta(beta))
    np.testing.assert_allclose(loss, metrics["reconstruction"] + beta * metrics["kl"], rtol=1e-6)


def test_beta_rises_and_the_reported_loss_is_at_its_end(model):
    batch = batch_of(EVENTS)
    plain, metrics = loss_of(model, batch, beta=Beta(2.0))
    for step, share in [(0, 0.0), (5, 0.5), (10, 1.0), (30, 1.0)]:
        loss, shown = loss_of(model, batch, step=step, beta=Beta(2.0, warmup=10))
        wanted = metrics["reconstruction"] + 2 * share * metrics["kl"]
        np.testing.assert_allclose(loss, wanted, rtol=1e-6)
        np.testing.assert_allclose(shown["loss"], plain, rtol=1e-6)


def test_free_bits_charge_every_latent_its_nats_at_least(model, exact):
    mean = exact.divergence().mean()
    for free in (0.5 * mean, 2 * mean):
        loss, metrics = loss_of(model, batch_of(EVENTS), free_bits=free)
        wanted = float(metrics["reconstruction"]) + max(mean, free)
        np.testing.assert_allclose(loss, wanted, rtol=1e-4)
        np.testing.assert_allclose(metrics["kl"], mean, rtol=1e-4)


def test_weights_count_events(model):
    """Weight two for one event and none for another is that event twice."""
    batch = Batch(jnp.asarray(EVENTS[:2]), None, jnp.asarray([2.0, 0.0]), jnp.asarray(2.0))
    alone = Batch(jnp.asarray(EVENTS[:2]), None, jnp.asarray([1.0, 0.0]), jnp.asarray(1.0))
    np.testing.assert_allclose(loss_of(model, batch)[0], loss_of(model, alone)[0], rtol=1e-6)


def ppca_log_likelihood(events: np.ndarray, latent: int) -> float:
    """Mean log-likelihood of probabilistic PCA at its maximum, in NumPy and SciPy alone."""
    covariance = np.cov(events.T, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    noise = values[:-latent].mean()
    leading = vectors[:, -latent:]
    model = leading @ np.diag(values[-latent:] - noise) @ leading.T + noise * np.eye(len(values))
    return stats.multivariate_normal(events.mean(0), model).logpdf(events).mean()


@pytest.mark.slow
def test_a_linear_gaussian_vae_reaches_probabilistic_pca():
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(2, 5)) * np.array([[2.0], [1.0]])
    events = generator.normal(size=(1000, 2)) @ mixing + 0.5 * generator.normal(size=(1000, 5)) + 3
    run = ansatz.fit(
        "vae",
        events.astype(np.float32),
        latent=2,
        hidden=(),
        likelihood=("normal",),
        preprocess=("none",),
        validation=0.0,
        test=0.0,
        batch=100,
        epochs=500,
        rate=0.02,
        schedule="cosine",
        quiet=True,
    )
    bound = run.log_likelihood(events, samples=200)
    exact = ppca_log_likelihood(events, 2)
    error = bound.std() / np.sqrt(len(bound))
    assert error < 0.1
    assert abs(bound.mean() - exact) < 0.01


def test_the_prior_stays_as_it_was_given():
    run = ansatz.fit(
        "vae", "moons", latent=2, hidden=(8,), prior_mean=(1.0, -1.0), prior_scale=(0.5,),
        epochs=1, optimiser="adamw", weight_decay=0.1, quiet=True,
    )  # fmt: skip
    np.testing.assert_array_equal(run.model.prior.mean(), [1.0, -1.0])
    np.testing.assert_allclose(run.model.prior.variance(), [0.25, 0.25])


@pytest.mark.parametrize(
    ("settings", "scale"),
    [({"variance": "fixed", "sigma": 0.3}, 0.3), ({"variance": "learnt", "sigma": 2.0}, 2.0)],
)
def test_a_normal_likelihood_has_the_scale_asked_for(settings, scale):
    recipe = VAERecipe(latent=2, hidden=(), likelihood=("normal",), **settings)
    model = recipe.build(Spec(shape=(4,)), jax.random.key(0))
    event, code = jnp.arange(4.0), jnp.array([0.3, -1.0])
    got = model.decoder(code).log_prob(event)
    wanted = stats.norm(np.asarray(model.decode(code)), scale).logpdf(np.arange(4.0)).sum()
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_each_number_may_have_a_variance_of_its_own():
    recipe = VAERecipe(latent=2, hidden=(), likelihood=("normal",), variance="each")
    model = recipe.build(Spec(shape=(4,)), jax.random.key(0))
    variances = model.decoder(jnp.array([1.0, -2.0])).variance()
    assert len(np.unique(np.asarray(variances))) == 4


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal", "logistic"])
def test_the_decoder_starts_at_the_mean_of_the_events(likelihood):
    recipe = VAERecipe(latent=2, hidden=(4,), likelihood=(likelihood,))
    spec = Spec(shape=(2, 3), **KINDS["unit"])
    events = jax.random.uniform(jax.random.key(1), (500, 2, 3)) * 0.5 + 0.2
    batch = Batch(events, None, jnp.ones(500), jnp.asarray(500.0))
    model = recipe.initialise(recipe.build(spec, jax.random.key(0)), batch, jax.random.key(1))
    # With its weights at zero the last layer gives its bias alone.
    silent = eqx.tree_at(
        lambda m: m.decoder.net.layers[-1].weight, model, replace_fn=jnp.zeros_like
    )
    np.testing.assert_allclose(silent.decode(jnp.ones(2)), events.mean(0), rtol=1e-4)


def test_encoder_and_decoder_see_the_condition():
    recipe = VAERecipe(latent=2, hidden=(4,), likelihood=("normal",))
    spec = Spec(shape=(3,), condition=2)
    model = recipe.build(spec, jax.random.key(0))
    event, one, other = jnp.ones(3), jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
    assert not np.allclose(model.encode(event, one), model.encode(event, other))
    assert not np.allclose(model.decode(jnp.ones(2), one), model.decode(jnp.ones(2), other))


@pytest.mark.parametrize(
    ("shape", "kind", "likelihood", "preprocess"),
    [
        ((8, 8), "whole", "bernoulli", ("scale", "binarise")),
        ((8, 8), "unit", "bernoulli", ("binarise",)),
        ((8, 8), "binary", "bernoulli", ("none",)),
        ((8, 8), "real", "normal", ("standardise",)),
        ((5,), "binary", "bernoulli", ("none",)),
        ((5,), "whole", "normal", ("standardise",)),
        ((5,), "real", "normal", ("standardise",)),
    ],
)
def test_what_auto_chooses(shape, kind, likelihood, preprocess):
    found = VAERecipe().resolve(Spec(shape=shape, **KINDS[kind]))
    assert (found.likelihood, found.preprocess) == ((likelihood,), preprocess)
    assert found.resolve(Spec(shape=shape, **KINDS[kind])) == found


@pytest.mark.parametrize(
    ("steps", "kind", "likelihood"),
    [
        (("dequantise", "scale"), "whole", "normal"),
        (("scale", "binarise"), "whole", "bernoulli"),
        (("scale", "threshold=0.3"), "whole", "bernoulli"),
        (("none",), "unit", "normal"),
        (("none",), "binary", "bernoulli"),
        (("dequantise", "scale"), "binary", "normal"),
    ],
)
def test_auto_suits_what_steps_that_were_asked_for_make_of_images(steps, kind, likelihood):
    found = VAERecipe(preprocess=steps).resolve(Spec(shape=(8, 8), **KINDS[kind]))
    assert (found.likelihood, found.preprocess) == ((likelihood,), steps)


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        (
            {"likelihood": ("bernoulli",), "preprocess": ("scale",)},
            "whole",
            "end --preprocess with",
        ),
        ({"likelihood": ("bernoulli",), "preprocess": ("none",)}, "unit", "zeros and ones"),
        ({"likelihood": ("normal",), "preprocess": ("binarise",)}, "unit", "need a Bernoulli"),
    ],
)
def test_a_likelihood_that_does_not_fit_the_events_is_refused(settings, kind, words):
    with pytest.raises(ansatz.AnsatzError, match=words):
        VAERecipe(**settings).resolve(Spec(shape=(4, 4), **KINDS[kind]))


@pytest.mark.parametrize(
    "settings",
    [
        {"latent": 0},
        {"hidden": (0,)},
        {"dropout": 1.0},
        {"sigma": 0.0},
        {"beta": -1.0},
        {"latent": 3, "prior_mean": (0.0, 1.0)},
        {"prior_scale": (-1.0,)},
        {"groups": {"encodr": {"rate": 1.0}}},
        {"groups": {"encoder": {"rat": 1.0}}},
    ],
)
def test_settings_that_make_no_model_are_refused(settings):
    with pytest.raises(ansatz.AnsatzError):
        VAERecipe(**settings)


def test_a_part_of_the_model_may_stand_still():
    events = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    common = {"latent": 1, "hidden": (4,), "quiet": True}
    before = ansatz.fit("vae", events, **common, epochs=1, groups={"encoder": {"last": 0}})
    after = ansatz.fit("vae", events, **common, epochs=2, groups={"encoder": {"last": 0}})
    for one, other in zip(
        jax.tree.leaves(before.model.encoder), jax.tree.leaves(after.model.encoder), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    first, second = (jax.tree.leaves(run.model.decoder) for run in (before, after))
    assert any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_own_nets_plug_in():
    class Reader(eqx.Module):
        layer: eqx.nn.Linear

        def __call__(self, image):
            return self.layer(image.ravel())

    events = (np.random.default_rng(0).random((100, 4, 4)) > 0.5).astype(np.uint8)
    net = Reader(eqx.nn.Linear(16, 4, key=jax.random.key(0)))
    run = ansatz.fit("vae", events, latent=2, hidden=(4,), epochs=1, encoder=net, quiet=True)
    assert run.encode(events).shape == (100, 2)
    wrong = Reader(eqx.nn.Linear(16, 5, key=jax.random.key(0)))
    with pytest.raises(ansatz.AnsatzError, match="gives 5 numbers"):
        ansatz.fit("vae", events, latent=2, hidden=(4,), epochs=1, encoder=wrong, quiet=True)
