"""Convolutions against XLA's own, against loops in NumPy, and against what interpolation is."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from plain import shaken

from ansatz.nets.convolution import Convolution, Upsampling

SIZES = [(8, 6), (7, 9), (1, 5), (2, 1), (3, 2)]


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


def image(*shape):
    return np.random.default_rng(2).normal(size=shape)


def convolution(circular, channels=2, out=3):
    weight = jnp.zeros(Convolution.matrix(channels, out))
    return shaken(Convolution(weight, circular=circular))


def upsampling(size, circular, channels=2, out=3):
    return shaken(Upsampling(jnp.zeros((out, channels)), size, circular=circular))


def conv(x, kernel, **settings):
    """XLA's convolution of one image by a kernel (row, column, in, out)."""
    axes = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        jnp.array(x)[None], jnp.array(kernel), dimension_numbers=axes, **settings
    )[0]


def halved_by_xla(layer, x):
    kernel = np.asarray(layer.weight).T.reshape(3, 3, x.shape[-1], -1)
    odd = np.array(x.shape[:2]) % 2
    if layer.circular:
        x, padding = np.pad(x, [(odd[0], 1), (odd[1], 1), (0, 0)], mode="wrap"), "VALID"
    else:
        padding = "SAME"
    return np.asarray(
        conv(x, kernel, window_strides=(2, 2), padding=padding) + layer.bias[None, None]
    )


def doubled_by_xla(layer, x):
    """A transposed convolution of stride 2 with a kernel of 4, cropped."""
    outs, ins = len(layer.bias), x.shape[-1]
    kernel = np.zeros((4, 4, ins, outs))
    weight = np.asarray(layer.weight).reshape(2, 2, outs, 2, 2, ins)
    # A pixel 2m of the finer image lies nearest to m and sees m - 1; 2m + 1 sees m and m + 1.
    for p, q, i, j in np.ndindex(2, 2, 2, 2):
        kernel[2 * i + 1 - p, 2 * j + 1 - q] = weight[p, q, :, i, j].T
    border = 1 if layer.circular else 0
    x = np.pad(x, [(border, border), (border, border), (0, 0)], mode="wrap")
    y = conv(x, kernel, window_strides=(1, 1), padding=[(2, 2), (2, 2)], lhs_dilation=(2, 2))
    y = y[2 * border :, 2 * border :][: layer.size[0], : layer.size[1]]
    return np.asarray(y + layer.bias[None, None])


@pytest.mark.parametrize("circular", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_halving_equals_a_convolution_of_xla_and_loops(size, circular):
    layer, x = convolution(circular), image(*size, 2)
    found = eqx.filter_jit(layer)(jnp.array(x))
    np.testing.assert_allclose(found, plain.convolution(layer, x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found, halved_by_xla(layer, x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("circular", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_doubling_equals_a_transposed_convolution_of_xla_and_loops(size, circular):
    layer = upsampling(size, circular)
    x = image(*(-(-length // 2) for length in size), 2)
    found = eqx.filter_jit(layer)(jnp.array(x))
    assert found.shape == (*size, 3)
    np.testing.assert_allclose(found, plain.upsampling(layer, x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found, doubled_by_xla(layer, x), rtol=1e-12, atol=1e-13)


@pytest.fixture(scope="module")
def fresh():
    """An upsampling as it starts, from a small matrix."""
    matrix = image(3, 2)
    return matrix, Upsampling(jnp.array(matrix), (10, 12), circular=False)


def test_doubling_starts_as_linear_interpolation(fresh):
    """Between coarser pixels, whose centres lie at 2m + 1/2, in units of the finer ones."""
    matrix, layer = fresh
    x = image(5, 6, 2)
    found = np.asarray(layer(jnp.array(x)))
    products = x @ matrix.T
    rows = np.stack(
        [
            [np.interp(np.arange(10), 2 * np.arange(5) + 0.5, products[:, b, o]) for o in range(3)]
            for b in range(6)
        ]
    )
    both = np.stack(
        [
            [np.interp(np.arange(12), 2 * np.arange(6) + 0.5, rows[:, o, a]) for o in range(3)]
            for a in range(10)
        ]
    )
    # Outermost pixels lie beyond the last centres: there zeros come in.
    np.testing.assert_allclose(found[1:-1, 1:-1], both.transpose(0, 2, 1)[1:-1, 1:-1], rtol=1e-12)


def test_no_chessboard_is_there_at_the_start(fresh):
    matrix, layer = fresh
    found = np.asarray(layer(jnp.ones((5, 6, 2))))
    expected = np.broadcast_to(matrix.sum(1), (8, 10, 3))
    np.testing.assert_allclose(found[1:-1, 1:-1], expected, rtol=1e-12)
