"""Figure data: what the families return to be drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ansatz
from ansatz.models.vae import VAERecipe
from ansatz.models.vae.figures import kl_per_latent
from ansatz.protocol.figures import Bars, ImageGrid, Scatter
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch


def test_divergence_per_latent_sums_to_that_of_the_code():
    """Against the closed form of a Gaussian from another, summed by hand in NumPy."""
    recipe = VAERecipe(latent=3, hidden=(5,), likelihood="normal", prior_mean=(0.5,))
    model = recipe.build(Spec(shape=(4,), kind="real"), jax.random.key(0))
    events = jax.random.normal(jax.random.key(1), (20, 4))
    got = kl_per_latent(model, Batch(events, None, jnp.ones(20), jnp.asarray(20.0)))
    posterior = jax.vmap(model.encoder)(events)
    mean = np.asarray(jax.vmap(lambda p: p.mean())(posterior))
    variance = np.asarray(jax.vmap(lambda p: p.variance())(posterior))
    wanted = (variance + (mean - 0.5) ** 2 - 1 - np.log(variance)) / 2
    np.testing.assert_allclose(got, wanted.mean(0), rtol=1e-4)


@pytest.fixture(scope="module")
def digits():
    return ansatz.fit("vae", "digits", latent=3, hidden=(8,), epochs=1, quiet=True)


def test_images_are_shown_in_the_units_of_the_data(digits):
    grid, bars = digits.figures()
    assert isinstance(grid, ImageGrid)
    assert isinstance(bars, Bars)
    assert grid.images.shape == (3, 10, 8, 8)
    held_out = digits.held_out()[1].events
    # Events are binarised for the model, so they come back as black and white.
    assert set(np.unique(grid.images[0])) == {0, 16}
    white = grid.images[0] == 16
    assert held_out[:10][white].min() > 0
    assert 0 < grid.images[1].mean() < 16
    assert np.all(np.diff(bars.values) <= 0)


def test_pairs_of_numbers_are_shown_as_points():
    run = ansatz.fit("vae", "moons", latent=2, hidden=(8,), epochs=1, quiet=True)
    scatter, _ = run.figures("moons", events=100)
    assert isinstance(scatter, Scatter)
    np.testing.assert_allclose(
        scatter.clouds["events"], ansatz.read("moons").events[:100], rtol=1e-4, atol=1e-5
    )


def test_components_and_the_variance_they_explain():
    run = ansatz.fit("pca", "digits", latent=5, quiet=True)
    again, components, bars = run.figures()
    assert again.images.shape == (2, 10, 8, 8)
    assert components.images.shape == (1, 5, 8, 8)
    events = run.held_out()[1].events[:10]
    np.testing.assert_allclose(again.images[0], events, atol=1e-4)
    np.testing.assert_allclose(again.images[1], run.reconstruct(events), atol=1e-3)
    np.testing.assert_allclose(bars.values, run.model.explained())
