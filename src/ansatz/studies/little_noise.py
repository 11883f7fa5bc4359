"""What little Gaussian noise adds to the loss of an autoencoder, to second order and measured."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.models.reduce import Autoencoder
from ansatz.runs.run import Run

NODES = 30
"""Gauss-Hermite nodes along each axis of the plane."""
STRENGTHS = 0.1 * 2.0 ** -np.arange(5)
"""Deviations of the noise in the plane."""
DIGIT_NOISE, DIGITS = 0.05, 300
"""The deviation of the noise on digits, and how many of them have it."""

Map = Callable[[Array], Array]
Points = Float[np.ndarray, "points numbers"]


def reconstruction(run: Run) -> Map:
    """F of a run, in double precision, from a vector to a vector."""
    model: Autoencoder = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, "float64") if eqx.is_inexact_array(leaf) else leaf, run.model
    )
    return lambda x: model.decode(model.encode(x.reshape(model.shape))).ravel()


def terms(F: Map, x: Array) -> tuple[Array, Array, Array]:
    """|F − x|², ‖J_F‖² and (F − x)·ΔF at a point."""
    off = F(x) - x

    def along(direction: Array) -> tuple[Array, Array]:
        def slope(x: Array) -> Array:
            return jax.jvp(F, (x,), (direction,))[1]

        return jax.jvp(slope, (x,), (direction,))

    first, second = jax.vmap(along)(jnp.eye(len(x), dtype=x.dtype))
    return off @ off, jnp.sum(first**2), off @ jnp.sum(second, 0)


class Expansion(NamedTuple):
    """Means over points: the terms, and what the loss adds for noise of each strength, over ε²."""

    jacobian: float
    curvature: float
    """(F − x)·ΔF."""
    error: float
    added: Float[np.ndarray, " strengths"]

    @property
    def limit(self) -> float:
        """What is added for ε → 0, free of ε² and ε⁴ (Richardson)."""
        once = (4 * self.added[1:] - self.added[:-1]) / 3
        return float(((16 * once[1:] - once[:-1]) / 15)[-1])

    @property
    def both(self) -> float:
        return self.jacobian + self.curvature

    @property
    def share(self) -> float:
        """Of the term that is left out, in the one that is kept."""
        return abs(self.curvature) / self.jacobian


def expand(F: Map, points: Points) -> Expansion:
    """By quadrature over noise in the plane."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    noise = jnp.asarray(np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2))
    weight = jnp.asarray(np.outer(weights, weights).ravel() / (2 * np.pi))

    @jax.jit
    def one(x: Array) -> tuple[Any, ...]:
        error, jacobian, curvature = terms(F, x)

        def loss(strength: Array) -> Array:
            moved = jax.vmap(F)(x[None] + strength * noise) - x[None]
            return weight @ jnp.sum(moved**2, 1)

        strengths = jnp.asarray(STRENGTHS)
        return error, jacobian, curvature, jax.lax.map(loss, strengths)

    each = [np.stack(values) for values in zip(*map(one, jnp.asarray(points)), strict=True)]
    error, jacobian, curvature, losses = (values.mean(0) for values in each)
    added = (losses - error) / STRENGTHS**2
    return Expansion(float(jacobian), float(curvature), float(error), added)


class Drawn(NamedTuple):
    """What noise adds to the loss of digits over ε², and what is expected, event by event."""

    added: Float[np.ndarray, " events"]
    jacobian: Float[np.ndarray, " events"]
    curvature: Float[np.ndarray, " events"]


def drawn(run: Run, draws: int) -> Drawn:
    """Of noise drawn in pairs of opposite sign, so that what is odd in it drops out."""
    events = np.asarray(run.as_learnt(run.record.source), float)
    with jax.enable_x64(True):
        F = reconstruction(run)
        flat = jnp.asarray(events.reshape(len(events), -1)[:DIGITS])

        @jax.jit
        def one(item: tuple[Array, Array]) -> tuple[Array, ...]:
            x, key = item
            error, jacobian, curvature = terms(F, x)
            noise = DIGIT_NOISE * jax.random.normal(key, (draws, len(x)), x.dtype)
            both = jnp.concatenate([noise, -noise])
            moved = jax.vmap(F)(x[None] + both) - x[None]
            loss = jnp.mean(jnp.sum(moved**2, 1))
            return (loss - error) / DIGIT_NOISE**2, jacobian, curvature

        keys = jax.random.split(jax.random.key(run.record.recipe.seed), len(flat))
        return Drawn(*map(np.asarray, jax.jit(lambda xs: jax.lax.map(one, xs))((flat, keys))))
