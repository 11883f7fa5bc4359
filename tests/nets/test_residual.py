"""Blocks of a residual perceptron: how large they start, and their widths."""

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest

from ansatz.nets import ResidualMLP
from ansatz.protocol.errors import OptionError

WIDTH = 200


def added(net, h):
    """What the blocks add to h, and the mean square of what each multiplies by its last matrix."""
    start, squares = h, []
    for block in net.blocks:
        inner = plain.nonlinear(block.before, h, None)
        inner = plain.nonlinear(block.within, plain.linear(block.first, inner), None)
        squares.append(np.mean(inner**2))
        h = h + plain.linear(block.second, inner)
    return h - start, squares


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("blocks", [1, 12])
def test_what_blocks_add_does_not_grow_with_their_number(blocks, activation):
    key = jax.random.key(blocks)
    net = ResidualMLP(1, (WIDTH,) * blocks, 1, activation=activation, key=key)
    h = np.random.default_rng(0).normal(size=WIDTH)
    found, squares = added(net, h)
    # A Glorot matrix of equal widths has variance 1/width, so one 1/sqrt(n) as large makes of
    # inputs whose squares have the mean s numbers of variance s/n. 4 sigma of the mean of WIDTH
    # squares of nearly normal numbers.
    expected = np.mean(squares)
    assert abs(np.mean(found**2) / expected - 1) < 4 * np.sqrt(2 / WIDTH)
    # A matrix before a rectifier makes up for the half that the one before it lost; then half is
    # lost again. So s starts at half of h's mean square, and grows by a share of 1/2n a block.
    if activation == "relu":
        assert abs(squares[0] / (np.mean(h**2) / 2) - 1) < 4 * np.sqrt(5 / WIDTH + 2 / WIDTH)
        assert squares[-1] < np.exp(0.5) * squares[0] * (1 + 4 * np.sqrt(5 / WIDTH))


def test_a_block_for_every_width():
    assert len(ResidualMLP(3, (5, 5, 5), 2, key=jax.random.key(0)).blocks) == 3


@pytest.mark.parametrize("hidden", [(), (5, 6)])
def test_widths_must_be_equal(hidden):
    with pytest.raises(OptionError, match="hidden needs one width, said once for every block"):
        ResidualMLP(3, hidden, 2, key=jax.random.key(0))


def test_output_bias_replaces_the_last_one_only():
    net = ResidualMLP(3, (5,), 2, key=jax.random.key(0))
    moved = net.with_output_bias(jnp.array([10.0, 20.0]))
    x = jnp.array([0.4, -2.0, 1.3])
    np.testing.assert_allclose(moved(x), net(x) + jnp.array([10.0, 20.0]), rtol=1e-6)
    np.testing.assert_array_equal(moved.first.bias, 0)
