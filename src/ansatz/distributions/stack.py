"""Many distributions of one type in one, their arrays stacked along leading axes."""

from typing import Any

import jax
import jax.numpy as jnp

from ansatz.distributions.abstract import AbstractDistribution


def one_of(stack: AbstractDistribution, axes: int) -> Any:
    """One of the distributions along this many leading axes, with shapes in place of arrays."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[axes:], a.dtype), stack)


def check_stack(name: str, stack: AbstractDistribution, axes: tuple[int, ...]) -> None:
    """Raises unless every array of the stack has these leading axes."""
    for leaf in jax.tree.leaves(stack):
        if jnp.shape(leaf)[: len(axes)] != axes:
            raise ValueError(
                f"Every array of the distribution in this {name} needs the leading axes {axes}, "
                f"but one of its {type(stack).__name__} has shape {jnp.shape(leaf)}."
            )
