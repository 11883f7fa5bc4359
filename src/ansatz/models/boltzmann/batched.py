"""Events drawn one by one that come from chains side by side."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from ansatz.models.boltzmann.kernel import State
from ansatz.protocol.capabilities import Condition


@jax.custom_batching.custom_vmap
def one_chain(model: Any, key: PRNGKeyArray, condition: Condition) -> State:
    """One chain of a model that has `chains(key, count, given)`; vmapped, many of one state."""
    return model.chains(key, 1, None if condition is None else condition[:, None])


@one_chain.def_vmap
def _many_chains(
    size: int,
    batched: Sequence[Any],
    model: Any,
    keys: Shaped[Array, "..."],
    conditions: Float[Array, "..."] | None,
) -> tuple[Float[Array, "event node 1"], bool]:
    """Many events are many chains of one state, which is what a kernel is fast at.

    Their noise is one stream, that of the first key.
    """
    models, many, each = batched
    if not many or any(jax.tree.leaves(models)):
        axes = jax.tree.map(lambda own: 0 if own else None, tuple(batched))

        def alone(m: Any, k: PRNGKeyArray, c: Condition) -> State:
            return m.chains(k, 1, None if c is None else c[:, None])

        return jax.vmap(alone, in_axes=axes)(model, keys, conditions), True
    given = None
    if conditions is not None:
        alike = (len(conditions), size)
        given = conditions.T if each else jnp.broadcast_to(conditions[:, None], alike)
    return model.chains(keys[0], size, given).T[:, :, None], True
