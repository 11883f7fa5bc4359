"""Convolutional nets against loops in NumPy, on images of any size; shifts of circular ones."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from plain import shaken

from ansatz.nets import ConvDecoder, ConvEncoder
from ansatz.protocol.errors import OptionError

KEY = jax.random.key(0)
CONDITION = np.array([0.7, -1.2])


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


def normal(*shape):
    return np.random.default_rng(3).normal(size=shape)


CASES = {
    "grey": ((5, 6), "none", {}),
    "channels last": ((6, 5, 2), "last", {"hidden": (4,), "circular": True}),
    "channels first": ((3, 5, 7), "first", {"condition": 2, "hidden": (4, 5)}),
    "modulated": (
        (2, 6, 5),
        "first",
        {"condition": 2, "hidden": (4,), "modulate": True, "normalise": "layer"},
    ),
}
SETTINGS = {"channels": (2, 3), "dtype": "float64", "key": KEY}


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_the_encoder_equals_a_plain_evaluation(case, copies):
    shape, axis, settings = CASES[case]
    net = shaken(ConvEncoder(shape, 4, copies=copies, **SETTINGS, **settings))
    x = normal(*shape) if copies == 1 else normal(copies, *shape)
    c = CONDITION if "condition" in settings else None
    found = eqx.filter_jit(net)(jnp.array(x), None if c is None else jnp.array(c))
    np.testing.assert_allclose(found, plain.encoder(net, x, c, axis=axis), rtol=1e-11)


@pytest.mark.parametrize("numbers", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_the_decoder_equals_a_plain_evaluation(case, numbers):
    shape, axis, settings = CASES[case]
    net = shaken(ConvDecoder(4, shape, numbers, **SETTINGS, **settings))
    z, c = normal(4), CONDITION if "condition" in settings else None
    found = eqx.filter_jit(net)(jnp.array(z), None if c is None else jnp.array(c))
    # 5, 6 or 7 pixels are 2 after two halvings.
    expected = plain.decoder(net, z, c, axis=axis, numbers=numbers, small=(2, 2))
    assert found.shape == (numbers * np.prod(shape),)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


SHAPES = [
    ((7, 9), (4, 6)),
    ((8, 8), (4, 6)),
    ((28, 28), (32, 64)),
    ((33, 33), (8, 8, 8, 8, 8, 8)),
    ((64, 64, 3), (8, 16, 32)),
    ((3, 64, 48), (8, 16, 32)),
    ((5, 31, 17), (8,)),
    ((1, 16), (4, 4, 4, 4)),
    ((2, 1), (4,)),
]


@pytest.mark.parametrize(("shape", "channels"), SHAPES)
def test_images_of_any_size_go_in_and_come_out(shape, channels):
    def shapes(key):
        settings = {"channels": channels, "dtype": "float32", "key": key}
        encoder, decoder = ConvEncoder(shape, 5, **settings), ConvDecoder(5, shape, 2, **settings)
        twice = ConvEncoder(shape, 5, copies=2, **settings)
        x = jnp.zeros(shape, jnp.float32)
        z = encoder(x)
        return encoder.features(x), z, twice(jnp.stack([x, x])), decoder(z)

    features, code, code_of_two, out = eqx.filter_eval_shape(shapes, KEY)
    height, width = {3: shape[-2:] if shape[0] == 3 else shape[:2], 2: shape}[len(shape)]
    cell = 2 ** len(channels)
    assert features.shape == (-(-height // cell), -(-width // cell), channels[-1])
    assert code.shape == code_of_two.shape == (5,)
    assert out.shape == (2 * np.prod(shape),)


@pytest.mark.parametrize("normalise", ["none", "layer"])
def test_circular_features_shift_with_the_image(normalise):
    settings = {**SETTINGS, "normalise": normalise}
    circular = shaken(ConvEncoder((8, 12), 1, circular=True, **settings))
    bordered = shaken(ConvEncoder((8, 12), 1, **settings))
    x = normal(8, 12)
    moved = np.roll(x, (4, -8), (0, 1))
    features = eqx.filter_jit(lambda net, x: net.features(x))
    expected = np.roll(features(circular, jnp.array(x)), (1, -2), (0, 1))
    np.testing.assert_allclose(features(circular, jnp.array(moved)), expected, rtol=1e-10)
    expected = np.roll(features(bordered, jnp.array(x)), (1, -2), (0, 1))
    assert np.abs(features(bordered, jnp.array(moved)) - expected).max() > 0.01


@pytest.mark.parametrize("normalise", ["none", "layer"])
def test_a_circular_decoders_image_shifts_with_the_small_one(normalise):
    settings = {**SETTINGS, "normalise": normalise}
    circular = shaken(ConvDecoder(1, (8, 12), 1, circular=True, **settings))
    bordered = shaken(ConvDecoder(1, (8, 12), 1, **settings))
    small = normal(2, 3, 3)
    moved = np.roll(small, (1, -2), (0, 1))
    image = eqx.filter_jit(lambda net, small: net.image(small))
    expected = np.roll(image(circular, jnp.array(small)), (4, -8), (0, 1))
    np.testing.assert_allclose(image(circular, jnp.array(moved)), expected, rtol=1e-10, atol=1e-12)
    expected = np.roll(image(bordered, jnp.array(small)), (4, -8), (0, 1))
    assert np.abs(image(bordered, jnp.array(moved)) - expected).max() > 0.01


def test_every_pixel_can_start_at_its_own_value():
    net = ConvDecoder(4, (5, 6), 2, **SETTINGS)
    bias, z = normal(60), jnp.array(normal(4))
    moved = net.with_output_bias(jnp.array(bias))
    call = eqx.filter_jit(lambda net, z: net(z))
    # At the start nothing but weights acts on z, so where it is zero the bias is all there is.
    np.testing.assert_array_equal(call(moved, jnp.zeros(4)), bias)
    np.testing.assert_allclose(call(moved, z), call(net, z) + bias, rtol=1e-12)


def test_nets_for_what_is_no_image_are_refused():
    for build in (
        lambda: ConvEncoder((16,), 4, key=KEY),
        lambda: ConvDecoder(4, (16,), 1, key=KEY),
    ):
        with pytest.raises(OptionError, match="A convolutional net takes images"):
            build()
