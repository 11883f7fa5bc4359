"""Where learning begins: centres far from each other, the best of several tries."""

from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.models.mixture.half_steps import expectation
from ansatz.models.mixture.kmeans import assignment, centred
from ansatz.models.mixture.learning import AbstractLearning
from ansatz.models.mixture.model import Mixture

ROUNDS = 10
"""Of k-means from each choice of centres, and of expectation maximisation after it."""

Start = TypeVar("Start")


def centres(
    key: PRNGKeyArray, x: Float[Array, "n d"], weight: Float[Array, " n"], count: int
) -> Float[Array, "K d"]:
    """So many events as centres, chosen far from each other: k-means++.

    The next is an event at random, in proportion to its squared distance from the nearest of
    those before (Arthur and Vassilvitskii, 2007).
    """

    def choose(nearest: Array, key: PRNGKeyArray) -> tuple[Array, Array]:
        centre = x[jax.random.categorical(key, jnp.log(weight * nearest))]
        distance = jnp.sum((x - centre[None]) ** 2, 1)
        return jnp.minimum(nearest, distance), centre

    keys = jax.random.split(key, count)
    first = x[jax.random.categorical(keys[0], jnp.log(weight))]
    distance = jnp.sum((x - first[None]) ** 2, 1)
    _, rest = jax.lax.scan(choose, distance, keys[1:])
    return jnp.concatenate([first[None], rest])


def settled(
    start: Float[Array, "K d"], x: Float[Array, "n d"], weight: Float[Array, " n"]
) -> tuple[Float[Array, "K d"], Float[Array, ""]]:
    """The centres after some rounds of k-means, and minus the mean squared distance to them."""

    def turn(_: int, centres: Array) -> Array:
        return centred(centres, assignment(centres, x, weight)[0])

    found = jax.lax.fori_loop(0, ROUNDS, turn, start)
    return found, -jnp.sum(weight * assignment(found, x, weight)[1])


def tried(
    learning: AbstractLearning,
    model: Mixture,
    start: Float[Array, "K d"],
    event: Array,
    x: Float[Array, "n d"],
    weight: Float[Array, " n"],
) -> tuple[Mixture, Float[Array, ""]]:
    """The mixture of the events that settled about each centre, after some half-steps of both
    kinds, and its bound."""
    found, _ = settled(start, x, weight)
    chosen = assignment(found, x, weight)[2]
    share = weight[:, None] * jax.nn.one_hot(chosen, len(found), dtype=x.dtype)
    model = eqx.tree_at(lambda m: m.components.mean, model, found)
    model = learning.maximise(model, model.components.moments(x, share))

    def turn(_: int, model: Mixture) -> Mixture:
        log_weights = learning.log_weights(model)
        moments, _ = expectation(log_weights, model.components, event, weight)
        return learning.maximise(model, moments)

    model = jax.lax.fori_loop(0, ROUNDS, turn, model)
    _, evidence = expectation(learning.log_weights(model), model.components, event, weight)
    return model, jnp.sum(weight * evidence) - learning.penalty(model)


def best(
    attempt: Callable[[PRNGKeyArray], tuple[Start, Float[Array, ""]]],
    key: PRNGKeyArray,
    restarts: int,
) -> Start:
    """Of so many attempts side by side, each a start and how good it is, the best start."""
    starts, good = jax.vmap(attempt)(jax.random.split(key, restarts))
    chosen = jnp.argmax(good)
    return jax.tree.map(lambda leaf: leaf[chosen], starts)


def filled(
    x: Float[Array, "n d"], observed: Bool[Array, "n d"] | None
) -> Float[Array, "n d"]:
    """Events with the mean of what was observed in place of what was not."""
    if observed is None:
        return x
    count = jnp.maximum(jnp.sum(observed, 0, dtype=x.dtype), 1)
    mean = jnp.sum(jnp.where(observed, x, 0), 0) / count
    return jnp.where(observed, x, mean[None])
