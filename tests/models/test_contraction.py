"""‖J‖² by products of matrices and by probes, against autodiff and closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from ansatz.models.reduce import AutoencoderRecipe
from ansatz.models.reduce.autoencoder_figures import figures
from ansatz.models.reduce.contraction import EVENTS, contraction, slopes_only_jump
from ansatz.models.reduce.jacobian import jacobian, probed_squared_norm, squared_norm
from ansatz.models.reduce.layered import _upwards, is_layered, layered_squared_norm
from ansatz.nets import ACTIVATIONS, MLP
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


def net(*widths, condition=0, activation="tanh"):
    first, *hidden, last = widths
    built = MLP(
        first,
        tuple(hidden),
        last,
        condition=condition,
        activation=activation,
        dtype="float64",
        key=jax.random.key(sum(widths)),
    )
    # Biases of zero would leave every unit at the middle of its slope.
    layers = jax.tree.map(lambda leaf: leaf + 0.3 if leaf.ndim == 1 else 1.5 * leaf, built.layers)
    return eqx.tree_at(lambda mlp: mlp.layers, built, layers)


SHAPES = [
    ((5, 3), "linear"),
    ((5, 3), "sigmoid"),
    ((5, 4, 2), "linear"),
    ((2, 4, 6), "linear"),
    ((5, 4, 2), "sigmoid"),
    ((2, 4, 6), "sigmoid"),
    ((7, 4, 5, 2), "linear"),
    ((2, 5, 4, 7), "linear"),
    ((2, 5, 4, 7), "sigmoid"),
]


@pytest.mark.parametrize(("widths", "last"), SHAPES)
def test_products_of_matrices_are_what_autodiff_finds(widths, last):
    """The norm and its gradient by every weight, from above and from below."""
    mlp, x = net(*widths), jnp.linspace(-1.0, 1.3, widths[0])
    behind = ACTIVATIONS.get(last, lambda h: h)

    def with_layers(layers):
        return eqx.tree_at(lambda m: m.layers, mlp, layers)

    def plain(layers):
        mlp = with_layers(layers)
        return jnp.sum(jax.jacrev(lambda v: behind(mlp(v)))(x) ** 2)

    @jax.jit
    def both(layers):
        ours = jax.value_and_grad(lambda own: layered_squared_norm(with_layers(own), last, x))
        return ours(layers), jax.value_and_grad(plain)(layers)

    (found, slopes), (wanted, theirs) = both(mlp.layers)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    for ours, other in zip(jax.tree.leaves(slopes), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-9, atol=1e-12)


def test_both_ways_are_taken():
    ways = {_upwards([w.weight for w in net(*s).layers], a == "linear") for s, a in SHAPES[4:]}
    assert ways == {True, False}


def test_one_sigmoid_layer_has_a_closed_form():
    mlp, x = net(6, 4), np.linspace(-1, 1, 6)
    weight, bias = (np.asarray(a) for a in (mlp.layers[0].weight, mlp.layers[0].bias))
    h = expit(weight @ x + bias)
    wanted = np.sum((h * (1 - h)) ** 2 * np.sum(weight**2, 1))
    found = layered_squared_norm(mlp, "sigmoid", jnp.asarray(x))
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_a_condition_is_no_part_of_the_event():
    mlp, x, c = net(4, 5, 3, condition=2), jnp.arange(4.0) / 4, jnp.array([0.4, -2.0])
    found, wanted = jax.jit(
        lambda x: (
            layered_squared_norm(mlp, "tanh", x, c),
            jnp.sum(jax.jacfwd(lambda v: jnp.tanh(mlp(v, c)))(x) ** 2),
        )
    )(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert is_layered(mlp)
    assert not is_layered(
        MLP(4, (5,), 3, normalise="layer", dtype="float64", key=jax.random.key(0))
    )


@pytest.mark.parametrize("widths", [(5, 4, 2), (2, 4, 5)])
def test_jacobians_of_events_of_any_shape(widths):
    """By either mode, against differences of an image's pixels."""
    mlp = net(*widths)
    x = jnp.linspace(-1.0, 1.0, widths[0]).reshape(1, -1)

    def f(image):
        return mlp(image.ravel()).reshape(-1, 1)

    @jax.jit
    def found(x):
        steps = 1e-5 * jnp.eye(widths[0])[:, None]
        differences = jax.vmap(lambda e: (f(x + e) - f(x - e)).ravel() / 2e-5)(steps)
        return jacobian(f, x), squared_norm(f, x), differences.T

    ours, norm, differences = found(x)
    np.testing.assert_allclose(ours, differences, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(norm, np.sum(np.square(differences)), rtol=1e-8)


@pytest.mark.parametrize("widths", [(6, 5, 3), (3, 5, 6)])
def test_probes_have_the_mean_and_the_variance_they_should(widths):
    mlp, x, n = net(*widths), jnp.linspace(-1.0, 1.0, widths[0]), 4000

    @jax.jit
    def found(keys):
        one, four = (
            jax.vmap(lambda key, k=k: probed_squared_norm(mlp, x, key, k))(keys) for k in (1, 4)
        )
        return one, four, jax.jacrev(mlp)(x)

    drawn, four, j = map(np.asarray, found(jax.random.split(jax.random.key(1), n)))
    gram = j @ j.T if widths[-1] < widths[0] else j.T @ j
    variance = 2 * (np.sum(gram**2) - np.sum(np.diag(gram) ** 2))
    # Five standard errors of a mean, and of a variance: with three signs there are four values,
    # whose fourth moment is at most that of the largest of them.
    assert abs(drawn.mean() - np.sum(j**2)) < 5 * np.sqrt(variance / n)
    error = np.sqrt(np.mean((drawn - drawn.mean()) ** 4) / n)
    assert abs(drawn.var() - variance) < 5 * error
    assert abs(four.mean() - np.sum(j**2)) < 5 * np.sqrt(variance / 4 / n)
    assert abs(four.var() - variance / 4) < 5 * np.sqrt(np.mean((four - four.mean()) ** 4) / n)


def batch_of(events):
    ones = jnp.ones(len(events))
    return Batch(jnp.asarray(events), None, ones, jnp.sum(ones))


def model_of(shape, **settings):
    recipe = AutoencoderRecipe(dtype="float64", error="squared", **settings)
    return recipe.build(Spec(shape=shape), jax.random.key(3))


def test_the_measures_of_contraction_are_numpys():
    model = model_of((3, 2), hidden=(7,), latent=4, code="sigmoid", activation="tanh")
    events = np.random.default_rng(0).normal(size=(9, 3, 2))
    found = contraction(model, batch_of(events))

    @jax.jit
    def slopes(event):
        return jax.jacrev(model.encode)(event), jax.jacrev(model.decode)(model.encode(event))

    for i, event in enumerate(jnp.asarray(events)):
        down, up = (np.asarray(a) for a in slopes(event))
        down, up = down.reshape(4, 6), up.reshape(6, 4)
        singular = np.linalg.svd(down, compute_uv=False)
        np.testing.assert_allclose(found.singular[i], singular, rtol=1e-9)
        np.testing.assert_allclose(found.encoder[i], np.sum(down**2), rtol=1e-10)
        np.testing.assert_allclose(found.decoder[i], np.sum(up**2), rtol=1e-10)
        np.testing.assert_allclose(found.whole[i], np.sum((up @ down) ** 2), rtol=1e-10)
        wanted = np.sum(singular**2) ** 2 / np.sum(singular**4)
        np.testing.assert_allclose(found.directions[i], wanted, rtol=1e-9)
    codes = found.codes
    assert found.saturated == np.mean((codes < 0.05) | (codes > 0.95))


def test_the_figures_show_them():
    model = model_of((4, 3), hidden=(), latent=3, code="sigmoid")
    events = np.random.default_rng(0).normal(size=(12, 4, 3))
    subject = Subject(
        shape=(4, 3), axes=(), raw=lambda x: x, batch=batch_of(events), condition=None, given=""
    )
    spectrum, tangents, saturation = figures(model, subject)
    found = contraction(model, batch_of(events))
    (panel,) = spectrum.panels
    assert panel.log
    for curve, q in zip(panel.curves, (0.1, 0.5, 0.9), strict=True):
        np.testing.assert_allclose(curve.y, np.quantile(found.singular, q, axis=0))
    down = np.asarray(jax.jacrev(model.encode)(jnp.asarray(events[1]))).reshape(3, 12)
    _, _, directions = np.linalg.svd(down, full_matrices=False)
    assert tangents.images.shape == (4, 4, 4, 3)
    for place, direction in enumerate(directions):
        shown = tangents.images[1, 1 + place].ravel()
        np.testing.assert_allclose(abs(shown @ direction) / np.linalg.norm(shown), 1, rtol=1e-9)
    (panel,) = saturation.panels
    np.testing.assert_allclose(np.sum(panel.densities["codes"] * np.diff(panel.edges)), 1)
    assert len(events) < EVENTS


@pytest.mark.parametrize(
    ("activation", "jumps"), [("relu", True), ("leaky_relu", True), ("gelu", False)]
)
def test_slopes_that_only_jump_are_found(activation, jumps):
    model = model_of((5,), hidden=(6,), latent=3, activation=activation)
    batch = batch_of(np.random.default_rng(0).normal(size=(40, 5)))
    for part in ("encoder", "decoder"):
        assert slopes_only_jump(model, part, batch) == jumps


def test_slopes_that_never_change_do_not_jump():
    model = model_of((5,), hidden=(), latent=3)
    batch = batch_of(np.random.default_rng(0).normal(size=(40, 5)))
    assert not slopes_only_jump(model, "encoder", batch)
