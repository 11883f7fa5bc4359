"""Fréchet physics distance: that of normal distributions fitted to features, for infinite batches.

Kansal and others (2023), after the Fréchet inception distance (Heusel and others, 2017) and its
extrapolation (Chong and Forsyth, 2020).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import nnls

from ansatz.evaluate.drawn import drawn
from ansatz.evaluate.estimate import Estimate
from ansatz.protocol.watch import Watch, unseen

LEAST, MOST, SIZES, RESAMPLINGS = 10_000, 50_000, 10, 20
"""The batch sizes N, uniform in 1/N, and how many batches there are of each."""

Features = Float[np.ndarray, "_ features"]


class Moments(NamedTuple):
    """A mean and a covariance."""

    mean: Float[np.ndarray, " features"]
    covariance: Float[np.ndarray, "features features"]


class Extrapolation(NamedTuple):
    """A distance at batches of infinitely many events, and what led there."""

    estimate: Estimate
    """Its error is that of the straight line: for other batches of the same events."""
    sizes: Int[np.ndarray, " sizes"]
    means: Float[np.ndarray, " sizes"]
    """The mean distance of batches of each size."""


def frechet_distance(one: Moments, other: Moments) -> float:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)), the squared 2-Wasserstein distance of normals.

    (C C')^(1/2) has the trace of (C^(1/2) C' C^(1/2))^(1/2), which is symmetric.
    """
    values, vectors = np.linalg.eigh(one.covariance)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    common = np.linalg.eigvalsh(root @ other.covariance @ root)
    gap = one.mean - other.mean
    spread = np.trace(one.covariance) + np.trace(other.covariance)
    return float(gap @ gap + spread - 2 * np.sum(np.sqrt(np.clip(common, 0, None))))


def batch_sizes(least: int = LEAST, most: int = MOST, count: int = SIZES) -> Int[np.ndarray, " _"]:
    """Sizes N at equal steps of 1/N."""
    return np.rint(1 / np.linspace(1 / least, 1 / most, count)).astype(np.int64)


def frechet_physics_distance(
    reference: Features,
    generated: Features,
    generator: np.random.Generator,
    *,
    sizes: Int[np.ndarray, " sizes"],
    resamplings: int = RESAMPLINGS,
    replace: bool = True,
    watch: Watch = unseen,
) -> Extrapolation:
    """The mean Fréchet distance d(N) of batches of N events, on a line d + a/N, for N to infinity.

    Batches drawn with replacement are what the field quotes: there d and a are not negative, and
    d of n events has a floor near a/n, for the batches see those events alone. Without
    replacement d may be negative and is zero on average for two files of one distribution, up to
    terms of order 1/N^2.
    """
    pairs = _distances(reference, generated, generator, sizes, resamplings, replace)
    what = "Fréchet distances of batches"
    values = np.concatenate(list(watch(pairs, len(sizes) * resamplings, what)))
    means = values.reshape(len(sizes), resamplings).mean(1)
    return Extrapolation(_line(sizes, means, positive=replace), sizes, means)


def _distances(
    reference: Features,
    generated: Features,
    generator: np.random.Generator,
    sizes: Int[np.ndarray, " sizes"],
    resamplings: int,
    replace: bool,
) -> Iterator[Float[np.ndarray, " 1"]]:
    """One distance at a time: the reference's events are drawn, then the generated ones."""
    for size in sizes.tolist():
        for _ in range(resamplings):
            one, other = (
                _moments(features, drawn(len(features), size, replace, generator))
                for features in (reference, generated)
            )
            yield np.array([frechet_distance(one, other)])


def _moments(features: Features, rows: Int[np.ndarray, " size"]) -> Moments:
    """The mean and covariance of the events drawn, each of which is gone through once."""
    times = np.bincount(rows, minlength=len(features))
    chosen = np.flatnonzero(times)
    weights = times[chosen].astype(np.float64)
    x = features[chosen]
    mean = weights @ x / len(rows)
    x -= mean
    x *= np.sqrt(weights)[:, None]
    return Moments(mean, x.T @ x / (len(rows) - 1))


def _line(
    sizes: Int[np.ndarray, " sizes"], means: Float[np.ndarray, " sizes"], *, positive: bool
) -> Estimate:
    """The intercept of the line through (1/N, d) by least squares, and its standard error."""
    design = np.stack([np.ones(len(sizes)), 1 / sizes], 1)
    # Of one size, so that neither coefficient is lost in the other's digits.
    scale = design.max(0)
    scaled = design / scale
    found = nnls(scaled, means)[0] if positive else np.linalg.lstsq(scaled, means)[0]
    left = np.sum((means - scaled @ found) ** 2) / (len(sizes) - 2)
    error = np.sqrt(left * np.linalg.inv(scaled.T @ scaled)[0, 0])
    return Estimate(float(found[0] / scale[0]), float(error))
