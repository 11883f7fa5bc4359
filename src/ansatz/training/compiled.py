"""What the engine compiles: chunks of steps, the end of an epoch, validation.

Keys come alone for a single model. For an ensemble there is one for each member, the trees of
the state have a leading axis of members, and `jax.vmap` trains them side by side on the same
events.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, PRNGKeyArray, PyTree

from ansatz.protocol.keys import Keys
from ansatz.protocol.source import AbstractSource
from ansatz.protocol.update import AbstractUpdate
from ansatz.training.devices import replicated, shared


@eqx.filter_jit
def initial(
    update: AbstractUpdate, source: AbstractSource, model: Any, keys: Keys
) -> tuple[PyTree, PyTree]:
    """The states of update and source before the first step."""

    def one(model: Any, _: PRNGKeyArray) -> tuple[PyTree, PyTree]:
        return update.initial(model), source.initial()

    return _each(one, keys)(model, keys)


@eqx.filter_jit
def run(
    update: AbstractUpdate,
    source: AbstractSource,
    state: PyTree,
    loaded: PyTree,
    first: Array,
    steps: Array,
    keys: Keys,
    *,
    room: int,
    mesh: Mesh | None,
) -> tuple[PyTree, dict[str, Array], Array]:
    """`steps` steps in one compiled loop, their metrics, and whether the model is still finite.

    The number of steps is an argument of the compiled code, not a part of it: so the code, and
    every bit it computes, is the same for any number up to `room`.
    """
    arrays, rest = eqx.partition(state, eqx.is_array)

    def one(arrays: PyTree, key: PRNGKeyArray, step: Array) -> tuple[PyTree, dict[str, Array]]:
        state, source_state = eqx.combine(arrays, rest)
        key_batch, key_update = _two_keys(key, step)
        batch, source_state = source.draw(
            source_state, loaded, update.model(state), step, key_batch
        )
        state, metrics = update(state, shared(batch, mesh), step, key_update)
        return replicated((eqx.filter((state, source_state), eqx.is_array), metrics), mesh)

    each = _traced_once(_each(one, keys, 1))
    shapes = jax.eval_shape(each, arrays, keys, first)[1]
    empty = jax.tree.map(lambda m: jnp.zeros((room, *m.shape), m.dtype), shapes)

    def body(i: Array, carried: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
        arrays, metrics = carried
        arrays, new = each(arrays, keys, first + i)
        return arrays, jax.tree.map(lambda all_, m: all_.at[i].set(m), metrics, new)

    arrays, metrics = jax.lax.fori_loop(0, steps, body, (arrays, empty))

    def healthy(state: PyTree, _: PRNGKeyArray) -> Array:
        return _finite(update.model(state[0]))

    state = eqx.combine(arrays, rest)
    return state, metrics, _each(healthy, keys)(state, keys)


@eqx.filter_jit
def finish_epoch(update: AbstractUpdate, state: PyTree, keys: Keys) -> tuple[PyTree, Array]:
    """The state once every event was seen, and whether its model is finite."""

    def one(state: PyTree, _: PRNGKeyArray) -> tuple[PyTree, Array]:
        after = update.finish_epoch(state)
        return after, _finite(update.model(after))

    return _each(one, keys)(state, keys)


@eqx.filter_jit
def evaluate(
    update: AbstractUpdate,
    source: AbstractSource,
    state: PyTree,
    loaded: PyTree,
    first: Array,
    steps: Array,
    step: Array,
    keys: Keys,
    *,
    room: int,
    mesh: Mesh | None,
) -> tuple[Array, dict[str, Array]]:
    """The sizes and the metrics of `steps` batches of `source` from `first` on."""

    arrays, rest = eqx.partition(state, eqx.is_array)

    def one(arrays: PyTree, key: PRNGKeyArray, i: Array) -> tuple[Array, dict[str, Array]]:
        state = eqx.combine(arrays, rest)
        key_batch, key_update = _two_keys(key, i)
        batch, _ = source.draw(source.initial(), loaded, update.model(state), i, key_batch)
        metrics = update.evaluate(state, shared(batch, mesh), step, key_update)
        return replicated((batch.size, metrics), mesh)

    each = _traced_once(_each(one, keys, 1))
    shapes = jax.eval_shape(each, arrays, keys, first)
    empty = jax.tree.map(lambda m: jnp.zeros((room, *m.shape), m.dtype), shapes)

    def body(i: Array, found: PyTree) -> PyTree:
        new = each(arrays, keys, first + i)
        return jax.tree.map(lambda all_, m: all_.at[i].set(m), found, new)

    return jax.lax.fori_loop(0, steps, body, empty)


@jax.jit
def choose(better: Array, new: PyTree, old: PyTree) -> PyTree:
    """Member by member the new arrays where they are better, else the old ones."""
    return jax.vmap(lambda b, n, o: jax.tree.map(lambda x, y: jnp.where(b, x, y), n, o))(
        better, new, old
    )


def _each(function: Callable[..., Any], keys: Keys, same: int = 0) -> Callable[..., Any]:
    """The function for one member, or over all; its last `same` arguments are the same for all."""
    if not keys.ndim:
        return function
    own = eqx.if_array(0)
    return eqx.filter_vmap(function, in_axes=(own, own, *(None,) * same))


def _traced_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, traced the first time only: for its shapes, and not again for the loop."""

    # A mapped function has no hash, by which JAX knows again what it has traced.
    def known(*arguments: Any) -> Any:
        return function(*arguments)

    return jax.jit(known)


def _two_keys(key: PRNGKeyArray, step: Array) -> tuple[PRNGKeyArray, PRNGKeyArray]:
    """The keys of a step's batch and of its update, both folded with the step at once."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, 2 * step + jnp.arange(2, dtype=step.dtype))
    return keys[0], keys[1]


def _finite(model: Any) -> Array:
    parameters = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(p)) for p in parameters]))
