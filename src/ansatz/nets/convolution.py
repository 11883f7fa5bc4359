"""Convolutions that halve an image or double it, as patches times a matrix.

On a CPU XLA's own convolutions are slow inside a compiled loop, which training is, and its matrix
products are not: measured side by side on two cores, the gradient of two layers for 128 images of
28 x 28 takes about ten times as long that way.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

KERNEL = 3
"""Pixels on the side of a patch: 4 of them made no better autoencoder for nearly twice the work."""


class Convolution(eqx.Module):
    """Half an image's height and width, rounded up: y_ij = W x[2i:2i+3, 2j:2j+3] + b.

    The input is padded at its borders just as far as the last patches reach over: with zeros, or
    if `circular` with what lies at the other end. A column of W belongs to (row, column, channel)
    of a patch.
    """

    weight: Float[Array, "out patch"]
    bias: Float[Array, " out"]
    circular: bool = eqx.field(static=True)

    def __init__(self, weight: Float[Array, "out patch"], *, circular: bool) -> None:
        self.weight = weight
        self.bias = jnp.zeros(len(weight), weight.dtype)
        self.circular = circular

    @staticmethod
    def matrix(channels_in: int, channels_out: int) -> tuple[int, int]:
        """The shape of the weights."""
        return channels_out, KERNEL**2 * channels_in

    def __call__(
        self, x: Float[Array, "height width channels"]
    ) -> Float[Array, "half_height half_width out"]:
        height, width, _ = x.shape
        x = pad(x, (_overhang(height), _overhang(width)), circular=self.circular)
        y = patches(x, KERNEL, stride=2) @ self.weight.T
        return y + jnp.broadcast_to(self.bias, y.shape)


class Upsampling(eqx.Module):
    """Twice an image's height and width, then cropped to a given size.

    Four pixels of the finer image meet where four of the coarser do, and are W [these four] + b:
    a convolution by 2 x 2 patches, and each of its outputs spread over 2 x 2 pixels. It is what a
    transposed convolution of stride 2 and kernel 4 computes; each pixel is reached by the same
    number of terms, and at first W interpolates linearly between products of one small matrix
    with the coarser pixels. So no pattern of a chessboard is built in, and none is there at the
    start. A row of W belongs to (row, column, channel) of the four, a column likewise.
    """

    weight: Float[Array, "four_out four_in"]
    bias: Float[Array, " out"]
    size: tuple[int, int] = eqx.field(static=True)
    circular: bool = eqx.field(static=True)

    def __init__(
        self, weight: Float[Array, "out in"], size: tuple[int, int], *, circular: bool
    ) -> None:
        """`weight` is the small matrix, of the shape (channels out, channels in)."""
        rows, columns = weight.shape
        # Half a pixel apart: the nearer one counts three times as much, in each direction.
        share = jnp.array([[0.75, 0.25], [0.25, 0.75]], weight.dtype)
        spread = jnp.einsum("pi,qj,oc->pqoijc", share, share, weight)
        self.weight = spread.reshape(4 * rows, 4 * columns)
        self.bias = jnp.zeros(rows, weight.dtype)
        self.size = size
        self.circular = circular

    def __call__(
        self, x: Float[Array, "half_height half_width channels"]
    ) -> Float[Array, "height width out"]:
        x = pad(x, ((1, 1), (1, 1)), circular=self.circular)
        y = patches(x, 2, stride=1) @ self.weight.T
        rows, columns, _ = y.shape
        y = y.reshape(rows, columns, 2, 2, -1).transpose(0, 2, 1, 3, 4)
        y = y.reshape(2 * rows, 2 * columns, -1)
        # The first row and column of four reach over the border by a pixel.
        y = y[1 : 1 + self.size[0], 1 : 1 + self.size[1]]
        return y + jnp.broadcast_to(self.bias, y.shape)


def patches(
    x: Float[Array, "height width channels"], kernel: int, *, stride: int
) -> Float[Array, "rows columns patch"]:
    """Every patch of kernel x kernel pixels that lies within the image, `stride` apart."""
    height, width, channels = x.shape
    slices = [
        jax.lax.slice(
            x,
            (i, j, 0),
            (height - kernel + i + 1, width - kernel + j + 1, channels),
            (stride, stride, 1),
        )
        for i in range(kernel)
        for j in range(kernel)
    ]
    return jnp.concatenate(slices, axis=-1)


def pad(
    x: Float[Array, "height width channels"],
    by: tuple[tuple[int, int], tuple[int, int]],
    *,
    circular: bool,
) -> Float[Array, "padded_height padded_width channels"]:
    """The image with so many rows and columns more, before and behind."""
    return jnp.pad(x, (*by, (0, 0)), mode="wrap" if circular else "constant")


def _overhang(length: int) -> tuple[int, int]:
    """How far patches at every second pixel, the last one included, reach over either end."""
    return (0, 1) if length % 2 == 0 else (1, 1)
