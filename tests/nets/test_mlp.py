"""The perceptron against a plain evaluation in NumPy; its start and its dropout by sampling."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from plain import FORMULAS

from ansatz.distributions import FixedNormalHead, NormalHead
from ansatz.nets import MLP, ConditionalNet, Linear


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


def build(*sizes, **settings):
    size_in, *hidden, size_out = sizes
    key = jax.random.key(settings.pop("seed", 0))
    net = MLP(size_in, tuple(hidden), size_out, dtype="float64", key=key, **settings)
    # Biases begin at zero; other ones show whether they are used.
    biases = [0.1 * np.arange(len(layer.bias)) - 0.2 for layer in net.layers]
    return eqx.tree_at(lambda n: [layer.bias for layer in n.layers], net, [*map(jnp.array, biases)])


@pytest.mark.parametrize("activation", FORMULAS)
def test_output_equals_a_plain_evaluation(activation):
    net = build(3, 5, 4, 2, activation=activation)
    x = np.array([0.4, -2.0, 1.3])
    found = net(jnp.array(x))
    np.testing.assert_allclose(found, plain.mlp(net, x), rtol=1e-12)


def test_without_hidden_layers_it_is_linear():
    net = build(3, 2, condition=1)
    x = np.array([1.0, 2.0, 3.0, 4.0])
    expected = np.asarray(net.layers[0].weight) @ x + np.asarray(net.layers[0].bias)
    np.testing.assert_allclose(net(jnp.array(x[:3]), jnp.array(x[3:])), expected, rtol=1e-12)


def test_the_condition_stands_behind_the_flattened_input():
    net = build(4, 3, 2, condition=2)
    image, condition = np.arange(4.0).reshape(2, 2), np.array([7.0, -8.0])
    expected = plain.mlp(net, np.array([0, 1, 2, 3, 7, -8.0]))
    np.testing.assert_allclose(net(jnp.array(image), jnp.array(condition)), expected, rtol=1e-12)


def test_output_bias_replaces_the_last_one_only():
    net = build(3, 4, 2)
    moved = net.with_output_bias(jnp.array([10.0, 20.0]))
    x = jnp.array([0.4, -2.0, 1.3])
    expected = net(x) - net.layers[-1].bias + jnp.array([10.0, 20.0])
    np.testing.assert_allclose(moved(x), expected, rtol=1e-12)
    np.testing.assert_array_equal(moved.layers[0].bias, net.layers[0].bias)


WIDTH = 1000


@pytest.fixture(scope="module")
def ones():
    """Two hidden layers that hold ones, copied from the first to the second and to the output."""
    net = MLP(1, (1, 1), 1, activation="relu", dropout=0.3, key=jax.random.key(0))
    copy = Linear(jnp.eye(WIDTH, dtype=jnp.float32), jnp.zeros(WIDTH, jnp.float32))
    first = Linear(jnp.zeros((WIDTH, 1), jnp.float32), jnp.ones(WIDTH, jnp.float32))
    return eqx.tree_at(lambda n: n.layers, net, (first, copy, copy))


def test_dropout_silences_its_fraction_after_every_hidden_layer_and_rescales(ones):
    out = np.asarray(ones(jnp.zeros(1, jnp.float32), key=jax.random.key(1)))
    alive = out > 0
    # A unit survives both layers with probability 0.7^2, being silenced in each on its own;
    # 4 sigma of a binomial fraction.
    expected = 0.7**2
    assert abs(alive.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / WIDTH)
    np.testing.assert_allclose(out[alive], 1 / 0.7**2, rtol=1e-6)
    other = np.asarray(ones(jnp.zeros(1, jnp.float32), key=jax.random.key(2)))
    assert (out != other).any()


def test_dropout_is_off_in_inference(ones):
    out = eqx.nn.inference_mode(ones)(jnp.zeros(1, jnp.float32))
    np.testing.assert_array_equal(out, 1)


def test_a_conditional_net_shapes_what_its_head_takes():
    net = MLP(3, (), 8, condition=1, dtype="float64", key=jax.random.key(0))
    x, condition = jnp.array([1.0, -2.0, 0.5]), jnp.array([3.0])
    raw = np.asarray(net.layers[0].weight) @ np.array([1.0, -2.0, 0.5, 3.0])
    found = ConditionalNet(net, NormalHead((2, 2)))(x, condition)
    np.testing.assert_allclose(found.mean(), raw[:4].reshape(2, 2), rtol=1e-12)
    found = ConditionalNet(net, FixedNormalHead((4, 2), 2.0))(x, condition)
    np.testing.assert_allclose(found.mean(), raw.reshape(4, 2), rtol=1e-12)
