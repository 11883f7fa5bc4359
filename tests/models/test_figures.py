"""Figure data of the families: what only they know of their models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.decomposition import PCA as Reference

from ansatz.models.reduce import PCARecipe
from ansatz.models.vae import VAERecipe
from ansatz.models.vae.figures import kl_per_latent
from ansatz.protocol.figures import Bars, Curves, ImageGrid, Matrix
from ansatz.protocol.keys import Stream, stream
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject

MEAN, SCALE = 0.5, 2.0


def raw(event):
    """Some way back to the units of the data."""
    return 3 * event - 1


def batch_of(events):
    ones = jnp.ones(len(events))
    return Batch(jnp.asarray(events), None, ones, jnp.sum(ones))


def subject(shape, batch=None, axes=()):
    return Subject(shape=shape, axes=axes, raw=raw, batch=batch, condition=None, given="")


def vae(shape, latent):
    """An autoencoder whose prior is no standard normal, as it comes."""
    recipe = VAERecipe(
        latent=latent, hidden=(5,), prior_mean=(MEAN,), prior_scale=(SCALE,), likelihood=("normal",)
    )
    return recipe, recipe.build(Spec(shape=shape), stream(0, Stream.PARAMETERS))


def decoded(model, code):
    return np.asarray(raw(model.decode(jnp.asarray(code, jnp.float32))))


@pytest.fixture(scope="module")
def images():
    """A VAE of images with three latents, its events and its figures."""
    recipe, model = vae((4, 3), 3)
    events = jax.random.normal(jax.random.key(1), (20, 4, 3))
    found = recipe.figures(model, subject((4, 3), batch_of(events)))
    return model, events, {figure.name: figure for figure in found}


@pytest.fixture(scope="module")
def plane():
    """A VAE of images with two latents, and its figures without data."""
    recipe, model = vae((4, 3), 2)
    found = recipe.figures(model, subject((4, 3)))
    return model, {figure.name: figure for figure in found}


def test_divergence_of_each_latent(images):
    """Against the closed form of a Gaussian from another, by hand in NumPy."""
    model, events, figures = images
    posterior = jax.vmap(model.posterior)(events)
    mean = np.asarray(jax.vmap(lambda p: p.mean())(posterior), float)
    variance = np.asarray(jax.vmap(lambda p: p.variance())(posterior), float)
    ratio = variance / SCALE**2
    wanted = ((ratio + (mean - MEAN) ** 2 / SCALE**2 - 1 - np.log(ratio)) / 2).mean(0)
    np.testing.assert_allclose(kl_per_latent(model, batch_of(events)), wanted, rtol=1e-4)
    bars = figures["kl"]
    assert isinstance(bars, Bars)
    assert bars.y_label == "nats"
    order = np.argsort(-wanted)
    assert bars.labels == tuple(f"z{i}" for i in order)
    np.testing.assert_allclose(bars.values, wanted[order], rtol=1e-4)


def test_a_traversal_moves_one_latent(images):
    model, _, figures = images
    grid, bars = figures["traversals"], figures["kl"]
    assert isinstance(grid, ImageGrid)
    assert grid.images.shape == (3, 15, 4, 3)
    assert grid.column_labels[0] == "-3"
    assert grid.column_labels[-1] == "3"
    for row, label in enumerate(bars.labels):
        # In the order of the bars, with what they say.
        assert grid.row_labels[row] == f"{label}  {bars.values[row]:.2f} nats"
        for step, deviations in [(0, -3.0), (7, 0.0), (9, 6 / 7), (14, 3.0)]:
            code = np.full(3, MEAN)
            code[int(label[1:])] += deviations * SCALE
            np.testing.assert_allclose(grid.images[row, step], decoded(model, code), rtol=1e-4)


def test_without_data_latents_stand_in_their_own_order(plane):
    _, figures = plane
    assert set(figures) == {"traversals", "manifold"}
    assert figures["traversals"].row_labels == ("z0", "z1")


def test_a_manifold_goes_through_the_quantiles_of_the_prior(plane):
    model, figures = plane
    grid = figures["manifold"]
    assert grid.images.shape == (20, 20, 4, 3)
    assert grid.joined
    for row, column in [(0, 0), (19, 0), (3, 11), (0, 19)]:
        # To the right z0 grows, upwards z1.
        shares = np.array([column + 0.5, 19 - row + 0.5]) / 20
        code = norm.ppf(shares, loc=MEAN, scale=SCALE)
        np.testing.assert_allclose(grid.images[row, column], decoded(model, code), rtol=1e-4)


def test_a_table_has_a_panel_for_each_column():
    recipe, model = vae((2,), 2)
    found = recipe.figures(model, subject((2,), axes=("mass [GeV]", "spin")))
    traversals, manifold = found
    assert isinstance(traversals, Curves)
    assert [panel.label for panel in traversals.panels] == ["mass [GeV]", "spin"]
    for j, panel in enumerate(traversals.panels):
        assert [curve.label for curve in panel.curves] == ["z0", "z1"]
        for i, curve in enumerate(panel.curves):
            np.testing.assert_allclose(curve.x, np.linspace(-3, 3, 15))
            code = np.full(2, MEAN)
            code[i] += curve.x[4] * SCALE
            np.testing.assert_allclose(curve.y[4], decoded(model, code)[j], rtol=1e-4)
    assert isinstance(manifold, Curves)
    (net,) = manifold.panels
    assert (manifold.x_label, net.label) == ("mass [GeV]", "spin")
    assert [curve.label for curve in net.curves] == ["along z0"] * 20 + ["along z1"] * 20
    quantiles = norm.ppf((np.arange(20) + 0.5) / 20, loc=MEAN, scale=SCALE)
    corner = decoded(model, [quantiles[0], quantiles[19]])
    for line in (net.curves[0], net.curves[20]):
        np.testing.assert_allclose([line.x[0], line.y[0]], corner, rtol=1e-4)
    np.testing.assert_allclose(
        [net.curves[0].x[19], net.curves[0].y[19]],
        decoded(model, [quantiles[19], quantiles[19]]),
        rtol=1e-4,
    )


def test_a_row_of_numbers_has_a_panel_for_each_latent():
    recipe, model = vae((30,), 3)
    (traversals,) = recipe.figures(model, subject((30,)))
    assert [panel.label for panel in traversals.panels] == ["z0", "z1", "z2"]
    curve = traversals.panels[1].curves[0]
    assert curve.label == "-3"
    code = np.array([MEAN, MEAN - 3 * SCALE, MEAN])
    np.testing.assert_allclose(curve.y, decoded(model, code), rtol=1e-4)


def pca(events, latent):
    """A PCA of these events, and the same by scikit-learn."""
    recipe = PCARecipe(latent=latent)
    spec = Spec(shape=events.shape[1:], events=len(events))
    batch = batch_of(events)
    update = recipe.update(spec)
    state = update.initial(
        recipe.initialise(
            recipe.build(spec, stream(0, Stream.PARAMETERS)), batch, jax.random.key(1)
        )
    )
    state = update(state, batch, jnp.asarray(0), stream(0, Stream.STEPS))[0]
    reference = Reference(latent).fit(events.reshape(len(events), -1))
    return recipe, update.model(update.finish_epoch(state)), reference


def events_of(shape, n=300):
    rng = np.random.default_rng(0)
    size = int(np.prod(shape))
    mixed = rng.normal(size=(n, size)) @ (rng.normal(size=(size, size)) * 2.0 ** -np.arange(size))
    return mixed.astype(np.float32).reshape(n, *shape)


def check_up_to_sign(got, wanted):
    sign = np.sign(np.sum(got * wanted, axis=1, keepdims=True))
    np.testing.assert_allclose(got, sign * wanted, atol=1e-3)


def test_components_as_images_and_the_variance_they_explain():
    recipe, model, reference = pca(events_of((3, 4)), 6)
    scree, components = recipe.figures(model, subject((3, 4)))
    assert scree.labels == ("1", "2", "3", "4", "5", "6")
    share = reference.explained_variance_ratio_
    np.testing.assert_allclose(scree.values, share, rtol=1e-3)
    np.testing.assert_allclose(scree.line, np.cumsum(share), rtol=1e-3)
    assert components.images.shape == (1, 6, 3, 4)
    assert components.signed
    check_up_to_sign(components.images.reshape(6, 12), reference.components_)


def test_components_of_a_table_are_a_matrix():
    recipe, model, reference = pca(events_of((4,)), 3)
    _, matrix = recipe.figures(model, subject((4,), axes=("a", "b", "c", "d")))
    assert isinstance(matrix, Matrix)
    assert matrix.row_labels == ("1", "2", "3")
    assert matrix.column_labels == ("a", "b", "c", "d")
    check_up_to_sign(matrix.values, reference.components_)


def test_of_many_columns_components_show_those_with_the_largest_shares(monkeypatch):
    monkeypatch.setattr("ansatz.models.reduce.figures.MOST_COLUMNS", 2)
    recipe, model, reference = pca(events_of((4,)), 3)
    _, matrix = recipe.figures(model, subject((4,), axes=("a", "b", "c", "d")))
    largest = np.abs(reference.components_).max(0)
    kept = np.sort(np.argsort(largest)[-2:])
    assert matrix.column_labels == tuple("abcd"[i] for i in kept)
    assert "2 of 4 numbers" in matrix.caption
    sign = np.sign(np.sum(np.asarray(model.components) * reference.components_, 1, keepdims=True))
    np.testing.assert_allclose(matrix.values, (sign * reference.components_)[:, kept], atol=1e-3)


def test_components_of_a_row_of_numbers_are_curves():
    recipe, model, reference = pca(events_of((20,)), 2)
    _, curves = recipe.figures(model, subject((20,)))
    got = np.stack([panel.curves[0].y for panel in curves.panels])
    check_up_to_sign(got, reference.components_)


@pytest.mark.parametrize(
    ("count", "shape"), [(3, (1, 3)), (7, (1, 7)), (16, (2, 8)), (26, (3, 8)), (60, (3, 10))]
)
def test_components_fill_whole_rows(count, shape):
    recipe = PCARecipe(latent=count)
    model = recipe.build(Spec(shape=(8, 8)), stream(0, Stream.PARAMETERS))
    grid = recipe.figures(model, subject((8, 8)))[1]
    assert grid.images.shape[:2] == shape
    first = (shape[0] - 1) * shape[1] + 1
    assert grid.row_labels[-1] == f"{first} to {first + shape[1] - 1}"
