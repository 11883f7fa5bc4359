"""How far apart in a chain samples are independent, and whether chains agree."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Mixing:
    """What the record of a number along several chains says of them."""

    autocorrelation_time: float
    """Draws between two that are as good as independent: 1 + 2 sum_t rho(t)."""
    effective_samples: float
    """How many independent draws would know the mean as well."""
    r_hat: float
    """Near 1 when chains have forgotten where they began; more than 1.01 says that they have
    not."""


def mixing(series: Float[np.ndarray, "draw chain"]) -> Mixing:
    """The mixing of chains by a record (draw, chain) of a number, their energy for one."""
    draws, chains = series.shape
    time = autocorrelation_time(series)
    return Mixing(time, draws * chains / time, r_hat(series))


def autocorrelation_time(series: Float[np.ndarray, "draw chain"]) -> float:
    """tau = 1 + 2 sum_t rho(t), rho pooled over the chains.

    The sum ends where pairs of neighbouring rho are no longer positive, as they are for any
    reversible chain, and pairs may not grow (Geyer, 1992). Chains that differ in their means
    lengthen it (Vehtari et al., 2021).
    """
    draws = len(series)
    if draws < 4 or not np.ptp(series):
        return 1.0
    rho = autocorrelation(series)
    pairs = rho[: draws // 2 * 2].reshape(-1, 2).sum(1)
    ends = np.flatnonzero(pairs <= 0)
    kept = np.minimum.accumulate(pairs[: ends[0] if len(ends) else None])
    # Anticorrelated draws may be worth more than independent ones, within reason.
    return float(max(2 * kept.sum() - 1, 1 / np.log10(series.size + 10)))


def autocorrelation(series: Float[np.ndarray, "draw chain"]) -> Float[np.ndarray, " draw"]:
    """rho(t), pooled over the chains; 1 at t = 0, and chains that differ never forget."""
    values = np.asarray(series, np.float64)
    draws = len(values)
    centred = values - values.mean(0)
    size = 2 ** int(np.ceil(np.log2(2 * draws)))
    power = np.abs(np.fft.rfft(centred, size, axis=0)) ** 2
    covariance = np.fft.irfft(power, size, axis=0)[:draws].mean(1) / draws
    within = covariance[0] * draws / (draws - 1)
    total = covariance[0] + (values.mean(0).var(ddof=1) if values.shape[1] > 1 else 0.0)
    if total == 0:
        return np.ones(draws)
    return 1 - (within - covariance * draws / (draws - 1)) / total


def r_hat(series: Float[np.ndarray, "draw chain"]) -> float:
    """The potential scale reduction of chains split in half (Gelman and Rubin, 1992)."""
    values = np.asarray(series, np.float64)
    half = len(values) // 2
    if half < 2:
        return float("nan")
    split = np.concatenate([values[:half], values[-half:]], axis=1)
    within = split.var(0, ddof=1).mean()
    if within == 0:
        return 1.0 if np.ptp(split) == 0 else float("inf")
    between = split.mean(0).var(ddof=1)
    return float(np.sqrt((half - 1) / half + between / within))
