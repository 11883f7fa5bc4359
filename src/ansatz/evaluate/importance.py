"""What weighted samples say: normaliser, effective sample size, modes, a corrected chain.

Samples come from q and have the weights w = exp(−E(x)) / q(x), known as logarithms. Errors are to
first order in the deviations of means.
"""

import numpy as np
from scipy.special import logsumexp

from ansatz.evaluate.estimate import Estimate


def log_normaliser(log_weights: np.ndarray) -> Estimate:
    """log Z = log E_q[w], with the error √(Var w / n) / E w."""
    n = len(log_weights)
    value = float(logsumexp(np.asarray(log_weights, np.float64)) - np.log(n))
    return Estimate(value, float(_relative(log_weights).std(ddof=1) / np.sqrt(n)))


def free_energy(log_weights: np.ndarray, temperature: float = 1.0) -> Estimate:
    """F = −kT log Z, at kT = `temperature`, where the weights are of E / kT."""
    value, error = log_normaliser(log_weights)
    return Estimate(-temperature * value, temperature * error)


def effective_fraction(log_weights: np.ndarray) -> Estimate:
    """(Σw)² / (n Σw²): the share of the samples of q that are worth one of p.

    It cannot see a mode that q never visits: q may miss half of p and have a fraction of one.
    """
    first, second = _relative(log_weights), _relative(2 * np.asarray(log_weights, np.float64))
    n = len(first)
    value = float(1 / np.mean(first**2))
    return Estimate(value, value * float(np.std(2 * first - second, ddof=1) / np.sqrt(n)))


def effective_fraction_on_reference(log_weights: np.ndarray) -> Estimate:
    """(E_q w)² / E_q w² = 1 / (E_p[w] E_p[1/w]), from samples of p itself.

    A mode that q misses has enormous weights there, and the fraction falls to nothing.
    """
    log_weights = np.asarray(log_weights, np.float64)
    n = len(log_weights)
    means = logsumexp(log_weights) + logsumexp(-log_weights) - 2 * np.log(n)
    value = float(np.exp(-means))
    each = _relative(log_weights) + _relative(-log_weights)
    return Estimate(value, value * float(np.std(each, ddof=1) / np.sqrt(n)))


def _relative(log_weights: np.ndarray) -> np.ndarray:
    """Weights in units of their mean."""
    log_weights = np.asarray(log_weights, np.float64)
    return np.exp(log_weights - logsumexp(log_weights) + np.log(len(log_weights)))


def mode_weights(log_weights: np.ndarray, modes: np.ndarray, count: int) -> list[Estimate]:
    """p(mode k) = Σ w [mode = k] / Σ w for each of `count` modes, with the error of a ratio.

    Of a mode that no sample lies in nothing is known, so its error is infinite.
    """
    log_weights = np.asarray(log_weights, np.float64)
    share = np.exp(log_weights - logsumexp(log_weights))
    found = []
    for k in range(count):
        inside = modes == k
        value = float(share[inside].sum())
        error = np.sqrt(np.sum((share * (inside - value)) ** 2)) if inside.any() else np.inf
        found.append(Estimate(value, float(error)))
    return found


def resample(log_weights: np.ndarray, seed: int = 0) -> np.ndarray:
    """Places of n samples of p among n of q, each as often as n w / Σw says, rounded either way.

    They are drawn at even distances along the sum of the weights, from one random offset.
    """
    n = len(log_weights)
    offset = np.random.Generator(np.random.Philox(seed)).random()
    along = np.cumsum(_relative(log_weights))
    return np.minimum(np.searchsorted(along, np.arange(n) + offset), n - 1)


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
