"""By how much weights on hits raise the logits of hits, found on showers that were held out.

Hits weigh w and empty voxels 1 in an entropy Σ w BCE(l, Θ). It is least where

    odds(l) = odds(hit | z, voxel) E[w | hit, z, voxel]:

a decoder that has learnt so draws too many hits, unless ln E[w | hit, z, voxel] is subtracted from
its logits. With w = (1 + u)^p and the activation a, which is E[u | hit, z, voxel] where squares of
hits are least, it is p ln(1 + a) to first order. What is left of it is found layer by layer,

    ln E[w | hit, z, voxel] = c_0 + c_1 ln(1 + max(a, 0)),

so that w − E[w] of the hits held out has the mean zero, by itself and times ln(1 + a).
"""

from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ansatz.calo.layers import Layout

GUESS = 1.0
"""So many hits of each layer p ln(1 + a) itself is worth, where few or none were held out."""
STEPS, CLOSE = 50, 1e-10
"""Of Newton's method at most, and when it is done."""


class Seen(NamedTuple):
    """Some showers held out: where voxels are hit, what is expected there, what hits weigh."""

    hit: Bool[np.ndarray, "showers voxels"]
    activation: Float[np.ndarray, "showers voxels"]
    weight: Float[np.ndarray, "showers voxels"]
    often: Float[np.ndarray, " showers"]
    """How much each shower counts."""


class Raised(eqx.Module):
    """ln E[w | hit, z, voxel] as a function of the activation."""

    coefficients: Float[Array, "layers two"]
    layout: Layout

    @classmethod
    def none(cls, layout: Layout, dtype: str) -> "Raised":
        """Nothing: of weights that are 1, or before the end of a fit."""
        return cls(jnp.zeros((len(layout.sizes), 2), dtype), layout)

    @classmethod
    def found(cls, layout: Layout, power: float, some: Iterable[Seen], dtype: str) -> "Raised":
        """What weights of this power raise hits by, from showers that were held out."""
        ends = np.cumsum(layout.sizes)
        parts = [[np.zeros((3, 0))] for _ in ends]
        for seen in some:
            count = np.broadcast_to(seen.often[:, None], seen.hit.shape)
            for own, end, size in zip(parts, ends, layout.sizes, strict=True):
                voxels = slice(end - size, end)
                hit = seen.hit[:, voxels]
                values = (seen.activation, seen.weight, count)
                own.append(np.stack([value[:, voxels][hit] for value in values]).astype(float))
        rows = [regressed(power, *np.concatenate(own, axis=1)) for own in parts]
        return cls(jnp.asarray(np.array(rows), dtype), layout)

    def __call__(self, activation: Float[Array, " voxels"]) -> Float[Array, " voxels"]:
        layer = np.repeat(np.arange(len(self.layout.sizes)), self.layout.sizes)
        constant, slope = self.coefficients[layer].T
        return constant + slope * jnp.log1p(jnp.maximum(activation, 0))


def regressed(
    power: float,
    activation: Float[np.ndarray, " hits"],
    weight: Float[np.ndarray, " hits"],
    count: Float[np.ndarray, " hits"],
) -> Float[np.ndarray, " two"]:
    """c of ln E[w] = c_0 + c_1 ln(1 + max(a, 0)), as of Poisson numbers, by Newton's method.

    Any weights will do: the equations are those of means, sum (w − E[w]) (1, ln(1 + a)) = 0.
    """
    x = np.stack([np.ones_like(activation), np.log1p(np.maximum(activation, 0))])
    guess = np.array([0.0, power])
    c = guess.copy()
    for _ in range(STEPS):
        mean = np.exp(c @ x)
        slope = x @ (count * (weight - mean)) - GUESS * (c - guess)
        step = np.linalg.solve((x * count * mean) @ x.T + GUESS * np.eye(2), slope)
        c = c + step
        if np.max(np.abs(step)) < CLOSE:
            break
    return c
