"""From raw events to a batch for a model."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Shaped

from ansatz.data.conditions import ConditionEncoder
from ansatz.data.preprocessing import Preprocessing
from ansatz.protocol.source import Batch


def make_batch(
    preprocessing: Preprocessing,
    encoder: ConditionEncoder | None,
    events: Shaped[Array, "batch ..."],
    conditions: Float[Array, "batch columns"] | None,
    weights: Float[Array, " batch"] | None,
    real: Bool[Array, " batch"],
    *,
    dtype: str,
    key: PRNGKeyArray,
) -> Batch:
    """Events, preprocessed, beside what is given with them; what is not `real` is padding."""
    keys = jax.random.split(key, len(events))
    prepared, _ = jax.vmap(preprocessing.forward)(events.astype(dtype), keys)
    weight = real.astype(dtype)
    if weights is not None:
        weight = weight * weights
    condition = None
    if conditions is not None and encoder is not None:
        condition = jax.vmap(encoder)(conditions)
    return Batch(prepared, condition, weight, jnp.sum(real).astype(dtype))
