"""Spectral normalisation: every matrix of a net divided by its largest singular value.

Miyato and others (2018).
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.protocol.gradient import held

Directions = tuple[Float[Array, " _"], ...]
"""For every matrix a guess at the left singular vector of its largest singular value."""


def matrices(net: Any) -> list[Float[Array, "_ _"]]:
    """The weights of a net: arrays of two axes, or of more, of which all but the first are one."""
    leaves = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))
    return [leaf.reshape(len(leaf), -1) for leaf in leaves if leaf.ndim > 1]


def first_directions(net: Any) -> Directions:
    """A first guess, drawn at random and always the same."""
    key = jax.random.key(0)
    return tuple(
        _unit(jax.random.normal(jax.random.fold_in(key, k), (len(w),), w.dtype))
        for k, w in enumerate(matrices(net))
    )


def followed(net: Any, directions: Directions) -> tuple[Any, Directions]:
    """The net normalised by sigma = u W v with one power iteration, and the better guesses u.

    As weights change little in a step, one iteration keeps up with them. No gradient goes
    through u and v, which is exact where they are singular vectors.
    """
    found = []
    for w, u in zip(matrices(held(net)), directions, strict=True):
        v = _unit(u @ w)
        found.append((_unit(w @ v), v))
    pairs = iter(found)

    def largest(w: Array) -> Array:
        u, v = next(pairs)
        return u @ w @ v

    return _divided(net, largest), tuple(u for u, _ in found)


def exactly(net: Any) -> Any:
    """The net normalised by singular values from a decomposition, to be used after learning."""
    return _divided(net, lambda w: jnp.linalg.norm(w, 2))


def _divided(net: Any, largest: Callable[[Array], Array]) -> Any:
    """The net with each matrix over what `largest` says of it, in their order."""

    def one(leaf: Any) -> Any:
        if not eqx.is_inexact_array(leaf) or leaf.ndim < 2:
            return leaf
        return leaf / largest(leaf.reshape(len(leaf), -1))

    return jax.tree.map(one, net)


def _unit(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return x / jnp.maximum(jnp.linalg.norm(x), jnp.finfo(x.dtype).tiny ** 0.5)
