"""Positive numbers from raw ones, for scales and rates."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def positive(raw: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """softplus(r) + ε = log(1 + e^r) + ε, the root ε of the least number of the type.

    It is e^r where it is small and r where it is large: unlike e^r it turns no event far out into
    an astronomic scale. A number that never varies drives its scale to zero; without ε the
    square of the scale would underflow on the way, and leave gradients of 0/0.
    """
    return jax.nn.softplus(raw) + jnp.finfo(raw.dtype).tiny ** 0.5


def raw_of(number: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(e^s − 1), written so that neither a small nor a large s is lost."""
    return number + jnp.log(-jnp.expm1(-number))
