"""The φ⁴ theory on a periodic lattice: its action, and what is known of it."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.distributions import Normal
from ansatz.evaluate.annealing import Annealed, anneal

WIDTH = 0.5
"""The deviation of the independent normal numbers that chains begin as."""


class ScalarField(eqx.Module):
    """S(φ) / T with S(φ) = Σ_x [Σ_μ (φ(x + μ) − φ(x))² + M² φ(x)² + λ φ(x)⁴], φ(x) real.

    In two dimensions with M² < 0 fields point all one way where λ T is small, and do not where it
    is large (in the convention of Albergo, Kanwar and Shanahan, 2019, whose T is one).
    """

    squared_mass: Float[Array, ""]
    coupling: Float[Array, ""]
    temperature: Float[Array, ""]

    def __init__(self, squared_mass: float, coupling: float, temperature: float = 1.0) -> None:
        # Arrays, so that fields of all temperatures share what is compiled.
        self.squared_mass = jnp.asarray(squared_mass)
        self.coupling = jnp.asarray(coupling)
        self.temperature = jnp.asarray(temperature)

    def __call__(self, field: Float[Array, "*space"]) -> Float[Array, ""]:
        # Products in place of powers, whose derivative XLA takes by logarithms.
        square = field * field
        action = self.squared_mass * jnp.sum(square) + self.coupling * jnp.sum(square * square)
        for axis in range(field.ndim):
            step = jnp.roll(field, -1, axis) - field
            action = action + jnp.sum(step * step)
        return action / self.temperature


def annealed(
    field: ScalarField, space: tuple[int, ...], *, chains: int, steps: int, seed: int = 0
) -> Annealed:
    """log Z and samples, from numbers that know nothing of each other."""
    zeros = jnp.zeros(space)
    return anneal(field, Normal(zeros, zeros + WIDTH), chains=chains, steps=steps, seed=seed)


def laplacian(space: tuple[int, ...]) -> Float[np.ndarray, "*space"]:
    """The eigenvalues Σ_μ 4 sin²(k_μ / 2) of minus the lattice's second differences."""
    grids = np.meshgrid(*(np.arange(n) / n for n in space), indexing="ij")
    return sum((4 * np.sin(np.pi * k) ** 2 for k in grids), np.zeros(space))


def magnetisation(fields: Float[np.ndarray, "fields *space"]) -> Float[np.ndarray, " fields"]:
    """The mean of each field over its sites."""
    return np.asarray(fields, np.float64).reshape(len(fields), -1).mean(1)
