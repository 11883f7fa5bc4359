"""A sum over the events of a batch, part by part, where all at once would not stay near."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

ROWS = 500
"""Codes whose way through a decoder of some hundreds of units stays in a processor's cache."""

Sums = tuple[Float[Array, ""], PyTree]


def parts(events: int, codes: int) -> int:
    """Into how many parts a batch is cut: a divisor of its events, and 1 off a CPU.

    Nearest, in the ratio, to ROWS codes a part, each event having so many.
    """
    if jax.default_backend() != "cpu" or events * codes <= ROWS:
        return 1
    wanted = events * codes / ROWS
    divisors = [n for n in range(1, events + 1) if events % n == 0]
    return min(divisors, key=lambda n: abs(math.log(n / wanted)))


def summed(function: Callable[[Any, Any], Sums], model: Any, batch: Any, count: int) -> Sums:
    """The sum over `count` parts of function(model, part) = (value, more).

    Of two parts and more the gradient of the value is formed with it, part after part, so that
    what it needs of a part is gone before the next one begins; `more` has none then.
    """
    if count == 1:
        return function(model, batch)
    parameters, rest = eqx.partition(model, eqx.is_inexact_array)
    # Every so many events make a part: of a batch that lies on several devices, some from each.
    cut = jax.tree.map(
        lambda leaf: jnp.moveaxis(leaf.reshape(-1, count, *leaf.shape[1:]), 1, 0), batch
    )

    def of(parameters: PyTree, part: Any) -> Sums:
        return function(eqx.combine(parameters, rest), part)

    @jax.custom_vjp
    def total(parameters: PyTree) -> Sums:
        return jax.tree.map(jnp.sum, jax.lax.map(lambda part: of(parameters, part), cut))

    def forward(parameters: PyTree) -> tuple[Sums, PyTree]:
        def add(gradient: PyTree, part: Any) -> tuple[PyTree, Sums]:
            sums, change = jax.value_and_grad(of, has_aux=True)(parameters, part)
            return jax.tree.map(jnp.add, gradient, change), sums

        gradient, sums = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, parameters), cut)
        return jax.tree.map(jnp.sum, sums), gradient

    def backward(gradient: PyTree, change: Sums) -> tuple[PyTree]:
        return (jax.tree.map(lambda leaf: change[0] * leaf, gradient),)

    total.defvjp(forward, backward)
    return total(parameters)
