"""Samples of the two-dimensional Ising model by Wolff's clusters, many lattices at once."""

import numpy as np
from jaxtyping import Float

Spins = Float[np.ndarray, "lattice side side"]

_SHIFTS = ((1, 1), (-1, 1), (1, 2), (-1, 2))


def wolff(
    generator: np.random.Generator, coupling: float, side: int, lattices: int, clusters: int
) -> Spins:
    """Periodic lattices of p(s) ∝ exp(K sum over neighbours of s s'), so many clusters on.

    A cluster grows from a random site over bonds to equal spins, each open with probability
    1 - exp(-2K), and is turned over (Wolff, 1989): exact at any K, and quick at the critical one.
    """
    spins = generator.choice(np.array([-1.0, 1.0]), (lattices, side, side))
    for _ in range(clusters):
        spins = turned(generator, coupling, spins)
    return spins


def turned(generator: np.random.Generator, coupling: float, spins: Spins) -> Spins:
    """The lattices with one cluster of each turned over."""
    lattices, side, _ = spins.shape
    opens = 1 - np.exp(-2 * coupling)
    rows = np.arange(lattices)
    seeds = generator.integers(0, side, (2, lattices))
    inside = np.zeros(spins.shape, bool)
    inside[rows, seeds[0], seeds[1]] = True
    own = spins[rows, seeds[0], seeds[1]][:, None, None]
    front = inside.copy()
    while front.any():
        found = np.zeros_like(front)
        for shift, axis in _SHIFTS:
            near = np.roll(front, shift, axis) & ~inside & (spins == own)
            # Every bond from the front to an outer site is tried once.
            near &= generator.random(spins.shape, np.float32) < opens
            found |= near
        inside |= found
        front = found
    return np.where(inside, -spins, spins)
