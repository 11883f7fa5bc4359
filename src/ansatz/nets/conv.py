"""Convolutional nets: one that reads an image, and its mirror, which makes one."""

import math
from itertools import pairwise

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.nets.conditioning import beside
from ansatz.nets.convolution import Convolution, Upsampling
from ansatz.nets.images import Images
from ansatz.nets.linear import Linear, chain, glorot, linear
from ansatz.nets.nonlinear import Nonlinear, Normalise, nonlinear


class ConvEncoder(eqx.Module):
    """x, c -> W_n a(... a(W_1 [f(x), c] + b_1)) + b_n, with the features f(x) of an image x.

    f is a convolution and what `Nonlinear` says for each of `channels`, by which height and
    width are halved. `Images` says what shapes x may have; with `copies` it is a stack of so
    many arrays of its shape, as values and a mask are.

    The condition stands beside the features, or, with `modulate`, enters behind every
    convolution and every hidden layer.
    """

    convolutions: tuple[Convolution, ...]
    layers: tuple[Linear, ...]
    between: tuple[Nonlinear, ...]
    images: Images = eqx.field(static=True)
    copies: int = eqx.field(static=True)
    modulate: bool = eqx.field(static=True)

    def __init__(
        self,
        shape: tuple[int, ...],
        size_out: int,
        *,
        channels: tuple[int, ...] = (32, 64),
        hidden: tuple[int, ...] = (),
        copies: int = 1,
        circular: bool = False,
        condition: int = 0,
        activation: str = "tanh",
        dropout: float = 0.0,
        normalise: Normalise = "none",
        modulate: bool = False,
        dtype: str = "float32",
        key: PRNGKeyArray,
    ) -> None:
        self.images = Images(shape)
        height, width = self.images.sizes(channels)[-1]
        self.between = nonlinear(
            (*channels, *hidden),
            condition=condition,
            activation=activation,
            dropout=dropout,
            normalise=normalise,
            modulate=modulate,
            dtype=dtype,
        )
        stages = pairwise((copies * self.images.channels, *channels))
        features = height * width * channels[-1] + (0 if modulate else condition)
        shapes = [
            *(Convolution.matrix(before, after) for before, after in stages),
            *chain(features, *hidden, size_out),
        ]
        gains = [*(then.gain for then in self.between), 1.0]
        weights = glorot(shapes, gains, dtype=dtype, key=key)
        n = len(channels)
        self.convolutions = tuple(Convolution(w, circular=circular) for w in weights[:n])
        self.layers = linear(weights[n:])
        self.copies = copies
        self.modulate = modulate

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " out"]:
        features = self.features(x, condition, key=key)
        h = beside(features, None if self.modulate else condition)
        between = self.between[len(self.convolutions) :]
        for layer, then in zip(self.layers[:-1], between, strict=True):
            h = then(layer(h), condition, key=key)
        return self.layers[-1](h)

    def features(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "height width channels"]:
        """What the convolutions make of an image.

        Where they are circular and every halving is exact, an image shifted by n cells of the
        features, 2^stages pixels each, has its features shifted by n cells.
        """
        h = self.images.merge(x.reshape(self.copies, *self.images.shape))
        between = self.between[: len(self.convolutions)]
        for convolution, then in zip(self.convolutions, between, strict=True):
            h = then(convolution(h), condition, key=key)
        return h


class ConvDecoder(eqx.Module):
    """z, c -> `numbers` numbers for each of an image's: (numbers, *shape), flattened.

    `ConvEncoder` backwards. Hidden layers, in the order given, and a last one make a small image
    with the last of `channels`. It is doubled and cropped, through the sizes and the channels
    that an encoder of such images goes through, up to theirs. At the end stands an array `bias`
    as long as the output: so each number can start, and stay, at a value of its own.

    The condition stands beside z, or, with `modulate`, enters at every layer but the last.
    """

    layers: tuple[Linear, ...]
    upsamplings: tuple[Upsampling, ...]
    between: tuple[Nonlinear, ...]
    bias: Float[Array, " out"]
    images: Images = eqx.field(static=True)
    small: tuple[int, int] = eqx.field(static=True)
    modulate: bool = eqx.field(static=True)

    def __init__(
        self,
        size_in: int,
        shape: tuple[int, ...],
        numbers: int,
        *,
        channels: tuple[int, ...] = (32, 64),
        hidden: tuple[int, ...] = (),
        circular: bool = False,
        condition: int = 0,
        activation: str = "tanh",
        dropout: float = 0.0,
        normalise: Normalise = "none",
        modulate: bool = False,
        dtype: str = "float32",
        key: PRNGKeyArray,
    ) -> None:
        self.images = Images(shape)
        *sizes, self.small = self.images.sizes(channels)
        stages = channels[::-1]
        self.between = nonlinear(
            (*hidden, *stages),
            condition=condition,
            activation=activation,
            dropout=dropout,
            normalise=normalise,
            modulate=modulate,
            dtype=dtype,
        )
        first = size_in if modulate else size_in + condition
        shapes = [
            *chain(first, *hidden, math.prod(self.small) * stages[0]),
            *chain(*stages, numbers * self.images.channels),
        ]
        gains = [*(then.gain for then in self.between), 1.0]
        weights = glorot(shapes, gains, dtype=dtype, key=key)
        n = len(hidden) + 1
        self.layers = linear(weights[:n])
        self.upsamplings = tuple(
            Upsampling(w, size, circular=circular)
            for w, size in zip(weights[n:], sizes[::-1], strict=True)
        )
        self.bias = jnp.zeros(numbers * math.prod(shape), dtype)
        self.modulate = modulate

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " out"]:
        h = beside(x, None if self.modulate else condition)
        n = len(self.layers) - 1
        for layer, then in zip(self.layers[:-1], self.between[:n], strict=True):
            h = then(layer(h), condition, key=key)
        small = self.layers[-1](h).reshape(*self.small, -1)
        return self.images.split(self.image(small, condition, key=key)).ravel() + self.bias

    def image(
        self,
        small: Float[Array, "small_height small_width channels"],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "height width numbers"]:
        """What the upsamplings make of the small image; circular ones shift it as it is shifted."""
        between = self.between[len(self.layers) - 1 :]
        for then, upsampling in zip(between, self.upsamplings, strict=True):
            small = upsampling(then(small, condition, key=key))
        return small

    def with_output_bias(self, bias: Float[Array, " out"]) -> "ConvDecoder":
        """The same net with this array added at the end."""
        return eqx.tree_at(lambda net: net.bias, self, bias)
