"""Nets of a user's own: called as they want to be, refused in words."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ansatz
from ansatz.nets import OwnNet, check_output
from ansatz.protocol.errors import OptionError

X, C, KEY = jnp.array([1.0, 2.0, 3.0]), jnp.array([10.0, 20.0]), jax.random.key(4)


class Scaled(eqx.Module):
    """No condition, no key."""

    factor: jax.Array

    def __call__(self, x):
        return self.factor * x


class Noisy(eqx.Module):
    def __call__(self, x, *, key):
        return x + jax.random.normal(key, x.shape)


class Keyed(eqx.Module):
    """A key that may be given by position is a key all the same."""

    def __call__(self, x, key=None):
        return x + jax.random.normal(key, x.shape)


class Conditional(eqx.Module):
    def __call__(self, x, condition):
        return jnp.outer(x, condition)


class Other(eqx.Module):
    """A condition by another name."""

    def __call__(self, x, energies, *, key=None):
        return x * energies.sum()


class Named(eqx.Module):
    def __call__(self, x, *, condition=None):
        return x if condition is None else x * condition.sum()


def noise():
    return jax.random.normal(KEY, (3,))


CASES = {
    "plain": (Scaled(jnp.array(2.0)), None, [2, 4, 6]),
    "plain, condition appended": (Scaled(jnp.array(2.0)), C, [2, 4, 6, 20, 40]),
    "with a key": (Noisy(), None, lambda: np.asarray(X) + noise()),
    "with a key by position": (Keyed(), None, lambda: np.asarray(X) + noise()),
    "with a condition": (Conditional(), C, [10, 20, 20, 40, 30, 60]),
    "with a condition by another name": (Other(), C, [30, 60, 90]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_net_is_called_as_it_wants_to_be(case):
    net, condition, expected = CASES[case]
    found = OwnNet(net)(X, condition, key=KEY)
    np.testing.assert_allclose(found, expected() if callable(expected) else expected, rtol=1e-6)


def test_a_condition_by_keyword_alone():
    np.testing.assert_allclose(OwnNet(Named())(X, C, key=KEY), [30, 60, 90])
    np.testing.assert_allclose(OwnNet(Named())(X, key=KEY), X)


@pytest.fixture(scope="module")
def mlp():
    return eqx.nn.MLP(5, 2, 3, 1, jnp.tanh, key=jax.random.key(0))


def plain(layers, x):
    (w, b), (v, c) = [(np.asarray(layer.weight), np.asarray(layer.bias)) for layer in layers]
    return v @ np.tanh(w @ x + b) + c


def test_equinox_networks_plug_in_with_a_condition(mlp):
    expected = plain(mlp.layers, np.concatenate([X, C]))
    np.testing.assert_allclose(OwnNet(mlp)(X, C, key=KEY), expected, rtol=1e-5)
    layers = [mlp.layers[0], eqx.nn.Lambda(jnp.tanh), mlp.layers[1]]
    chain = OwnNet(eqx.nn.Sequential(layers))
    np.testing.assert_allclose(chain(X, C, key=KEY), expected, rtol=1e-5)


def test_an_equinox_network_plugs_in_without_a_condition(mlp):
    x = jnp.arange(5.0)
    np.testing.assert_allclose(OwnNet(mlp)(x), plain(mlp.layers, np.arange(5.0)), rtol=1e-5)


def test_outputs_are_flattened_and_images_reach_the_net_as_they_are():
    class Turned(eqx.Module):
        def __call__(self, image):
            return image.T

    image = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(OwnNet(Turned())(jnp.array(image)), image.T.ravel())


def test_a_net_must_be_callable():
    with pytest.raises(OptionError, match=r"must be a callable equinox.Module, not dict"):
        OwnNet({})


def test_outputs_of_the_right_length_are_accepted(mlp):
    assert check_output("encoder", OwnNet(mlp), (3,), 2, 2, "float32") is None
    assert check_output("encoder", OwnNet(mlp), (5,), 0, 2, "float32") is None


def test_outputs_of_another_length_are_refused(mlp):
    words = r"The decoder gives 2 numbers for an input of shape \(5,\); the model needs 7\."
    with pytest.raises(OptionError, match=words):
        check_output("decoder", OwnNet(mlp), (5,), 0, 7, "float32")


def test_nets_that_cannot_take_the_input_are_refused(mlp):
    with pytest.raises(OptionError, match=r"The encoder cannot be called .* of shape \(4,\): "):
        check_output("encoder", OwnNet(mlp), (4,), 0, 2, "float32")
    words = r"cannot be called on an input of shape \(5,\) with a condition of 3 numbers: "
    with pytest.raises(OptionError, match=words):
        check_output("encoder", OwnNet(mlp), (5,), 3, 2, "float32")


def test_a_net_whose_name_is_misspelt_is_named():
    with pytest.raises(OptionError, match=r"no setting 'encodr'\. Did you mean 'encoder'\?"):
        ansatz.fit("vae", np.zeros((9, 2)), encodr=eqx.nn.Identity())
