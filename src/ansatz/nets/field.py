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
    condition stands beside the channels at every place. Products of patches with a matrix, for
    the reason that `ansatz.nets.convolution` gives.
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
        y = neighbourhoods(h, circular=self.circular) @ layer.weight.T
        return y + jnp.broadcast_to(layer.bias, y.shape)


def neighbourhoods(
    x: Float[Array, "*space channels"], *, circular: bool
) -> Float[Array, "*space patch"]:
    """At every place the channels of all places that are at most one step away along each axis."""
    space = x.shape[:-1]
    mode = "wrap" if circular else "constant"
    padded = jnp.pad(x, (*((1, 1) for _ in space), (0, 0)), mode=mode)
    shifted = [
        padded[tuple(slice(o, o + n) for o, n in zip(offset, space, strict=True))]
        for offset in product(range(KERNEL), repeat=len(space))
    ]
    return jnp.concatenate(shifted, axis=-1)
