"""Hopfield's memory: a Boltzmann machine at zero temperature, with couplings by Hebb's rule.

W_ij = (1/N) sum_p ξ_i ξ_j over the patterns p, W_ii = 0, and one spin after the other is turned to
where the others pull it (Hopfield, 1982). With random patterns up to about 0.138 N of them stay
where they were put, but for a few spins; beyond that none does (Amit, Gutfreund and Sompolinsky,
1985).
"""

import numpy as np
from jaxtyping import Float

Patterns = Float[np.ndarray, "pattern spin"]


def hebb(patterns: Patterns) -> Float[np.ndarray, "spin spin"]:
    """The couplings that store the patterns."""
    count = patterns.shape[1]
    weights = patterns.T @ patterns / count
    np.fill_diagonal(weights, 0)
    return weights


def settled(
    weights: Float[np.ndarray, "spin spin"], begin: Patterns, sweeps: int, order: np.ndarray
) -> Patterns:
    """Where states end up when spin after spin turns to where it is pulled, in this order.

    They stop where no spin turns any more, as each turn lowers the energy.
    """
    spins = np.array(begin.T)
    for _ in range(sweeps):
        before = spins.copy()
        for i in order:
            pull = weights[i] @ spins
            spins[i] = np.where(pull == 0, spins[i], np.sign(pull))
        if (spins == before).all():
            break
    return spins.T


def kept(
    generator: np.random.Generator, spins: int, load: float, tried: int, sweeps: int
) -> Float[np.ndarray, " pattern"]:
    """The overlaps of some of load · N random patterns with where they settle."""
    count = max(1, round(load * spins))
    patterns = generator.choice(np.array([-1, 1], np.float32), (count, spins))
    begin = patterns[:tried]
    ends = settled(hebb(patterns), begin, sweeps, generator.permutation(spins))
    return (ends * begin).mean(1)
