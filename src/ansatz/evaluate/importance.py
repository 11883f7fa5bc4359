"""What weighted samples say: normaliser, effective sample size, modes, a corrected chain.

Samples come from q and have the weights w = exp(−E(x)) / q(x), known as logarithms.
"""

import numpy as np
from scipy.special import logsumexp

from ansatz.evaluate.estimate import Estimate


def log_normaliser(log_weights: np.ndarray) -> Estimate:
    """log Z = log E_q[w], with the error √(Var w / n) / E w to first order."""
    log_weights = np.asarray(log_weights, np.float64)
    n = len(log_weights)
    value = float(logsumexp(log_weights) - np.log(n))
    relative = np.exp(log_weights - value)
    return Estimate(value, float(relative.std(ddof=1) / np.sqrt(n)))


def free_energy(log_weights: np.ndarray, temperature: float = 1.0) -> Estimate:
    """F = −kT log Z, at kT = `temperature`, where the weights are of E / kT."""
    value, error = log_normaliser(log_weights)
    return Estimate(-temperature * value, temperature * error)


def effective_fraction(log_weights: np.ndarray) -> float:
    """(Σw)² / (n Σw²): the share of the samples of q that are worth one of p.

    It cannot see a mode that q never visits: q may miss half of p and have a fraction of one.
    """
    log_weights = np.asarray(log_weights, np.float64)
    logarithm = 2 * logsumexp(log_weights) - logsumexp(2 * log_weights)
    return float(np.exp(logarithm) / len(log_weights))


def effective_fraction_on_reference(log_weights: np.ndarray) -> float:
    """(E_q w)² / E_q w² = 1 / (E_p[w] E_p[1/w]), from samples of p itself.

    A mode that q misses has enormous weights there, and the fraction falls to nothing.
    """
    log_weights = np.asarray(log_weights, np.float64)
    n = np.log(len(log_weights))
    means = logsumexp(log_weights) - n + logsumexp(-log_weights) - n
    return float(np.exp(-means))


def mode_weights(log_weights: np.ndarray, modes: np.ndarray, count: int) -> list[Estimate]:
    """p(mode k) = Σ w [mode = k] / Σ w for each of `count` modes, with the error of a ratio."""
    log_weights = np.asarray(log_weights, np.float64)
    share = np.exp(log_weights - logsumexp(log_weights))
    found = []
    for k in range(count):
        inside = modes == k
        value = float(share[inside].sum())
        error = np.sqrt(np.sum((share * (inside - value)) ** 2))
        found.append(Estimate(value, float(error)))
    return found


def independence_metropolis(log_weights: np.ndarray, seed: int = 0) -> tuple[np.ndarray, float]:
    """Samples of p from samples of q in their order, and how many were accepted.

    From x the next sample y is taken with the probability min(1, w(y) / w(x)), and x again
    otherwise: a Markov chain whose stationary distribution is p exactly. The result says which
    sample stands at each place.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    log_uniform = np.log(generator.random(len(log_weights)))
    chain, accepted, at = np.empty(len(log_weights), int), 0, 0
    for i in range(len(log_weights)):
        if i == 0 or log_uniform[i] < log_weights[i] - log_weights[at]:
            accepted += i > 0
            at = i
        chain[i] = at
    return chain, accepted / max(len(log_weights) - 1, 1)
