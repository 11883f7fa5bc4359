"""What holds of every net: its parameters, their start, its types, its noise."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from plain import shaken

from ansatz.nets import MLP, ConvDecoder, ConvEncoder, ResidualMLP
from ansatz.nets.nonlinear import Nonlinear

KEY = jax.random.key(0)
C = 2
"""Numbers in a condition."""
CONDITION = np.array([0.7, -1.2])
MAPS = {"channels": (2, 3), "hidden": (4,)}

NETS = {
    "mlp": (lambda **s: MLP(6, (5, 4), 3, **s), (6,), plain.mlp),
    "residual": (lambda **s: ResidualMLP(6, (5, 5), 3, **s), (6,), plain.residual),
    "encoder": (lambda **s: ConvEncoder((6, 5), 3, **MAPS, **s), (6, 5), plain.encoder),
    "decoder": (lambda **s: ConvDecoder(3, (6, 5), 2, **MAPS, **s), (3,), plain.decoder),
}

CONDITIONED = {
    "beside": {"condition": C},
    "modulated": {"condition": C, "modulate": True, "normalise": "layer"},
}


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


def build(name, dtype="float64", **settings):
    return NETS[name][0](dtype=dtype, key=KEY, **settings)


def event(name, dtype="float64"):
    return jnp.asarray(np.random.default_rng(4).normal(size=NETS[name][1]), dtype)


def arrays(net):
    return jax.tree.leaves(eqx.filter(net, eqx.is_array))


call = eqx.filter_jit(lambda net, x, c, key: net(x, c, key=key))


@pytest.mark.parametrize("how", CONDITIONED)
@pytest.mark.parametrize("name", ["mlp", "residual"])
def test_dense_nets_equal_a_plain_evaluation(name, how):
    net, x = shaken(build(name, **CONDITIONED[how])), event(name)
    expected = NETS[name][2](net, np.asarray(x), CONDITION)
    np.testing.assert_allclose(call(net, x, jnp.array(CONDITION), None), expected, rtol=1e-11)


# Weights and biases of 6-5-4-3; of 6-5, twice two of 5-5, 5-3; of patches of 9 pixels, of the 2 x 2
# features with 3 channels that 6 x 5 pixels become; of the same 12 numbers, of four pixels made of
# four, and of the 60 biases at the end.
COUNTS = {
    "mlp": 6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3,
    "residual": 6 * 5 + 5 + 4 * (5 * 5 + 5) + 5 * 3 + 3,
    "encoder": 9 * 2 + 2 + 9 * 2 * 3 + 3 + 12 * 4 + 4 + 4 * 3 + 3,
    "decoder": 3 * 4 + 4 + 4 * 12 + 12 + 16 * 3 * 2 + 2 + 16 * 2 * 2 + 2 + 60,
}
# The first layer that the condition stands beside; all hidden units and channels.
BESIDE = {"mlp": 5, "residual": 5, "encoder": 4, "decoder": 4}
HIDDEN = {"mlp": 5 + 4, "residual": 4 * 5, "encoder": 2 + 3 + 4, "decoder": 4 + 3 + 2}


@pytest.mark.parametrize("name", NETS)
def test_there_are_as_many_parameters_as_the_formula_has(name):
    def count(**settings):
        return sum(x.size for x in arrays(build(name, **settings)))

    assert count() == COUNTS[name]
    assert count(normalise="layer") == COUNTS[name] + 2 * HIDDEN[name]
    assert count(condition=C) == COUNTS[name] + C * BESIDE[name]
    assert count(condition=C, modulate=True) == COUNTS[name] + 2 * C * HIDDEN[name]


@pytest.mark.parametrize("name", NETS)
def test_every_parameter_learns_from_the_first_step(name):
    net, x, c = build(name, **CONDITIONED["modulated"]), event(name), jnp.array(CONDITION)
    slopes = arrays(eqx.filter_jit(eqx.filter_grad(lambda net: jnp.sum((net(x, c) - 1) ** 2)))(net))
    assert len(slopes) == len(arrays(net))
    for slope in slopes:
        assert np.isfinite(slope).all()
        assert (np.asarray(slope) != 0).all()


@pytest.mark.parametrize("name", NETS)
def test_a_condition_that_modulates_has_no_influence_at_first_and_then_some(name):
    net, x = build(name, condition=C, modulate=True), event(name)
    one, other = jnp.array(CONDITION), jnp.array([-5.0, 3.0])
    np.testing.assert_array_equal(call(net, x, one, None), call(net, x, other, None))
    net = shaken(net)
    assert (np.asarray(call(net, x, one, None)) != np.asarray(call(net, x, other, None))).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_all_numbers_have_the_precision_asked_for(name, dtype):
    net = build(name, dtype, dropout=0.1, activation="gelu", **CONDITIONED["modulated"])
    assert {x.dtype for x in arrays(net)} == {jnp.dtype(dtype)}
    x, c = event(name, dtype), jnp.asarray(CONDITION, dtype)
    assert jax.eval_shape(lambda key: net(x, c, key=key), KEY).dtype == dtype


@pytest.mark.parametrize("name", NETS)
def test_units_are_dropped_with_a_key_and_outside_inference(name):
    net, x = shaken(build(name, dropout=0.5)), event(name)
    still = np.asarray(call(shaken(build(name)), x, None, None))
    np.testing.assert_array_equal(call(net, x, None, None), still)
    np.testing.assert_array_equal(call(eqx.nn.inference_mode(net), x, None, KEY), still)
    one, other = call(net, x, None, KEY), call(net, x, None, jax.random.key(1))
    assert (np.asarray(one) != still).any()
    assert (np.asarray(one) != np.asarray(other)).any()
    np.testing.assert_array_equal(call(net, x, None, KEY), one)


@pytest.mark.parametrize("name", NETS)
def test_every_nonlinearity_has_its_own_place_and_is_told_the_condition_and_the_key(name):
    reached = []

    def spy(then):
        def call(h, condition=None, *, key=None):
            assert condition is not None
            assert key is not None
            reached.append(then.place)
            return h

        return call if isinstance(then, Nonlinear) else then

    net = build(name, condition=C)
    net = jax.tree.map(spy, net, is_leaf=lambda x: isinstance(x, Nonlinear))
    jax.eval_shape(lambda key: net(event(name), jnp.array(CONDITION), key=key), KEY)
    assert reached == list(range({"mlp": 2, "residual": 4, "encoder": 3, "decoder": 3}[name]))


@pytest.mark.parametrize("name", NETS)
def test_weights_come_from_one_draw_and_none_comes_twice(name):
    jaxpr = eqx.filter_make_jaxpr(lambda key: NETS[name][0](dtype="float32", key=key))(KEY)[0]
    assert str(jaxpr).count("random_bits") == 1
    weights = [x for x in arrays(build(name)) if x.ndim == 2]
    if name == "decoder":
        # The nearest of the four pixels has 9/16 of the small matrix that was drawn.
        small = [(2, 3), (2, 2)]
        weights[2:] = [w[:b, :a] for w, (b, a) in zip(weights[2:], small, strict=True)]
    signs = np.concatenate([np.asarray(x).ravel() for x in weights])
    assert len(np.unique(np.abs(signs))) == len(signs)


FIRST_BOUNDS = {
    "mlp": lambda net: [x.weight for x in net.layers],
    "residual": lambda net: [net.first.weight, net.blocks[1].first.weight, net.last.weight],
    "encoder": lambda net: [net.convolutions[1].weight, *(x.weight for x in net.layers)],
    "decoder": lambda net: [*(x.weight for x in net.layers)],
}


@pytest.mark.parametrize("name", NETS)
def test_matrices_before_a_rectifier_start_sqrt_2_as_large(name):
    tanh, relu = (FIRST_BOUNDS[name](build(name, activation=a)) for a in ("tanh", "relu"))
    ratios = [np.mean(np.abs(b)) / np.mean(np.abs(a)) for a, b in zip(tanh, relu, strict=True)]
    expected = {
        "mlp": [2, 2, 1],
        "residual": [1, 2, 1],
        "encoder": [2, 2, 1],
        "decoder": [2, 2],
    }
    np.testing.assert_allclose(ratios, np.sqrt(expected[name]), rtol=1e-12)


def test_every_net_is_built_with_the_same_settings():
    common = {"condition", "activation", "dropout", "normalise", "modulate", "dtype", "key"}
    for kind in (MLP, ResidualMLP, ConvEncoder, ConvDecoder):
        assert common <= set(inspect.signature(kind).parameters)
