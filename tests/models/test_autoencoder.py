"""The autoencoder: its objective against NumPy, its linear case against PCA, what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.special import expit, rel_entr
from sklearn.metrics import log_loss

import ansatz
from ansatz.evaluate.anomaly import find_anomalies
from ansatz.models.reduce import AutoencoderRecipe
from ansatz.models.reduce.reconstruction import Corruption, Reconstruction
from ansatz.models.reduce.stacked import raised, stack, unstack
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch

SIZE, DEVIATIONS = 6, np.array([3, 2.4, 1, 0.9, 0.8, 0.7])
KEY = jax.random.key(0)


def events_of(n=200, seed=0):
    """Events that vary most in two directions."""
    generator = np.random.default_rng(seed)
    turn = np.linalg.qr(generator.normal(size=(SIZE, SIZE)))[0]
    return (generator.normal(size=(n, SIZE)) * DEVIATIONS) @ turn + 1


def batch_of(events, weight=None):
    weight = jnp.ones(len(events)) if weight is None else jnp.asarray(weight)
    return Batch(jnp.asarray(events), None, weight, jnp.asarray(float(len(events))))


def built(**settings):
    recipe = AutoencoderRecipe(**{"latent": 3, "hidden": (5,), "error": "squared", **settings})
    return recipe, recipe.build(Spec(shape=(SIZE,)), jax.random.key(1))


def dense(layer, h):
    return np.asarray(layer.weight) @ h + np.asarray(layer.bias)


@pytest.mark.parametrize("tied", [False, True])
def test_the_linear_autoencoder_finds_principal_components(tied):
    """Baldi and Hornik (1989): the subspace, and the error of the eigenvalues left out."""
    events, steps = events_of().astype(np.float32), 2000
    learning = {"epochs": steps, "rate": 0.05, "schedule": "cosine", "final_rate": 1e-4}
    recipe, model = built(hidden=(), latent=2, tied=tied, **learning)
    update = recipe.update(Spec(shape=(SIZE,)))
    arrays, rest = eqx.partition(update.initial(model), eqx.is_array)

    @jax.jit
    def learnt(arrays):
        def step(n, arrays):
            state = eqx.combine(arrays, rest)
            return eqx.filter(update(state, batch_of(events), n, KEY)[0], eqx.is_array)

        return jax.lax.fori_loop(0, steps, step, arrays)

    model = update.model(eqx.combine(learnt(arrays), rest))
    values, vectors = np.linalg.eigh(np.cov(events.astype(float).T, bias=True))
    decoder = np.asarray(model.decoding.layers[0].weight, float)
    encoder = np.asarray(model.encoder.layers[0].weight, float)
    for columns in (decoder, encoder.T):
        assert subspace_angles(columns, vectors[:, -2:]).max() < 1e-3
    codes = events @ encoder.T + np.asarray(model.encoder.layers[0].bias)
    again = codes @ decoder.T + np.asarray(model.decoding.layers[0].bias)
    # Turning away by an angle of 1e-3 costs a part in a million of what eigenvalues differ by.
    wanted = pytest.approx(values[:-2].sum(), rel=1e-5)
    assert np.mean(np.sum((events - again) ** 2, 1)) == wanted
    if tied:
        np.testing.assert_allclose(encoder @ encoder.T, np.eye(2), atol=1e-3)


def test_noise_and_masks_are_as_strong_as_asked():
    n = 20_000
    x = jnp.full((n, 2), 3.0)
    seen = np.asarray(jax.vmap(Corruption(0.5, 0.2))(jax.random.split(jax.random.key(0), n), x))
    gone = seen == 0
    # Five standard errors of a frequency, a mean and a variance.
    assert abs(gone.mean() - 0.2) < 5 * np.sqrt(0.16 / gone.size)
    left = seen[~gone] - 3
    assert abs(left.mean()) < 5 * 0.5 / np.sqrt(left.size)
    assert abs(left.var() - 0.25) < 5 * 0.25 * np.sqrt(2 / left.size)
    np.testing.assert_array_equal(Corruption()(jax.random.key(0), x), x)


def test_the_squared_error_and_absolute_values_are_numpys():
    _, model = built(activation="tanh", code="tanh")
    events, weight = events_of(7).astype(np.float32), np.linspace(0.5, 1.5, 7).astype(np.float32)
    objective = Reconstruction(contract=0.3, contract_decoder=0.2, sparsity=0.1)
    loss, _, metrics = objective(
        model, batch_of(events, weight), None, jnp.int32(0), jax.random.key(0)
    )
    squares, sizes = [], []
    for x in events:
        h = np.tanh(dense(model.encoder.layers[0], x))
        code = np.tanh(dense(model.encoder.layers[1], h))
        again = dense(model.decoder.layers[1], np.tanh(dense(model.decoder.layers[0], code)))
        squares.append(np.sum((x - again) ** 2))
        sizes.append(np.sum(np.abs(code)))
    assert metrics["reconstruction"] == pytest.approx(np.mean(weight * squares), rel=1e-5)
    assert metrics["sparsity"] == pytest.approx(np.mean(weight * sizes), rel=1e-5)
    norms = {
        "jacobian": [jnp.sum(jnp.square(jax.jacrev(model.encode)(x))) for x in jnp.asarray(events)],
        "jacobian_decoder": [
            jnp.sum(jnp.square(jax.jacrev(model.decode)(model.encode(x))))
            for x in jnp.asarray(events)
        ],
    }
    for name, each in norms.items():
        assert metrics[name] == pytest.approx(np.mean(weight * np.array(each)), rel=1e-5)
    parts = [("reconstruction", 1), ("jacobian", 0.3), ("jacobian_decoder", 0.2), ("sparsity", 0.1)]
    wanted = sum(factor * float(metrics[name]) for name, factor in parts)
    assert loss == pytest.approx(wanted, rel=1e-6)


def test_the_cross_entropy_is_scikit_learns_and_the_divergence_scipys():
    _, model = built(error="cross-entropy", code="sigmoid", hidden=(), tied=True)
    events = np.random.default_rng(0).integers(0, 2, (9, SIZE)).astype(np.float32)
    objective = Reconstruction(sparsity=0.5, activity=0.2, binary=True)
    _, _, metrics = objective(model, batch_of(events), None, jnp.int32(0), jax.random.key(0))
    weight = np.asarray(model.encoder.layers[0].weight)
    codes = expit(events @ weight.T)
    # Tied: the decoder has the same matrix, transposed.
    again = expit(codes @ weight)
    each = [
        log_loss(x, p, labels=[0, 1], normalize=False) for x, p in zip(events, again, strict=True)
    ]
    assert metrics["reconstruction"] == pytest.approx(np.mean(each), rel=1e-5)
    mean = codes.mean(0)
    wanted = np.sum(rel_entr(0.2, mean) + rel_entr(0.8, 1 - mean))
    assert metrics["sparsity"] == pytest.approx(wanted, rel=1e-4)
    np.testing.assert_allclose(model.decode(jnp.asarray(codes[0])), again[0], rtol=1e-5)


def test_a_stack_is_the_deep_model():
    for tied in (False, True):
        _, model = built(hidden=(5, 4), tied=tied, code="sigmoid", activation="tanh")
        layers, x = stack(model), jnp.asarray(events_of(1)[0], jnp.float32)
        np.testing.assert_allclose(raised(layers, x), model.encode(x), rtol=1e-6)
        code = model.encode(x)
        for layer in layers[::-1]:
            code = layer.decode(code)
        np.testing.assert_allclose(code, model.decode(model.encode(x)), rtol=1e-5)
        doubled = jax.tree.map(lambda a: 2 * a if eqx.is_inexact_array(a) else a, layers)
        whole = jax.tree.leaves(eqx.filter(unstack(model, doubled), eqx.is_inexact_array))
        before = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
        for after, old in zip(whole, before, strict=True):
            np.testing.assert_array_equal(after, 2 * old)


def test_layers_learn_one_after_the_other():
    recipe, model = built(stacked=True, epochs=3, activation="tanh", noise=0.1, average=0.5)
    update = recipe.update(Spec(shape=(SIZE,), steps_per_epoch=4))
    assert update.score is None
    batch, state = batch_of(events_of(20).astype(np.float32)), update.initial(model)
    arrays, rest = eqx.partition(state, eqx.is_array)

    @jax.jit
    def step(arrays, n):
        after, metrics = update(eqx.combine(arrays, rest), batch, n, jax.random.key(0))
        return eqx.filter(after, eqx.is_array), metrics

    moved, layers = [], []
    for n in range(12):
        before = update.model(eqx.combine(arrays, rest))
        arrays, metrics = step(arrays, jnp.int32(n))
        after = update.model(eqx.combine(arrays, rest))
        layers.append(int(metrics["layer"]))
        moved.append(
            [
                not np.array_equal(a.weight, b.weight)
                for net in ("encoder", "decoder")
                for a, b in zip(
                    getattr(before, net).layers, getattr(after, net).layers, strict=True
                )
            ]
        )
    assert layers == [1] * 4 + [2] * 4 + [3] * 4
    # Of the decoder the layer that mirrors it learns with a layer of the encoder.
    assert (
        moved
        == [[True, False, False, True]] * 4 + [[False, True, True, False]] * 4 + [[True] * 4] * 4
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tied, contractive autoencoder of binary images on disk, and its events."""
    folder = tmp_path_factory.mktemp("tied")
    events = np.random.default_rng(0).integers(0, 2, (60, 3, 2)).astype(np.uint8)
    np.save(folder / "bits.npy", events)
    settings = {"latent": 3, "hidden": (), "code": "sigmoid", "tied": True, "contract": 0.1}
    ansatz.fit(
        "autoencoder", folder / "bits.npy", out=folder / "run", epochs=2, quiet=True, **settings
    )
    return ansatz.load(folder / "run"), events


def test_a_run_encodes_reconstructs_and_does_no_more(run):
    fitted, events = run
    assert fitted.can == ("encode", "decode")
    assert fitted.record.recipe.error == "cross-entropy"
    codes = fitted.encode(events)
    weight, bias = (np.asarray(a) for a in jax.tree.leaves(fitted.model.encoder.layers[0]))
    np.testing.assert_allclose(codes, expit(events.reshape(60, 6) @ weight.T + bias), rtol=1e-4)
    again = expit(codes @ weight + np.asarray(fitted.model.decoder.biases[0]))
    np.testing.assert_allclose(fitted.reconstruct(events).reshape(60, 6), again, rtol=1e-4)
    for forbidden in (lambda: fitted.sample(1), lambda: fitted.log_likelihood(events)):
        with pytest.raises(OptionError, match="The recipe 'autoencoder'"):
            forbidden()
    found = find_anomalies(fitted, events, rate=0.2)
    assert not found.exact
    assert found.score.startswith("minus the root mean square of the reconstruction error")


def test_the_slopes_of_nets_of_ones_own_are_looked_at():
    def fit(activation):
        net = eqx.nn.MLP(SIZE, 2, 4, 1, activation, key=jax.random.key(0))
        return ansatz.fit(
            "autoencoder",
            events_of(60).astype(np.float32),
            encoder=net,
            latent=2,
            hidden=(),
            contract=0.1,
            contract_decoder=0.1,
            epochs=1,
            quiet=True,
        )

    assert fit(jnp.tanh).finished
    with pytest.raises(OptionError, match="those of the encoder only jump"):
        fit(jax.nn.relu)


WRONG = {
    "slopes that jump": ({"contract": 0.1, "activation": "relu"}, "smooth"),
    "a code that jumps": ({"contract": 0.1, "code": "relu"}, "'relu'"),
    "tied images": ({"tied": True, "net": "conv"}, "no such mirror of the same shapes"),
    "tied and normalised": ({"tied": True, "normalise": "layer"}, "--normalise"),
    "stacked images": ({"stacked": True, "net": "conv"}, "--net mlp"),
    "nothing to stack": ({"stacked": True, "hidden": ()}, "a hidden layer"),
    "too few epochs": ({"stacked": True, "epochs": 3}, "4 are needed"),
    "activity of any numbers": ({"sparsity": 1.0, "activity": 0.1}, "--code sigmoid"),
    "activity without a weight": ({"activity": 0.1, "code": "sigmoid"}, "--sparsity"),
    "probes of nothing": ({"probes": 3}, "--contract"),
    "all is masked": ({"mask": 1.0}, r"\[0, 1\)"),
    "negative noise": ({"noise": -1.0}, "noise must not be negative"),
    "no numbers": ({"latent": 0}, "at least 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_refused(name):
    settings, message = WRONG[name]
    with pytest.raises(OptionError, match=message):
        AutoencoderRecipe(**settings)


def test_slopes_that_nothing_follows_may_jump():
    AutoencoderRecipe(contract=0.1, hidden=(), activation="relu", code="sigmoid")
    AutoencoderRecipe(contract_decoder=0.1, code="relu")


def test_conditions_break_the_mirror_and_numbers_the_cross_entropy():
    spec = Spec(shape=(4,), condition=2)
    for word in ("tied", "stacked"):
        with pytest.raises(OptionError, match="mirrored shapes"):
            AutoencoderRecipe(**{word: True}).resolve(spec)
    with pytest.raises(OptionError, match="numbers within"):
        AutoencoderRecipe(error="cross-entropy", preprocess=("none",)).resolve(Spec(shape=(4,)))
    net = eqx.nn.Identity()
    with pytest.raises(OptionError, match="--tied needs to know the layers"):
        AutoencoderRecipe(tied=True).build(Spec(shape=(4,)), jax.random.key(0), encoder=net)


@pytest.mark.parametrize(
    ("shape", "kind", "error", "steps"),
    [
        ((4,), {}, "squared", ("standardise",)),
        ((4, 4), {"levels": (256,)}, "squared", ("scale",)),
        ((4, 4), {"levels": (2,)}, "cross-entropy", ("none",)),
        ((4,), {"lowest": (0.0,), "highest": (1.0,)}, "squared", ("standardise",)),
    ],
)
def test_what_suits_the_data_is_chosen(shape, kind, error, steps):
    found = AutoencoderRecipe(latent=2).resolve(Spec(shape=shape, **kind))
    assert (found.error, found.preprocess) == (error, steps)


def test_what_learns_nothing_is_warned_of():
    with pytest.warns(RuntimeWarning, match="holds an event of 4 as it is"):
        AutoencoderRecipe(latent=5).resolve(Spec(shape=(4,)))
    with pytest.warns(RuntimeWarning, match="scaled down"):
        AutoencoderRecipe(latent=2, contract=0.1).resolve(Spec(shape=(4,)))
    AutoencoderRecipe(latent=5, contract=0.1, tied=True).resolve(Spec(shape=(4,)))
