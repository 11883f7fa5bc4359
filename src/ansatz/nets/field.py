"""A convolutional net that keeps the size of a field, in one dimension or more."""

from itertools import product

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.nets.linear import Linear, chain, glorot, linear
from ansatz.nets.nonlinear import Nonlinear, nonlinear

KERNEL = 3
"""Places along each axis that a layer sees."""


class FieldNet(eqx.Module):
    """A field (*space, channels) -> (*space, out) in a row: convolutions of 3 places an axis.

    The field goes on at its other side if `circular`, and is surrounded by zeros otherwise. A
    condition stands beside the channels at every place. Products with matrices, for the reason
    that `ansatz.nets.convolution` gives: of patches, or where that moves fewer channels about, of
    the channels of every place with all that each of its neighbours makes of them.
    """

    layers: tuple[Linear, ...]
    between: tuple[Nonlinear, ...]
    circular: bool = eqx.field(static=True)

    def __init__(
        self,
        dimensions: int,
        channels_in: int,
        channels: tuple[int, ...],
        channels_out: int,
        *,
        condition: int = 0,
        activation: str = "gelu",
        circular: bool = False,
        dtype: str = "float32",
        key: PRNGKeyArray,
    ) -> None:
        self.between = nonlinear(channels, activation=activation, dtype=dtype)
        gains = [*(then.gain for then in self.between), 1.0]
        sizes = chain(channels_in + condition, *channels, channels_out)
        shapes = [(after, KERNEL**dimensions * before) for after, before in sizes]
        self.layers = linear(glorot(shapes, gains, dtype=dtype, key=key))
        self.circular = circular

    def __call__(
        self,
        x: Float[Array, "*space channels"],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " out"]:
        h = x
        if condition is not None:
            beside = jnp.broadcast_to(condition, (*x.shape[:-1], len(condition)))
            h = jnp.concatenate([x, beside], axis=-1)
        for layer, then in zip(self.layers[:-1], self.between, strict=True):
            h = then(self._convolve(layer, h))
        return self._convolve(self.layers[-1], h).ravel()

    def _convolve(self, layer: Linear, h: Array) -> Array:
        (out, patch), channels = layer.weight.shape, h.shape[-1]
        offsets = list(product((-1, 0, 1), repeat=h.ndim - 1))
        if channels <= out:
            near = [seen(h, offset, circular=self.circular) for offset in offsets]
            y = jnp.concatenate(near, axis=-1) @ layer.weight.T
        else:
            each = layer.weight.reshape(out, patch // channels, channels).transpose(2, 1, 0)
            made = jnp.split(h @ each.reshape(channels, -1), len(offsets), axis=-1)
            y = jnp.zeros_like(made[0])
            for part, offset in zip(made, offsets, strict=True):
                y = y + seen(part, offset, circular=self.circular)
        return y + jnp.broadcast_to(layer.bias, y.shape)


def seen(
    x: Float[Array, "*space channels"], offset: tuple[int, ...], *, circular: bool
) -> Float[Array, "*space channels"]:
    """At every place what stands so many steps further along each axis."""
    space = x.shape[:-1]
    if circular:
        return jnp.roll(x, tuple(-step for step in offset), tuple(range(len(space))))
    padded = jnp.pad(x, (*((1, 1) for _ in space), (0, 0)))
    return padded[
        tuple(slice(1 + step, 1 + step + n) for step, n in zip(offset, space, strict=True))
    ]
