"""Mean, variance and range of every coordinate, gathered block by block."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.data.finite import checked
from ansatz.data.stored import Stored
from ansatz.protocol.watch import Watch, unseen

BLOCK_BYTES = 1 << 24


@dataclass(frozen=True, eq=False)
class Statistics:
    """What a pass over the events tells of each coordinate; numbers that are NaN are not counted.

    Blocks are merged by the rule of Chan, Golub and LeVeque (1983):
    M2 = M2_a + M2_b + (mean_b - mean_a)^2 n_a n_b / (n_a + n_b).
    """

    count: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    whole: np.ndarray
    """Whether every value of a coordinate is a whole number."""

    def levels(self, *, each: bool) -> tuple[int, ...]:
        """How many values a coordinate takes, from zero to its largest; 0 if not whole numbers.

        For `each` coordinate, or one number for all of them.
        """
        whole = self.whole & (self.minimum >= 0)
        largest = np.where(whole, self.maximum, -1)
        if not each:
            largest = largest.max(keepdims=True) if whole.all() else np.array([-1])
        return tuple(int(level) + 1 for level in largest.ravel())

    def constant(self) -> tuple[int, ...]:
        """The places of the coordinates that never vary, in a row."""
        return tuple(np.flatnonzero(self.minimum == self.maximum).tolist())

    def ends(self, *, each: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The least values and the largest: of `each` coordinate, or of all."""
        if not each:
            return (float(self.minimum.min()),), (float(self.maximum.max()),)
        return tuple(self.minimum.ravel().tolist()), tuple(self.maximum.ravel().tolist())


@dataclass(frozen=True, eq=False)
class Survey:
    """Events that can be gone through again, and what the first pass told."""

    again: Callable[[], Iterator[np.ndarray]]
    statistics: Statistics


def survey(events: np.ndarray | Stored, index: np.ndarray | None = None) -> Survey:
    """The events, or those at `index`, gone through once."""
    return Survey(lambda: blocks(events, index), gather(blocks(events, index)))


def survey_checked(dataset: Dataset, index: np.ndarray, watch: Watch = unseen) -> Survey:
    """The events at `index`; all are gone through once, and checked on the way."""

    def again() -> Iterator[np.ndarray]:
        parts = blocks(dataset.events, index)
        stored = isinstance(dataset.events, Stored)
        return watch(parts, len(index), "Reading it again") if stored else parts

    return Survey(again, gather(_those(checked(dataset, watch=watch), index)))


def _those(parts: Iterable[np.ndarray], index: np.ndarray) -> Iterator[np.ndarray]:
    """The events at `index` of all, in float64, as parts of them go by."""
    index, start, first = np.sort(index), 0, 0
    for part in parts:
        start, begin = start + len(part), start
        after = int(np.searchsorted(index, start))
        if after > first:
            yield np.asarray(part[index[first:after] - begin], np.float64)
        first = after


def blocks(events: np.ndarray | Stored, index: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """The events, or those at `index`, in float64, a bounded number of bytes at a time.

    They come in the order in which they are stored, so that a file is read once and in turn.
    """
    index = None if index is None else np.sort(index)
    n = len(events) if index is None else len(index)
    step = max(1, BLOCK_BYTES // (8 * max(1, int(np.prod(events.shape[1:])))))
    for start in range(0, n, step):
        part = slice(start, start + step)
        yield np.asarray(events[part] if index is None else events[index[part]], np.float64)


@np.errstate(over="ignore", invalid="ignore")
def gather(parts: Iterable[np.ndarray]) -> Statistics:
    """The statistics of all events in `parts`, each an array (events, *shape).

    A coordinate of which no number is known has mean and variance zero. Where squares are beyond
    double precision, whoever learns from them refuses the numbers.
    """
    whole = np.asarray(True)
    count = mean = square = np.zeros(())
    minimum, maximum = np.asarray(np.inf), np.asarray(-np.inf)
    for part in parts:
        known = ~np.isnan(part)
        n = np.asarray(known.sum(0), np.float64)
        if known.all():
            m, low, high = part.mean(0), part.min(0), part.max(0)
        else:
            m = np.where(known, part, 0).sum(0) / np.maximum(n, 1)
            low, high = np.where(known, part, np.inf).min(0), np.where(known, part, -np.inf).max(0)
        offset = np.where(known, part - m, 0)
        part_square = (offset**2).sum(0)
        whole = whole & (known <= (part == np.rint(part))).all(0)
        both = np.maximum(count + n, 1)
        square = square + part_square + (m - mean) ** 2 * (count * n / both)
        mean = mean + (m - mean) * (n / both)
        minimum, maximum = np.minimum(minimum, low), np.maximum(maximum, high)
        count = count + n
    minimum, maximum = (np.where(count > 0, end, 0) for end in (minimum, maximum))
    return Statistics(count, mean, square / np.maximum(count, 1), minimum, maximum, whole)
