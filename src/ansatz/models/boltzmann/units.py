"""The two values of a unit: 0 and 1, or -1 and +1."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from ansatz.protocol.errors import DataError

Units = Literal["binary", "spin"]

VALUES: dict[Units, tuple[int, int]] = {"binary": (0, 1), "spin": (-1, 1)}


def span(units: Units) -> int:
    """From the lower value to the upper."""
    low, high = VALUES[units]
    return high - low


def log_odds(field: Float[Array, "*shape"], units: Units) -> Float[Array, "*shape"]:
    """log [p(upper) / p(lower)] of a unit of p(s) ∝ exp(field s)."""
    return field * span(units)


def valued(upper: Bool[Array, "*shape"], units: Units, dtype: jnp.dtype) -> Shaped[Array, "*shape"]:
    """The values of units that are up or not."""
    low, high = VALUES[units]
    return jnp.where(upper, jnp.asarray(high, dtype), jnp.asarray(low, dtype))


def unit_mean(field: Float[Array, "*shape"], units: Units) -> Float[Array, "*shape"]:
    """E[s] of a unit of p(s) ∝ exp(field s)."""
    low, high = VALUES[units]
    return low + (high - low) * jax.nn.sigmoid(log_odds(field, units))


def log_states(field: Float[Array, "*shape"], units: Units) -> Float[Array, "*shape"]:
    """log sum_s exp(field s): log(1 + e^f), or log(2 cosh f)."""
    if units == "binary":
        return jax.nn.softplus(field)
    return jnp.abs(field) + jax.nn.softplus(-2 * jnp.abs(field))


def check_values(values: Shaped[Array, "..."] | np.ndarray, units: Units, what: str) -> None:
    """Refuse numbers that are no value of a unit."""
    given = np.asarray(values)
    low, high = VALUES[units]
    wrong = ~((given == low) | (given == high))
    if wrong.any():
        raise DataError(
            f"{what} must be {low} or {high}, not {given[wrong].ravel()[0]}; "
            f"{wrong.sum()} of {given.size} are something else."
        )


def mean_bias(
    values: Float[Array, "event unit"] | np.ndarray, units: Units
) -> Float[np.ndarray, " unit"]:
    """The biases of independent units with the means of these values and of one of each more."""
    given = np.asarray(values, float)
    up = ((given > 0).sum(0) + 1) / (len(given) + 2)
    return np.log(up / (1 - up)) / span(units)
