"""Which axis holds the channels, what shapes are no images, how often images can be halved."""

import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.nets.images import Images
from ansatz.protocol.errors import OptionError

SHAPES = {
    (7, 9): ("none", (7, 9), 1),
    (3, 4): ("none", (3, 4), 1),
    (28, 28, 1): ("last", (28, 28), 1),
    (64, 64, 3): ("last", (64, 64), 3),
    (3, 64, 48): ("first", (64, 48), 3),
    (4, 5, 6): ("first", (5, 6), 4),
    (2, 2, 5): ("first", (2, 5), 2),
    (5, 5, 4): ("last", (5, 5), 4),
    (9, 16, 45): ("last", (9, 16), 45),
    (6, 3, 5): ("last", (6, 3), 5),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_tells_where_the_channels_are(shape):
    images = Images(shape)
    assert (images.channel_axis, images.size, images.channels) == SHAPES[shape]


@pytest.mark.parametrize("shape", [(3, 64, 48), (9, 16, 45), (5, 5, 4), (7, 9)])
def test_merging_puts_height_first_and_channels_last_array_by_array(shape):
    axis, (height, width), channels = SHAPES[shape]
    stack = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    merged = np.asarray(Images(shape).merge(jnp.array(stack)))
    assert merged.shape == (height, width, 2 * channels)
    for copy, c in np.ndindex(2, channels):
        plane = {"none": ..., "first": c, "last": (..., c)}[axis]
        np.testing.assert_array_equal(merged[:, :, channels * copy + c], stack[copy][plane])
    np.testing.assert_array_equal(Images(shape).split(jnp.array(merged)), stack)


@pytest.mark.parametrize("shape", [(16,), (), (2, 3, 4, 5), (0, 7)])
def test_other_shapes_are_no_images(shape):
    with pytest.raises(OptionError, match=r"takes images, events of the shape \(H, W\)"):
        Images(shape)


@pytest.mark.parametrize("shape", [(3, 64, 4), (1, 28, 1), (4, 4, 3)])
def test_channels_first_or_last_that_cannot_be_told_are_refused(shape):
    with pytest.raises(OptionError, match="may have their channels first or last: reshape"):
        Images(shape)


def test_each_stage_halves_both_sides_rounding_up():
    assert Images((33, 12)).sizes((1, 1, 1)) == [(33, 12), (17, 6), (9, 3), (5, 2)]
    assert Images((1, 5)).sizes((1, 1, 1)) == [(1, 5), (1, 3), (1, 2), (1, 1)]


def test_stages_that_leave_nothing_to_halve_are_refused():
    words = r"7 x 9 are one pixel after 4 halvings, and .* asks for 5: give at most 4 numbers"
    with pytest.raises(OptionError, match=words):
        Images((7, 9)).sizes((8, 8, 8, 8, 8))
    with pytest.raises(OptionError, match="choose another net"):
        Images((1, 1)).sizes((8,))
    with pytest.raises(OptionError, match="at least one number in channels"):
        Images((7, 9)).sizes(())
