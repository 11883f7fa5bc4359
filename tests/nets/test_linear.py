"""What weights start from, by sampling theory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.nets.linear import chain, glorot, linear

WIDTHS = (320, 200, 50, 100)
GAINS = (1.0, 0.5, 2.0)


@pytest.fixture(scope="module")
def weights():
    return glorot(chain(*WIDTHS), GAINS, dtype="float32", key=jax.random.key(0))


@pytest.mark.parametrize("place", range(3))
def test_weights_are_uniform_within_glorots_bound(weights, place):
    a, b = WIDTHS[place : place + 2]
    assert weights[place].shape == (b, a)
    assert weights[place].dtype == jnp.float32
    w = np.asarray(weights[place], float).ravel()
    bound, variance, n = (
        GAINS[place] * np.sqrt(6 / (a + b)),
        GAINS[place] ** 2 * 2 / (a + b),
        w.size,
    )
    # Of n uniform draws none lies in the outer share 10/n of the interval with probability
    # exp(-10).
    assert bound * (1 - 10 / n) < np.abs(w).max() <= bound * (1 + 1e-6)
    # 4 sigma of the mean, and of the variance, whose own variance is (9/5 - 1) sigma^4 / n.
    assert abs(w.mean()) < 4 * np.sqrt(variance / n)
    assert abs(w.var() - variance) < 4 * variance * np.sqrt(0.8 / n)


def test_biases_are_zero_and_as_many_as_outputs(weights):
    for layer, width in zip(linear(weights), WIDTHS[1:], strict=True):
        assert layer.bias.dtype == jnp.float32
        np.testing.assert_array_equal(layer.bias, np.zeros(width))
