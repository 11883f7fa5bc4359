"""What the raw numbers that fit given events are made of."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def average(
    values: Float[Array, "n *shape"],
    observed: Bool[Array, "n *shape"] | None,
    otherwise: float = 0.0,
) -> Float[Array, "*shape"]:
    """The mean over the observed events, and `otherwise` where there is none."""
    if observed is None:
        return jnp.mean(values, 0)
    count = jnp.sum(observed, 0, dtype=values.dtype)
    total = jnp.sum(jnp.where(observed, values, 0), 0)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), otherwise)


def median(
    values: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
) -> Float[Array, "*shape"]:
    """The median over the observed events, and 0 where there is none."""
    if observed is None:
        return jnp.median(values, 0)
    middle = jnp.nanmedian(jnp.where(observed, values, jnp.nan), 0)
    return jnp.where(jnp.any(observed, 0), middle, 0)


def deviation(
    values: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
) -> Float[Array, "*shape"]:
    """The standard deviation over the observed events, 1 where they do not vary."""
    mean = average(values, observed)
    return or_one(jnp.sqrt(average((values - mean[None]) ** 2, observed)), mean)


def or_one(scale: Float[Array, "*shape"], location: Float[Array, "*shape"]) -> Array:
    """The scale, or 1 where it is no more than the rounding of the location."""
    # A constant c has a computed deviation of the order of eps c, not of zero.
    rounding = 10 * jnp.finfo(scale.dtype).eps * jnp.abs(location)
    return jnp.where(scale > rounding, scale, 1)


def log_odds(
    hits: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
) -> Float[Array, "*shape"]:
    """log f/(1 − f) of the frequency f of ones among zeros and ones.

    What never or always happens starts at one in a thousand, where gradients still move it.
    """
    frequency = jnp.clip(average(hits, observed, 0.5), 1e-3, 1 - 1e-3)
    return jnp.log(frequency) - jnp.log1p(-frequency)
