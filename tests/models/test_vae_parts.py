"""Priors, stochastic layers, evidence, refinement and diagnostics, each against another way."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

import ansatz
from ansatz.distributions import Bernoulli, NormalHead
from ansatz.evaluate.judge import judge
from ansatz.models.reduce import PCA, PCARecipe
from ansatz.models.vae import VAERecipe
from ansatz.models.vae import evidence as vae_evidence
from ansatz.models.vae.bound_figures import DRAWS, bounds
from ansatz.models.vae.diagnostics import active_latents, gaps, kl_per_latent, spent
from ansatz.models.vae.prior import LearntPrior, check_prior
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject

SPEC = Spec(shape=(3,), levels=(2,), lowest=(0.0,), highest=(1.0,))
EVENT = jnp.array([1.0, 0.0, 1.0])
TINY = {"hidden": (3,), "activation": "tanh", "likelihood": ("bernoulli",)}


def built(spec=SPEC, **settings):
    return VAERecipe(**{**TINY, **settings}).build(spec, jax.random.key(2))


def batch_of(events):
    ones = jnp.ones(len(events))
    return Batch(jnp.asarray(events), None, ones, jnp.sum(ones))


# What K weights say.


@pytest.mark.parametrize(("samples", "lanes"), [(12, 4), (11, 4), (3, 50)])
def test_evidence_is_that_of_all_weights_at_once(monkeypatch, samples, lanes):
    """Bound, delete-a-lane jackknife and effective draws by the definitions, in NumPy."""
    monkeypatch.setattr(vae_evidence, "DRAWS_AT_ONCE", lanes)
    key = jax.random.key(0)
    found = vae_evidence.evidence(lambda k: 2 * jax.random.normal(k) - 300, key, samples)
    each = jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(key, i)))(jnp.arange(samples))
    s = 2 * np.asarray(each, float) - 300
    bound = special.logsumexp(s) - np.log(samples)
    lane = np.arange(samples) % lanes
    corrected = len(np.unique(lane)) * bound
    for g in np.unique(lane):
        kept = s[lane != g]
        share = 1 - np.mean(lane == g)
        corrected -= share * (special.logsumexp(kept) - np.log(len(kept)))
    w = np.exp(s - s.max())
    np.testing.assert_allclose(found.bound, bound, rtol=1e-6)
    # Many bounds nearly cancel: of numbers near 300 float32 keeps five digits behind the point.
    np.testing.assert_allclose(found.corrected, corrected, atol=2e-3)
    np.testing.assert_allclose(found.effective, w.sum() ** 2 / (w**2).sum(), rtol=1e-4)


def test_the_correction_takes_away_most_of_the_bias():
    """Weights exp(s - 1/2), s standard normal, have mean one: log p is known to be zero."""
    keys = jax.random.split(jax.random.key(1), 20_000)
    found = jax.jit(
        jax.vmap(lambda k: vae_evidence.evidence(lambda k: jax.random.normal(k) - 0.5, k, 40))
    )(keys)
    bound, corrected = (np.asarray(x, float) for x in (found.bound, found.corrected))
    error = corrected.std() / np.sqrt(len(keys))
    # To first order the bias is -Var(w) / 2K = -(e - 1) / 80.
    assert bound.mean() == pytest.approx(-(np.e - 1) / 80, abs=4 * error + 0.005)
    assert abs(corrected.mean()) < 0.2 * abs(bound.mean()) + 4 * error


def test_a_single_weight_corrects_nothing():
    found = vae_evidence.evidence(jax.random.normal, jax.random.key(0), 1)
    assert found.corrected == found.bound
    np.testing.assert_allclose(found.effective, 1, rtol=1e-6)


def test_bounds_at_every_k_are_means_over_groups():
    s = np.random.default_rng(0).normal(size=(3, DRAWS[-1])) * 3
    values, effective = bounds(s)
    for k, value, worth in zip(DRAWS, values, effective, strict=True):
        groups = s.reshape(-1, k)
        assert value == pytest.approx((special.logsumexp(groups, 1) - np.log(k)).mean())
        w = special.softmax(groups, 1)
        assert worth == pytest.approx((1 / (w**2).sum(1)).mean())


# Priors.


def test_the_gradients_of_a_trainable_normal_prior_are_those_in_closed_form():
    """Of E_q[log r(z)] for q = N(m, s^2), in the mean and in the variance of r."""
    m, s, mean, variance = 0.7, 0.5, -0.2, 1.7
    head = NormalHead((1,))
    # softplus(raw) = sqrt(variance)
    raw = jnp.array([[mean, np.log(np.expm1(np.sqrt(variance)))]], jnp.float32)
    x, w = np.polynomial.hermite_e.hermegauss(20)
    codes, w = jnp.asarray(m + s * x, float)[:, None], jnp.asarray(w / w.sum(), float)

    def expected(raw):
        prior = LearntPrior(raw, jnp.zeros(1), head).given(None, None)
        return jnp.sum(w * jax.vmap(prior.log_prob)(codes))

    by_mean, by_raw = np.asarray(jax.grad(expected)(raw), float)[0]
    np.testing.assert_allclose(by_mean, (m - mean) / variance, rtol=1e-4)
    wanted = ((s**2 + (m - mean) ** 2) / variance - 1) / (2 * variance)
    # d variance / d raw = 2 sqrt(variance) * sigmoid(raw)
    slope = 2 * np.sqrt(variance) * special.expit(float(raw[0, 1]))
    np.testing.assert_allclose(by_raw, wanted * slope, rtol=1e-4)


def test_a_learnt_mixture_is_the_mixture_of_scipy():
    model = built(latent=2, prior="learnt:3", prior_scale=(0.5,))
    prior = eqx.tree_at(lambda p: p.logits, model.prior, jnp.array([0.5, -1.0, 0.2]))
    z = np.array([0.3, -0.8])
    means = np.asarray(prior.raw[:, :2], float)
    each = stats.norm(means, 0.5).logpdf(z).sum(1)
    wanted = special.logsumexp(each + special.log_softmax([0.5, -1.0, 0.2]))
    got = prior.given(None, None).log_prob(jnp.asarray(z, jnp.float32))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    # Components that began alike would never part.
    assert len(np.unique(means[:, 0])) == 3


def test_a_vamp_prior_is_the_mean_of_the_posteriors_of_its_inputs():
    recipe = VAERecipe(**TINY, latent=2, prior="vamp:3")
    events = (jax.random.uniform(jax.random.key(0), (10, 3)) > 0.5).astype(jnp.float32)
    model = recipe.initialise(
        recipe.build(SPEC, jax.random.key(1)), batch_of(events), jax.random.key(2)
    )
    z = jnp.array([0.3, -0.8])
    each = [model.posterior(event).log_prob(z) for event in events[:3]]
    wanted = special.logsumexp(np.asarray(each, float)) - np.log(3)
    np.testing.assert_allclose(model.code_prior().log_prob(z), wanted, rtol=1e-5)


def test_a_model_of_another_family_is_a_prior(tmp_path):
    """It enters the bound as its own log_prob says, stands still, and is asked for again."""
    pca = PCARecipe(latent=1).build(Spec(shape=(2,)), jax.random.key(0))
    pca = eqx.tree_at(lambda p: (p.mean, p.noise), pca, (jnp.array([0.5, -0.5]), jnp.array(0.3)))
    events = (np.random.default_rng(0).random((60, 3)) > 0.5).astype(np.float32)
    run = ansatz.fit(
        "vae", events, latent=2, prior=pca, epochs=1, out=tmp_path / "run", quiet=True,
        optimiser="adamw", weight_decay=0.1, **TINY,
    )  # fmt: skip
    again = ansatz.load(tmp_path / "run", prior=pca)
    assert isinstance(again.model.prior, PCA)
    for mine, given in zip(jax.tree.leaves(again.model.prior), jax.tree.leaves(pca), strict=True):
        np.testing.assert_array_equal(mine, given)
    np.testing.assert_array_equal(run.sample(3), again.sample(3))
    with pytest.raises(ansatz.AnsatzError, match="prior="):
        ansatz.load(tmp_path / "run")


def test_what_cannot_be_a_prior_is_refused():
    pca = PCARecipe(latent=1).build(Spec(shape=(2,)), jax.random.key(0))
    with pytest.raises(OptionError, match=r"events of shape \(2,\), and a code has shape \(3,\)"):
        check_prior(pca, 3)
    with pytest.raises(OptionError, match="a MLP has no sample"):
        check_prior(eqx.nn.MLP(2, 2, 2, 1, key=jax.random.key(0)), 2)
    with pytest.raises(OptionError, match="'standard' stands still"):
        built(latent=2, groups={"prior": {"rate": 0.1}})


# Stochastic layers.


@pytest.fixture(scope="module")
def layered():
    return built(latent=1, deeper=(1,), deeper_hidden=(2,))


def test_the_layers_of_guess_and_prior_speak_of_the_same_code(layered):
    q, p = layered.posterior(EVENT), layered.code_prior()
    code = jnp.array([0.4, -0.7])
    below, above = code[:1], code[1:]
    up, down = layered.encoder, layered.prior
    wanted_q = up.first(layered.view(EVENT)).log_prob(below) + up.rest[0](below).log_prob(above)
    wanted_p = down.top.log_prob(above) + down.rest[0](above).log_prob(below)
    np.testing.assert_allclose(q.log_prob(code), wanted_q, rtol=1e-5)
    np.testing.assert_allclose(p.log_prob(code), wanted_p, rtol=1e-5)


@pytest.fixture(scope="module")
def warped():
    """Bent by couplings that are far from the identity."""
    model = built(latent=2, posterior="flow", couplings=2, prior="flow:2", deeper_hidden=(3,))
    bent = lambda m: (m.encoder.head.bijection, m.prior.bijection)  # noqa: E731
    return eqx.tree_at(bent, model, replace_fn=lambda b: jax.tree.map(lambda w: w + 0.3, b))


def test_what_a_flow_bends_has_the_density_of_its_draws(warped):
    """log q(z) by the Jacobian of z in the noise, which autodiff finds."""
    q, p = warped.posterior(EVENT), warped.code_prior()
    noise = jnp.array([0.3, -1.1])
    for one, base in ((q, q.base), (p, p.base)):
        condition = one.condition if one is q else None

        def code(eps, base=base, one=one, condition=condition):
            return one.bijection.inverse(base.location + base.scale * eps, condition)[0]

        stretch = np.linalg.slogdet(np.asarray(jax.jacobian(code)(noise), float))[1]
        wanted = stats.norm.logpdf(np.asarray(noise)).sum() - stretch
        np.testing.assert_allclose(one.log_prob(code(noise)), wanted, rtol=1e-4)
    # The context, and so the event, has a say in the shape.
    other = warped.posterior(1 - EVENT)
    shapes = [jax.jacobian(lambda u, q=q: q.bijection.inverse(u, q.condition)[0])(noise)
              for q in (q, other)]  # fmt: skip
    assert not np.allclose(*shapes, rtol=1e-2)


def test_a_prior_that_is_a_flow_learns_and_its_noise_stands_still(tmp_path):
    """Of events in two clusters a linear decoder of normal codes makes one: bent codes can be two.

    What two clusters so far apart lose by being one is about a nat.
    """
    rng = np.random.default_rng(0)
    events = (rng.normal(size=(600, 2)) + 5 * rng.choice([-1, 1], (600, 1))).astype(np.float32)
    common = {"latent": 2, "epochs": 40, "batch": 50, "rate": 1e-2, "hidden": (), "quiet": True,
              "deeper_hidden": (16,), "likelihood": ("normal",), "variance": "fixed",
              "sigma": 0.1}  # fmt: skip
    runs = {
        prior: ansatz.fit("vae", events, prior=prior, out=tmp_path / prior[:4], **common)
        for prior in ("standard", "flow:4")
    }
    base = runs["flow:4"].model.prior.base
    np.testing.assert_array_equal(base.location, 0)
    np.testing.assert_array_equal(base.scale, 1)
    bounds = {prior: run.log_likelihood(events, seed=1) for prior, run in runs.items()}
    gain = bounds["flow:4"] - bounds["standard"]
    assert gain.mean() > 0.5 + 4 * gain.std() / len(gain) ** 0.5


@pytest.mark.parametrize("kind", ["layered", "warped"])
def test_draws_have_the_moments_of_their_density(kind, request):
    layered = request.getfixturevalue(kind)
    z = np.linspace(-12, 12, 401)
    grid = jnp.asarray(np.stack(np.meshgrid(z, z, indexing="ij"), -1).reshape(-1, 2), float)
    keys = jax.random.split(jax.random.key(0), 20_000)
    for p in (layered.posterior(EVENT), layered.code_prior()):
        density = np.exp(np.asarray(jax.jit(jax.vmap(p.log_prob))(grid), float))
        cell = (z[1] - z[0]) ** 2
        assert density.sum() * cell == pytest.approx(1, abs=1e-3)
        drawn = np.asarray(jax.jit(jax.vmap(p.sample))(keys), float)
        # First and second moments, and how the layers hang together.
        moments = lambda x: np.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1], x[:, 1] ** 2], 1)  # noqa: E731
        wanted = (density[:, None] * moments(np.asarray(grid, float))).sum(0) * cell
        found = moments(drawn)
        error = found.std(0) / np.sqrt(len(found))
        assert np.all(np.abs(found.mean(0) - wanted) < 4 * error)


def test_the_evidence_of_two_layers_is_the_integral_over_both(layered):
    # A guess wider than the prior, without which weights have no variance.
    biases = lambda m: [p.net.layers[-1].bias for p in (m.encoder.first, *m.encoder.rest)]  # noqa: E731
    layered = eqx.tree_at(biases, layered, [jnp.array([0.0, 1.5])] * 2)
    z = np.linspace(-8, 8, 201)
    grid = jnp.asarray(np.stack(np.meshgrid(z, z, indexing="ij"), -1).reshape(-1, 2), float)
    p = layered.code_prior()
    joint = jax.jit(jax.vmap(lambda z: layered.likelihood(z).log_prob(EVENT) + p.log_prob(z)))(grid)
    values = np.exp(np.asarray(joint, float)).reshape(201, 201)
    wanted = np.log(integrate.simpson(integrate.simpson(values, x=z), x=z))
    found = eqx.filter_jit(lambda m, k: m.evidence(EVENT, key=k, samples=20_000))(
        layered, jax.random.key(3)
    )
    # The weights' relative error follows from how many they are worth.
    error = np.sqrt(1 / float(found.effective) - 1 / 20_000)
    assert error < 0.05
    assert float(found.bound) == pytest.approx(wanted, abs=4 * error)


# Bits.


def test_relaxed_bits_have_the_distribution_of_the_binary_concrete():
    logits, temperature = jnp.array([-1.0, 0.5, 2.0]), 0.4
    keys = jax.random.split(jax.random.key(0), 40_000)
    p = Bernoulli(logits)
    drawn = np.asarray(jax.vmap(lambda k: p.relaxed(k, temperature))(keys), float)
    for t in (0.1, 0.5, 0.9):
        wanted = special.expit(temperature * special.logit(t) - np.asarray(logits, float))
        error = np.sqrt(wanted * (1 - wanted) / len(keys))
        assert np.all(np.abs((drawn <= t).mean(0) - wanted) < 4 * error)


# What tells how codes are used.


@pytest.mark.parametrize("posterior", ["normal", "flow"])
def test_rate_distortion_and_information_by_hand(posterior):
    model = built(latent=2, posterior=posterior)
    events = (jax.random.uniform(jax.random.key(0), (7, 3)) > 0.5).astype(jnp.float32)
    found = spent(model, batch_of(events), jax.random.key(5))
    keys = jax.random.split(jax.random.key(5), 7)
    q = [model.posterior(event) for event in events]
    for i, key in enumerate(keys):
        z = q[i].sample(key)
        own = np.array([float(other.log_prob(z)) for other in q])
        rate = own[i] - stats.norm.logpdf(np.asarray(z)).sum()
        np.testing.assert_allclose(found["rate"][i], rate, rtol=1e-4, atol=1e-5)
        fit = model.likelihood(z).log_prob(events[i])
        np.testing.assert_allclose(found["distortion"][i], -fit, rtol=1e-4)
        information = own[i] - special.logsumexp(own) + np.log(7)
        np.testing.assert_allclose(found["information"][i], information, rtol=1e-3, atol=1e-5)


def test_latents_that_the_encoder_ignores_are_not_active_and_collapse_is_named():
    recipe = VAERecipe(**TINY, latent=2)
    model = recipe.build(SPEC, jax.random.key(0))
    events = (jax.random.uniform(jax.random.key(0), (40, 3)) > 0.5).astype(jnp.float32)
    last = lambda m: (m.encoder.net.layers[-1].weight, m.encoder.net.layers[-1].bias)  # noqa: E731
    weight, bias = last(model)
    one = eqx.tree_at(last, model, (weight.at[1].set(0), bias))
    np.testing.assert_array_equal(active_latents(one, batch_of(events)), [True, False])
    # Softplus gives a width of one: the guess is the prior, whatever the event.
    none = eqx.tree_at(
        last, model, (jnp.zeros_like(weight), jnp.array([0.0, 0.0, 1.0, 1.0]) * np.log(np.e - 1))
    )
    measures = {m.name: m for m in recipe.diagnose(none, batch_of(events), jax.random.key(0))}
    assert measures["active latents"].value == 0
    assert "posterior collapse" in measures["active latents"].what
    assert "--free-bits" in measures["active latents"].what
    for name in ("rate", "information in codes", "aggregate posterior to prior"):
        assert measures[name].value == pytest.approx(0, abs=1e-5)
    (bars,) = (figure for figure in recipe.figures(none, subject(events)) if figure.name == "kl")
    assert "posterior collapse" in bars.caption


def subject(events):
    return Subject(
        shape=(3,), axes=(), raw=lambda x: x, batch=batch_of(events), condition=None, given=""
    )


def test_the_divergence_of_layers_is_per_latent(layered):
    """Both layers by quadrature over what stands between them."""
    found = np.asarray(kl_per_latent(layered, batch_of(jnp.tile(EVENT[None], (4000, 1)))), float)
    x, w = np.polynomial.hermite_e.hermegauss(30)
    w = w / w.sum()
    q, down = layered.posterior(EVENT), layered.prior
    total = np.zeros(2)
    for a, wa in zip(x, w, strict=True):
        below = q.first.location + q.first.scale * a
        above = q.rest[0](below)
        prior = down.top
        total[1] += wa * float(normal_kl(above, prior))
        for b, wb in zip(x, w, strict=True):
            p = down.rest[0](above.location + above.scale * b)
            total[0] += wa * wb * float(normal_kl(q.first, p))
    np.testing.assert_allclose(found, total, rtol=0.05)


def normal_kl(q, p):
    ratio = (q.scale / p.scale) ** 2
    return ((ratio + ((q.location - p.location) / p.scale) ** 2 - 1 - np.log(ratio)) / 2)[0]


def test_refinement_reaches_the_posterior_where_q_can_hold_it():
    """In a linear model with normal noise the posterior is normal: nothing is left but its bound,
    which is log p(x), and all that the encoder missed is the amortisation gap."""
    spec = Spec(shape=(3,))
    model = built(
        spec, latent=2, hidden=(), likelihood=("normal",), variance="fixed", sigma=0.7,
        posterior="full",
    )  # fmt: skip
    events = jax.random.normal(jax.random.key(0), (4, 3))
    weight = np.asarray(model.decoder.net.layers[0].weight, float)
    covariance = weight @ weight.T + 0.49 * np.eye(3)
    wanted = stats.multivariate_normal(np.zeros(3), covariance).logpdf(np.asarray(events, float))
    plain, better, log_p = gaps(model, batch_of(events), jax.random.key(1), 400)
    # A mean over a hundred draws, whose deviation vanishes at the posterior.
    np.testing.assert_allclose(better, wanted, atol=0.02)
    np.testing.assert_allclose(log_p, wanted, atol=0.02)
    assert np.all(np.asarray(plain) < wanted - 0.1)


# What does not go together.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 0}, "samples must be at least 1"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"deeper": (0,)}, "must be at least 1"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"beta_warmup": -1}, "beta_warmup must not be negative"),
        ({"estimator": "relaxed"}, "'relaxed' does not apply to the posterior 'normal'; those"),
        ({"posterior": "binary", "estimator": "doubly-reparameterised"}, "score-leave-one-out"),
        ({"estimator": "score-leave-one-out"}, "--samples 2 or --draws 2"),
        ({"prior": "vamps:3"}, "no prior 'vamps'. Did you mean 'vamp'"),
        ({"prior": "vamp"}, "must end in a number of components, as in vamp:10"),
        ({"prior": "standard:2"}, "a mixture is learnt:10"),
        ({"prior": "flow"}, "must end in a number of couplings, as in flow:10"),
        ({"prior": "flow:2", "posterior": "binary"}, "codes are bits"),
        ({"couplings": 0}, "couplings must be at least 1"),
        ({"posterior": "flow", "free_bits": 0.1}, "a posterior of independent numbers"),
        ({"prior": "vamp:3", "deeper": (2,)}, "leave --deeper out"),
        ({"free_bits": 0.1, "samples": 2}, "free_bits are of the exact divergence"),
        ({"free_bits": 0.1, "estimator": "sticking-the-landing"}, "free_bits are of"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(OptionError, match=message):
        VAERecipe(latent=2, **settings)


def test_a_code_larger_than_an_event_is_warned_of():
    with pytest.warns(RuntimeWarning, match="A code of 4 numbers is larger than an event"):
        VAERecipe(latent=4).resolve(SPEC)


@pytest.mark.parametrize(
    "settings",
    [
        {"deeper": (2,), "samples": 2, "estimator": "doubly-reparameterised", "prior": "learnt:2"},
        {"posterior": "binary", "prior": "learnt", "free_bits": 0.01, "beta_warmup": 3},
    ],
    ids=["layers", "bits"],
)
def test_fits_of_every_part_are_saved_judged_and_shown(settings, tmp_path):
    events = (np.random.default_rng(0).random((80, 3)) > 0.5).astype(np.float32)
    run = ansatz.fit(
        "vae", events, latent=3, epochs=2, out=tmp_path / "run", quiet=True, **TINY, **settings
    )
    again = ansatz.load(tmp_path / "run")
    np.testing.assert_array_equal(run.encode(events), again.encode(events))
    data = ansatz.Dataset(events[:20])
    if again.record.recipe.deeper:
        with pytest.raises(OptionError, match="several stochastic layers"):
            again.diagnose(data, refine=2)
    refine = 0 if again.record.recipe.deeper else 2
    judged = judge(again, data, samples=4, refine=refine)
    measures = {measure.name: measure.value for measure in judged}
    assert ("amortisation gap" in measures) == bool(refine)
    assert {"log-likelihood, corrected", "effective draws", "active latents"} <= measures.keys()
    assert np.isfinite(list(measures.values())).all()
    shown = {figure.name for figure in again.figures(events)}
    assert {"kl", "bound", "rate-distortion", "codes-and-prior"} <= shown
