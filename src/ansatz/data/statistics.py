"""Mean, variance and range of every coordinate, gathered block by block."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ansatz.protocol.recipe import Kind

BLOCK_BYTES = 1 << 24


@dataclass(frozen=True, eq=False)
class Statistics:
    """What a pass over the events tells of each coordinate.

    Blocks are merged by the rule of Chan, Golub and LeVeque (1983):
    M2 = M2_a + M2_b + (mean_b - mean_a)^2 n_a n_b / (n_a + n_b).
    """

    count: int
    mean: np.ndarray
    variance: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    whole: bool
    """Whether every value is a whole number."""

    @property
    def kind(self) -> Kind:
        """What the values are; see `Spec`."""
        low, high = self.minimum.min(), self.maximum.max()
        if self.whole and low >= 0:
            return "binary" if high <= 1 else "whole"
        return "unit" if low >= 0 and high <= 1 else "real"


def blocks(events: np.ndarray, index: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """The events, or those at `index`, in float64, a bounded number of bytes at a time."""
    n = len(events) if index is None else len(index)
    step = max(1, BLOCK_BYTES // (8 * max(1, int(np.prod(events.shape[1:])))))
    for start in range(0, n, step):
        part = slice(start, start + step)
        yield np.asarray(events[part] if index is None else events[index[part]], np.float64)


def gather(parts: Iterable[np.ndarray]) -> Statistics:
    """The statistics of all events in `parts`, each an array (events, *shape)."""
    count, whole = 0, True
    mean = square = minimum = maximum = np.zeros(())
    for part in parts:
        n, m = len(part), part.mean(0)
        part_square = ((part - m) ** 2).sum(0)
        low, high = part.min(0), part.max(0)
        whole = whole and bool((part == np.rint(part)).all())
        if count == 0:
            mean, square, minimum, maximum = m, part_square, low, high
        else:
            square = square + part_square + (m - mean) ** 2 * (count * n / (count + n))
            mean = mean + (m - mean) * (n / (count + n))
            minimum, maximum = np.minimum(minimum, low), np.maximum(maximum, high)
        count += n
    return Statistics(count, mean, square / max(count, 1), minimum, maximum, whole)
