"""Layer normalisation."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

FLOOR = 1e-5
"""Added to the variance, so that a constant signal is not divided by zero."""


class LayerNorm(eqx.Module):
    """h -> scale (h − mean h) / sqrt(var h) + shift (Ba, Kiros and Hinton, 2016).

    Mean and variance are those of this one event's signal, so nothing runs along with training.
    They are taken over all of it: over the units of a dense layer, over pixels and channels of
    an image, where scale and shift are one number a channel. Normalising each pixel by itself
    would make an empty one as loud as a bright one; normalising each channel by itself would
    lose how strongly a feature is present.
    """

    scale: Float[Array, " channels"]
    shift: Float[Array, " channels"]

    def __init__(self, channels: int, *, dtype: str) -> None:
        self.scale = jnp.ones(channels, dtype)
        self.shift = jnp.zeros(channels, dtype)

    def __call__(self, h: Float[Array, "*space channels"]) -> Float[Array, "*space channels"]:
        centred = h - h.mean()
        normal = centred * jax.lax.rsqrt(jnp.mean(centred**2) + FLOOR)
        return jnp.broadcast_to(self.scale, h.shape) * normal + jnp.broadcast_to(
            self.shift, h.shape
        )
