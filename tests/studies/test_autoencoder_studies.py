"""The parts of the studies of autoencoders and of principal components, by other ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.data.toys import Moons
from ansatz.models.reduce import PCA, AutoencoderRecipe
from ansatz.models.reduce.contraction import Contraction
from ansatz.protocol.recipe import Spec
from ansatz.studies import (
    contracted,
    contractive_ae,
    denoising_ae,
    linear_ae,
    little_noise,
    pca_mnist,
)
from ansatz.studies.claim import Verdict
from ansatz.studies.denoising_ae import Slopes
from ansatz.studies.little_noise import Drawn, Expansion


def verdicts(claims):
    return {claim.name: claim.verdict for claim in claims}


def failing(claims):
    return {name for name, verdict in verdicts(claims).items() if verdict == Verdict.FAILS}


def test_noise_adds_to_the_loss_of_a_cubic_map_what_its_moments_say():
    """By quadrature, against moments of a normal number: F_i = a_i x_i + b_i x_i^3."""
    a, b = np.array([0.7, -0.4]), np.array([0.2, 0.5])
    points = np.array([[0.3, -1.0], [1.2, 0.4]])
    with jax.enable_x64(True):
        found = little_noise.expand(lambda x: a * x + b * x**3, points)
    x = points
    jacobian = np.sum((a + 3 * b * x**2) ** 2, 1)
    curvature = np.sum((a * x + b * x**3 - x) * 6 * b * x, 1)
    np.testing.assert_allclose(found.jacobian, jacobian.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.curvature, curvature.mean(), rtol=1e-12)
    generator = np.random.default_rng(0)
    n = generator.standard_normal((400_000, 1, 2))
    n = np.concatenate([n, -n])
    e = little_noise.STRENGTHS[0]
    loss = np.sum((a * (x + e * n) + b * (x + e * n) ** 3 - x) ** 2, 2).mean(1)
    level = np.sum((a * x + b * x**3 - x) ** 2, 1).mean()
    drawn = (loss - level) / e**2
    assert abs(found.added[0] - drawn.mean()) < 5 * drawn.std() / np.sqrt(len(drawn))
    # The added loss is a polynomial in ε² of degree two: two steps of Richardson are exact.
    np.testing.assert_allclose(found.limit, found.both, rtol=1e-8)


def test_the_best_move_is_the_posterior_mean():
    """F(x) = E[clean | noisy] (Tweedie), here by weighing clean moons."""
    points = np.array([[0.0, 1.1], [1.5, -0.2], [0.4, 0.5]])
    clean = Moons(denoising_ae.THICKNESS).draw(400_000, 3)[0]
    for point, move in zip(points, denoising_ae.best_move(points), strict=True):
        weight = np.exp(-np.sum((clean - point) ** 2, 1) / 2 / denoising_ae.NOISE**2)
        mean = weight @ clean / weight.sum()
        error = np.sqrt(np.sum((weight[:, None] * (clean - mean)) ** 2, 0)) / weight.sum()
        assert np.all(np.abs(point + move - mean) < 5 * error)


def noise_claims(**changes):
    """The claims on terms that are as they should be, but for one change."""
    made = {
        "curvature": -0.05,
        "off": -2.0,
        "limit": 0.0,
        "order": 2.0,
        "added": 0.0,
        "missed": 0.0,
    }
    made |= changes
    strengths = little_noise.STRENGTHS

    def place(curvature):
        added = 1 + curvature + made["limit"] + 0.3 * strengths ** made["order"]
        return Expansion(1.0, curvature, 0.1, added)

    jitter = 1e-3 * np.random.default_rng(0).normal(size=100)
    drawn = Drawn(1.0 + made["added"] + jitter, np.full(100, 1.2), np.full(100, -0.2))
    exact = np.random.default_rng(1).normal(size=(100, 2))
    learnt = Slopes(exact, exact * (1 + made["missed"]), exact)
    places = {"on the data": place(made["curvature"]), "outside": place(made["off"])}
    return denoising_ae.claims(places, drawn, learnt)


@pytest.mark.parametrize(
    ("changes", "fail"),
    [
        ({}, set()),
        (
            {"limit": 0.01},
            {"second order on the data", "second order outside", "next order"},
        ),
        ({"curvature": -0.5}, {"small on the data"}),
        ({"off": -0.01}, {"large outside"}),
        ({"added": 0.1}, {"digits"}),
        ({"missed": 0.5}, {"slope"}),
    ],
)
def test_claims_of_noise_see_what_they_are_about(changes, fail):
    assert failing(noise_claims(**changes)) == fail


def test_codes_can_be_scaled_at_no_cost():
    recipe = AutoencoderRecipe(hidden=(5,), latent=2, error="squared", activation="tanh")
    model = recipe.build(Spec(shape=(4,)), jax.random.key(0))
    small, x = contracted.rescaled(model, 0.125), jnp.array([0.3, -1.0, 0.2, 0.7])
    np.testing.assert_allclose(
        small.decode(small.encode(x)), model.decode(model.encode(x)), rtol=1e-5, atol=1e-6
    )
    key = jax.random.key(0)
    norms = [m.encoder_contraction(x, key=key) for m in (small, model)]
    np.testing.assert_allclose(norms[0], norms[1] / 64, rtol=1e-5)
    norms = [m.decoder_contraction(m.encode(x), key=key) for m in (small, model)]
    np.testing.assert_allclose(norms[0], 64 * norms[1], rtol=1e-4)


def contraction_claims(monkeypatch, **changes):
    """The claims on fits that contract as they should, but for one of their numbers."""
    # Singular values, ‖J_D‖², ‖J_F‖², codes, and the error.
    made = {
        "plain": ([2.0, 1.8], 4.0, 8.0, [0.04, 0.5], 1.0),
        "denoising": ([1.5, 1.5], 4.0, 6.0, [0.5, 0.5], 1.02),
        "contractive": ([1.0, 0.1], 4.0, 2.0, [0.01, 0.99], 1.05),
        "sparse": ([1.0, 1.0], 4.0, 2.0, [0.1, 0.1], 1.5),
        "deep plain": ([2.0, 2.0], 8.0, 8.0, [1.0, 1.0], 1.0),
        "deep, encoder": ([0.02, 0.02], 8e4, 7.5, [0.01, 0.01], 1.0),
        "deep, both": ([1.0, 1.0], 2.0, 4.0, [1.0, 1.0], 1.1),
        "cost": 0.0,
    } | changes
    lost = made.pop("cost")
    jitter = iter(1 + 1e-5 * np.random.default_rng(0).normal(size=21))
    found = {}
    for name, (singular, decoder, whole, codes, error) in made.items():
        fits = []
        for _ in range(3):
            by = next(jitter)
            own = Contraction(
                by * np.array([singular] * 2),
                np.full(2, by * decoder),
                np.full(2, by * whole),
                np.array([codes] * 2),
            )
            fits.append(contracted.Fitted(None, None, by * error, own, own))
        found[name] = tuple(fits)
    off = 1e-3 * np.random.default_rng(1).normal(size=100)
    monkeypatch.setattr(contractive_ae, "probed", lambda _: off)
    monkeypatch.setattr(contractive_ae, "cost", lambda _: lost)
    return contractive_ae.claims(found)


@pytest.mark.parametrize(
    ("name", "values", "fail"),
    [
        (None, None, set()),
        ("denoising", ([2.5, 2.5], 4.0, 6.0, [0.5, 0.5], 1.02), {"denoising < plain"}),
        ("plain", ([2.0, 1.8], 4.0, 8.0, [0.04, 0.5], 1.3), {"alike"}),
        ("contractive", ([1.0, 0.1], 4.0, 2.0, [0.5, 0.5], 1.05), {"slopes"}),
        ("contractive", ([1.0, 1.0], 4.0, 2.0, [0.01, 0.99], 1.05), {"directions"}),
        ("contractive", ([2.2, 0.2], 4.0, 2.0, [0.01, 0.99], 1.05), {"contractive < denoising"}),
        ("cost", 0.01, {"free"}),
        ("sparse", ([1.0, 1.0], 4.0, 2.0, [0.3, 0.3], 1.5), {"activity"}),
        ("deep, encoder", ([1.0, 1.0], 8.0, 7.5, [1.0, 1.0], 1.0), {"cheating"}),
        ("deep, both", ([1.0, 1.0], 2.0, 7.9, [1.0, 1.0], 1.1), {"prevented"}),
        ("deep, both", ([1.0, 1.0], 9.0, 4.0, [1.0, 1.0], 1.1), {"scale"}),
    ],
)
def test_claims_of_contraction_see_what_they_are_about(monkeypatch, name, values, fail):
    changes = {} if name is None else {name: values}
    assert failing(contraction_claims(monkeypatch, **changes)) == fail


def test_every_set_of_components_is_stationary_and_one_is_a_minimum():
    with jax.enable_x64(True):
        slopes, curvatures = linear_ae.stationary_points(np.random.default_rng(0))
    assert len(slopes) == len(curvatures) == 10
    assert max(slopes.values()) < 1e-12
    assert {chosen for chosen, bend in curvatures.items() if bend > -1e-9} == {(0, 1)}
    # Where components are exchanged, with eigenvalues λ of those left out and those kept, the
    # loss falls along the difference: nowhere less than by what the two nearest differ.
    assert max(bend for chosen, bend in curvatures.items() if chosen != (0, 1)) < -0.01


def test_a_field_has_the_power_it_is_drawn_with():
    n = 4000
    field = pca_mnist.draw(np.random.default_rng(0), n)
    wanted = pca_mnist.power(np.arange(pca_mnist.SITES))
    # Of |φ̃_k|² the deviation is the mean, or √2 of it for the two waves that are real.
    error = wanted * np.sqrt(2 / n)
    assert np.all(np.abs(pca_mnist.spectrum_of(field) - wanted) < 5 * error)
    lags = np.arange(pca_mnist.SITES)
    covariance = np.array([np.mean(field * np.roll(field, k, axis=1)) for k in lags[:4]])
    exact = np.array([np.mean(wanted * np.cos(2 * np.pi * k * lags / len(lags))) for k in lags[:4]])
    np.testing.assert_allclose(covariance, exact, rtol=0.1)


def test_waves_are_told_by_their_number():
    x = 2 * np.pi * np.arange(pca_mnist.SITES) / pca_mnist.SITES
    waves = np.stack(
        [np.ones_like(x), np.cos(3 * x + 1), np.cos(24 * x), np.cos(2 * x) + np.cos(x)]
    )
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    number, share = pca_mnist.waves_of(waves)
    np.testing.assert_array_equal(number[:3], [0, 3, 24])
    np.testing.assert_allclose(share, [1, 1, 1, 0.5], rtol=1e-12)


def test_claims_of_components_see_what_they_are_about(double_precision):
    generator = np.random.default_rng(0)
    digits = generator.normal(size=(300, 8, 8)) * np.linspace(5, 1, 64).reshape(8, 8)
    field = pca_mnist.draw(generator, 2000)
    shifted = np.concatenate([np.roll(field[:50], k, axis=1) for k in range(pca_mnist.SITES)])

    def pca_of(events, spoiled=None):
        flat = events.reshape(len(events), -1)
        values, vectors = np.linalg.eigh(np.cov(flat.T))
        values, vectors = values[::-1].copy(), vectors[:, ::-1]
        if spoiled is not None:
            values[spoiled] *= 1.5
        whole = jnp.asarray(values.sum())
        arrays = map(jnp.asarray, (flat.mean(0), vectors.T, values))
        return PCA(*arrays, jnp.zeros(()), whole, events.shape[1:])

    def judged(known=None, **spoiled):
        fields = {
            name: pca_of(events, spoiled.get(name))
            for name, events in (("drawn", field), ("shifted", shifted))
        }
        own = pca_of(digits, spoiled.get("digits"))
        return pca_mnist.claims(own, fields, digits, field, shifted, known)

    assert set(verdicts(judged()).values()) == {Verdict.HOLDS}
    assert failing(judged(digits=10)) == {"eigenvalues", "left out"}
    assert failing(judged(shifted=0)) == {"power spectrum"}
    assert failing(judged(drawn=slice(None))) == {"drawn"}
    assert failing(judged(known=np.r_[np.full(154, 0.95 / 154), np.full(630, 0.05 / 630)])) == set()
    assert failing(judged(known=np.full(784, 1.0))) == {"published"}
