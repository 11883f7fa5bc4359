"""Precision, recall, density and coverage: whose nearest neighbours lie where.

Kynkäänniemi and others (2019); Naeem and others (2020).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ansatz.evaluate.estimate import Estimate, weighted_mean
from ansatz.protocol.watch import Watch, unseen

NEIGHBOURS = 5
ENTRIES = 1 << 22
"""Of a matrix of distances at a time."""
DOUBT = 32 * 2.0**-24
"""How far a squared distance from single precision may be off, as a part of |x|^2 + |y|^2."""
ZERO = 1e-13
"""The same for double precision: what is less is none."""
MANY = 1 << 17
"""So many doubtful pairs of a block are looked at one by one; with more, the block is done again
in double precision."""

Points = Float[np.ndarray, "_ numbers"] | Int[np.ndarray, "_ numbers"]
Block = Float[np.ndarray, "rows _"]


class Neighbourhoods(NamedTuple):
    """How two sets of points cover each other; errors are those of a mean over points."""

    precision: Estimate
    """The part of the generated points within a reference point's neighbourhood."""
    recall: Estimate
    """The part of the reference points within a generated point's neighbourhood."""
    density: Estimate
    """In how many reference neighbourhoods a generated point lies, divided by k: 1 is ideal."""
    coverage: Estimate
    """The part of the reference points with a generated point in their neighbourhood."""


def coverage_by_chance(reference: int, generated: int, k: int = NEIGHBOURS) -> float:
    """The coverage that is expected where both sets are drawn from one distribution.

    A reference point is not covered if of its k nearest among all others every one is a reference
    point. It does not depend on the distribution, as long as no two points coincide.
    """
    of_reference = (reference - 1 - np.arange(k)) / (reference - 1 + generated - np.arange(k))
    return float(1 - np.prod(np.maximum(of_reference, 0)))


def neighbourhoods(
    reference: Points, generated: Points, *, k: int = NEIGHBOURS, watch: Watch = unseen
) -> Neighbourhoods:
    """A point's neighbourhood is the open ball out to its k-th nearest of its own set.

    As exact as double precision, at the speed of products in single precision: a pair of points
    of which these cannot tell whether it is near enough is measured again.
    """
    real, other = _Set.of(reference, reference), _Set.of(generated, reference)
    blocks = watch(_radii(real, k), len(reference), "Neighbours in the reference")
    ours = np.concatenate(list(blocks))
    blocks = watch(_radii(other, k), len(generated), "Neighbours of what was generated")
    theirs = np.concatenate(list(blocks))
    hits, recalled, covered = np.zeros(len(generated)), [], []
    between = watch(_near(real, other, ours, theirs, hits), len(reference), "Neighbours in both")
    for block in between:
        covered.append(block[:, 0])
        recalled.append(block[:, 1])
    return Neighbourhoods(
        precision=weighted_mean(hits > 0),
        recall=weighted_mean(np.concatenate(recalled)),
        density=weighted_mean(hits / k),
        coverage=weighted_mean(np.concatenate(covered)),
    )


class _Set(NamedTuple):
    """Points, and the same about a common middle in single precision, with squared norms."""

    points: Points
    middle: Float[np.ndarray, " numbers"]
    centred: Float[np.ndarray, "_ numbers"]
    square: Float[np.ndarray, " events"]

    @classmethod
    def of(cls, points: Points, about: Points) -> "_Set":
        # Norms are as small as can be about the mean, and so is what cancels in a distance.
        middle = about.mean(0, dtype=np.float64)
        centred = np.empty(points.shape, np.float32)
        square = np.empty(len(points))
        for part in _parts(len(points), points.shape[1]):
            x = points[part] - middle
            centred[part] = x
            square[part] = np.einsum("ij,ij->i", x, x)
        return cls(points, middle, centred, square)


def _parts(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, ENTRIES // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _squared(one: _Set, rows: slice, other: _Set) -> tuple[Block, Block]:
    """|x|^2 + |y|^2 - 2 x·y of the rows and all others, and what it may be off by."""
    product = one.centred[rows] @ other.centred.T
    sums = np.add.outer(one.square[rows].astype(np.float32), other.square.astype(np.float32))
    product *= -2
    product += sums
    sums *= np.float32(DOUBT)
    return product, sums


def _exactly(one: _Set, rows: slice, other: _Set, doubtful: Bool[np.ndarray, "rows _"]) -> Block:
    """The squared distances of the doubtful pairs in double precision, and zero elsewhere."""
    found = np.zeros(doubtful.shape)
    if np.count_nonzero(doubtful) > MANY:
        mine = one.points[rows] - one.middle
        for part in _parts(len(other.points), other.points.shape[1]):
            product = mine @ (other.points[part] - other.middle).T
            sums = np.add.outer(one.square[rows], other.square[part])
            product *= -2
            product += sums
            found[:, part] = np.where(product < ZERO * sums, 0, product)
        return found
    i, j = np.nonzero(doubtful)
    for part in _parts(len(i), one.points.shape[1]):
        gap = one.points[rows][i[part]].astype(np.float64) - other.points[j[part]]
        found[i[part], j[part]] = np.einsum("ij,ij->i", gap, gap)
    return found


def _radii(points: _Set, k: int) -> Iterator[Float[np.ndarray, " rows"]]:
    """The squared distance of every point to its k-th nearest other one, a block at a time."""
    n = len(points.points)
    for rows in _parts(n, n):
        squared, doubt = _squared(points, rows, points)
        own = np.arange(rows.start, rows.stop)
        squared[own - rows.start, own] = np.inf
        # The k nearest are surely among those that could be as near as the k-th seems.
        nearest = np.partition(squared + doubt, k - 1, axis=1)[:, k - 1 : k]
        candidate = squared - doubt <= nearest
        exact = np.where(candidate, _exactly(points, rows, points, candidate), np.inf)
        yield np.partition(exact, k - 1, axis=1)[:, k - 1]


def _near(
    real: _Set,
    other: _Set,
    ours: Float[np.ndarray, " reference"],
    theirs: Float[np.ndarray, " generated"],
    hits: Float[np.ndarray, " generated"],
) -> Iterator[Float[np.ndarray, "rows 2"]]:
    """For reference points, a block at a time: whether each is covered, and whether recalled.

    Adds to `hits` in how many of their neighbourhoods each generated point lies.
    """
    for rows in _parts(len(ours), len(theirs)):
        squared, doubt = _squared(real, rows, other)
        mine = ours[rows, None]
        doubtful = (np.abs(squared - mine) <= doubt) | (np.abs(squared - theirs) <= doubt)
        exact = _exactly(real, rows, other, doubtful)
        within, recalled = (
            np.where(doubtful, exact < radius, squared < radius) for radius in (mine, theirs)
        )
        hits += within.sum(0)
        yield np.stack([within.any(1), recalled.any(1)], 1).astype(np.float64)
