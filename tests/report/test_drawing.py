"""What the pixels of images and densities say."""

import numpy as np
import pytest
from kinds import said

from ansatz.protocol.figures import ImageGrid, Pairs
from ansatz.report import pairs
from ansatz.report.images import FINEST, mosaic
from ansatz.report.style import COLOURS, transparent, two_sided

BLUE, RED = ([int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in COLOURS[:2])


def grid(images, **options):
    return ImageGrid(**said("grid"), images=images, **options)


def test_images_lie_in_their_row_and_column_with_gaps_between():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(2, 3, 28, 28))
    images[0, 0, 0, 0], images[1, 2, 27, 27] = 0.0, 1.0
    whole = mosaic(grid(images))
    # A tile of 28 pixels and a gap of one.
    assert whole.shape == (28 * 2 + 1, 28 * 3 + 2, 4)
    for i in range(2):
        for j in range(3):
            tile = whole[29 * i : 29 * i + 28, 29 * j : 29 * j + 28]
            for channel in range(3):
                np.testing.assert_array_equal(tile[..., channel], np.rint(255 * images[i, j]))
            assert (tile[..., 3] == 255).all()
    # The paper shows through the gaps.
    assert (whole[28] == 0).all()
    assert (whole[:, 28] == 0).all()


def test_small_images_are_enlarged_and_joined_ones_touch():
    images = np.arange(8.0).reshape(1, 2, 2, 2)
    whole = mosaic(grid(images, joined=True))
    assert whole.shape == (28, 56, 4)
    np.testing.assert_array_equal(
        whole[7::14, 7::14, 0], np.rint(255 / 7 * np.array([[0, 1, 4, 5], [2, 3, 6, 7]]))
    )


def test_all_images_have_one_scale():
    images = np.stack([np.zeros((28, 28)), np.full((28, 28), 5.0), np.full((28, 28), 20.0)])[None]
    assert mosaic(grid(images))[0, 29, 0] == round(255 / 4)
    # Beyond the ends of a given scale there is nothing darker or brighter.
    whole = mosaic(grid(images, scale=(4.0, 8.0)))
    assert [whole[0, 29 * j, 0] for j in range(3)] == [0, 64, 255]


def test_a_missing_pixel_is_a_hole():
    images = np.ones((1, 1, 28, 28))
    images[0, 0, 3, 4] = np.nan
    images[0, 0, 0, 0] = 0
    whole = mosaic(grid(images))
    assert whole[3, 4, 3] == 0
    assert (whole[..., 3] == 255).sum() == 28 * 28 - 1


def test_colours_stay_what_they_are():
    images = np.zeros((1, 1, 28, 28, 3), np.uint8)
    images[0, 0, :, :14] = [255, 51, 0]
    np.testing.assert_array_equal(mosaic(grid(images))[9, 9], [255, 51, 0, 255])


def test_signs_have_colours_and_zero_is_the_paper():
    images = np.zeros((1, 1, 28, 28))
    images[0, 0, 0, :3] = [-2, 1, 4]
    whole = mosaic(grid(images, signed=True))
    np.testing.assert_array_equal(whole[0, 0], [*BLUE, 128])
    np.testing.assert_array_equal(whole[0, 1], [*RED, 64])
    np.testing.assert_array_equal(whole[0, 2], [*RED, 255])
    assert whole[1, 1, 3] == 0
    np.testing.assert_array_equal(two_sided(np.zeros((2, 2)), 0.0)[..., 3], 0)


def test_large_images_are_averaged_over_blocks():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(1, 10, 400, 301))
    whole = mosaic(grid(images, joined=True, scale=(0.0, 1.0)))
    # The least block for which ten images are no wider than can be seen.
    block = -(-10 * 301 // FINEST)
    assert block == 3
    assert whole.shape[:2] == (133, 1000)
    wanted = images[0, 4, 6:9, 9:12].mean()
    assert abs(int(whole[2, 403, 0]) - 255 * wanted) <= 0.5


def test_strength_is_opacity():
    got = transparent(COLOURS[0], np.array([[0.0, 0.2, 2.0, np.nan]]))
    np.testing.assert_array_equal(got[0, :, 3], [0, 51, 255, 0])
    np.testing.assert_array_equal(got[0, 1, :3], BLUE)


@pytest.mark.parametrize("label", ["data", "samples"])
def test_the_two_halves_of_a_pair_plot_mirror_each_other(label):
    """One full bin, at 0.9 of axis 0 and at 0.3 of axis 1, shows where it should."""
    edges = np.linspace(0, 1, 11)
    peak = np.zeros((10, 10))
    peak[3, 9] = 7.0
    nothing = np.zeros((10, 10))
    figure = Pairs(
        **said("pairs"),
        axes=("first", "second"),
        edges=(edges, edges),
        densities={
            "data": {(1, 0): peak if label == "data" else nothing},
            "samples": {(1, 0): peak if label == "samples" else nothing},
        },
    )
    whole = pairs.mosaic(figure)
    found = np.argwhere(whole[..., 3] == 255)
    cell, pitch = pairs.CELL, pairs.CELL + pairs.GAP
    across = np.array([0.9, 1.0]) * cell, np.array([0.3, 0.4]) * cell
    if label == "data":
        # Lower left: axis 0 to the right, axis 1 upwards.
        right, up, (top, left), colour = *across, (pitch, 0), BLUE
    else:
        # Upper right: axis 1 to the right, axis 0 upwards.
        up, right, (top, left), colour = *across, (0, pitch), RED
    assert found[:, 1].min() == left + right[0]
    assert found[:, 1].max() == left + right[1] - 1
    assert found[:, 0].min() == top + cell - up[1]
    assert found[:, 0].max() == top + cell - up[0] - 1
    np.testing.assert_array_equal(whole[tuple(found[0])][:3], colour)


def test_both_halves_of_a_pair_share_one_scale():
    edges = np.linspace(0, 1, 3)
    figure = Pairs(
        **said("pairs"),
        axes=("first", "second"),
        edges=(edges, edges),
        densities={
            "data": {(1, 0): np.full((2, 2), 4.0)},
            "samples": {(1, 0): np.array([[1.0, -1.0], [0.0, 4.0]])},
        },
    )
    opacity = pairs.mosaic(figure)[..., 3]
    below = opacity[pairs.CELL + pairs.GAP :, : pairs.CELL]
    assert (below == 255).all()
    above = opacity[: pairs.CELL, pairs.CELL + pairs.GAP :]
    # The square root of a quarter; what is negative has no ink but that of the ground.
    assert above[-1, 0] == 128
    assert above[0, 0] == 10
