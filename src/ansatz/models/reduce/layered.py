"""‖J‖² of a perceptron, exactly, by products of its matrices.

J = S_L W_L S_{L-1} ... S_1 W_1, with S_i the diagonal of the slopes a'(u) of layer i. One layer
needs no product: ‖J‖² = Σ_j s_j² ‖W_j‖² (Rifai and others, 2011). Of more layers the product is
built up from the end that has fewer numbers, and what stands at the other end enters by its Gram
matrix if that is smaller: ‖A S_1 W_1‖² = tr[(A S_1) W_1W_1ᵀ (A S_1)ᵀ]. Gram matrices are the same
for all events. Two layers, the last of them linear, have ‖J‖² = s_1ᵀ (W_1W_1ᵀ ∘ W_2ᵀW_2) s_1.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.nets import ACTIVATIONS, MLP

LINEAR = "linear"

Matrix = Float[Array, "_ _"]
Slopes = Float[Array, " _"]


def is_layered(net: Any) -> bool:
    """Whether a net is nothing but linear maps and functions of single units."""
    return isinstance(net, MLP) and all(
        then.norm is None and then.modulation is None for then in net.between
    )


def layered_squared_norm(
    net: MLP, last: str, x: Float[Array, "..."], condition: Array | None = None
) -> Float[Array, ""]:
    """‖J‖² of x -> a_L(net(x, c)) with `last` the name of a_L; nothing is dropped."""
    weights, slopes, end = _chain(net, last, x, condition)
    first = weights[0]
    if len(weights) == 1:
        return _sum(jnp.sum(first**2, 1), end)
    if len(weights) == 2 and end is None:
        (slope,) = slopes
        return slope @ ((first @ first.T) * (weights[1].T @ weights[1])) @ slope
    if _upwards(weights, end is None):
        rows = first.T
        for slope, weight in zip(slopes[:-1], weights[1:-1], strict=True):
            rows = (rows * slope[None]) @ weight.T
        rows = rows * slopes[-1][None]
        if end is not None:
            return jnp.sum((rows @ weights[-1].T) ** 2, 0) @ end**2
        return jnp.sum(_row_norms(rows, weights[-1].T))
    rows = weights[-1]
    for slope, weight in zip(slopes[:0:-1], weights[-2:0:-1], strict=True):
        rows = (rows * slope[None]) @ weight
    return _sum(_row_norms(rows * slopes[0][None], first), end)


def _chain(
    net: MLP, last: str, x: Array, condition: Array | None
) -> tuple[list[Matrix], list[Slopes], Slopes | None]:
    """The matrices, the slopes between them, and those behind the last one if it has any."""
    h = x.ravel()
    weights = [net.layers[0].weight[:, : len(h)], *(layer.weight for layer in net.layers[1:])]
    h = h if condition is None else jnp.concatenate([h, condition])
    names = [*(then.activation for then in net.between), last]
    slopes: list[Slopes] = []
    for layer, name in zip(net.layers, names, strict=True):
        h = layer(h)
        if name != LINEAR:
            h, slope = jax.jvp(ACTIVATIONS[name], (h,), (jnp.ones_like(h),))
            slopes.append(slope)
    return weights, slopes[: len(weights) - 1], None if last == LINEAR else slopes[-1]


def _upwards(weights: Sequence[Matrix], free: bool) -> bool:
    """Whether fewer multiplications lead from the events up than from the codes down.

    `free` says that no slopes stand behind the last matrix, so that its Gram matrix will do.
    """
    sizes = [weights[0].shape[1], *(len(weight) for weight in weights)]
    between = sum(a * b for a, b in pairwise(sizes[1:-1]))
    top = min(sizes[-1], sizes[-2]) if free else sizes[-1]
    up = sizes[0] * (between + sizes[-2] * top)
    down = sizes[-1] * (between + sizes[1] * min(sizes[0], sizes[1]))
    return up < down


def _row_norms(rows: Matrix, weight: Matrix) -> Slopes:
    """The squared norm of every row of a product."""
    if weight.shape[0] < weight.shape[1]:
        return jnp.sum((rows @ (weight @ weight.T)) * rows, 1)
    return jnp.sum((rows @ weight) ** 2, 1)


def _sum(rows: Slopes, slopes: Slopes | None) -> Float[Array, ""]:
    return jnp.sum(rows) if slopes is None else rows @ slopes**2
