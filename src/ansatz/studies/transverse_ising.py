"""The ground state of the Ising chain in a transverse field, and snapshots of it."""

from typing import Any

import numpy as np
from jaxtyping import Float

State = Float[np.ndarray, " configuration"]


def spins(sites: int) -> Float[np.ndarray, "configuration site"]:
    """All configurations of a chain; the first site is the highest bit of its number."""
    bits = np.arange(2**sites)[:, None] >> np.arange(sites)[::-1] & 1
    return 1.0 - 2.0 * bits


def hamiltonian(sites: int, field: float = 1.0) -> Any:
    """H = -sum_i Z_i Z_(i+1) - field sum_i X_i with open ends, as a sparse matrix."""
    from scipy import sparse

    s = spins(sites)
    number = np.arange(2**sites)
    total = sparse.diags(-(s[:, :-1] * s[:, 1:]).sum(1)).tocsr()
    for site in range(sites):
        flipped = number ^ (1 << site)
        total -= sparse.csr_matrix(
            (np.full(2**sites, field), (number, flipped)), shape=(2**sites, 2**sites)
        )
    return total


def ground_state(sites: int, field: float = 1.0) -> tuple[float, State]:
    """The lowest energy and its state, whose amplitudes are all positive (Perron and Frobenius).

    At field 1, where the chain is critical, the energy is 1 - 1 / sin(π / (4 sites + 2)).
    """
    from scipy.sparse.linalg import eigsh

    begin = np.ones(2**sites)
    values, vectors = eigsh(hamiltonian(sites, field), k=1, which="SA", v0=begin)
    return float(values[0]), np.abs(vectors[:, 0])


def snapshots(
    generator: np.random.Generator, state: State, count: int
) -> Float[np.ndarray, "snapshot site"]:
    """Configurations as they are measured, each with the square of its amplitude."""
    p = state**2
    numbers = generator.choice(len(p), count, p=p / p.sum())
    return spins(int(np.log2(len(p))))[numbers]
