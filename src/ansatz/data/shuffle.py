"""The order in which an epoch goes through events that are stored in blocks."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np


@dataclass(frozen=True, eq=False)
class Shuffle:
    """The order of one epoch, a function of (seed, epoch) and the blocks alone.

    The blocks are permuted. Those that follow one another are taken `together` as a window, and
    the events of a window are permuted. Without a seed all stays as it is in the file.
    """

    windows: tuple[np.ndarray, ...]
    """The blocks of each window, in the order in which they are pooled."""
    starts: tuple[int, ...]
    """The place of each window's first event in the order; at last the number of events."""
    seed: int | None
    epoch: int

    @classmethod
    def of(cls, counts: np.ndarray, together: int, seed: int | None, epoch: int) -> "Shuffle":
        """The order of all events, of which there are `counts` in each block."""
        blocks = np.arange(len(counts))
        if seed is not None:
            blocks = _generator(seed, epoch, 0).permutation(blocks)
        windows = np.split(blocks, range(together, len(blocks), together))
        sizes = (int(counts[window].sum()) for window in windows)
        return cls(tuple(windows), tuple(accumulate(sizes, initial=0)), seed, epoch)

    def window_at(self, place: int) -> int:
        """The window that holds this place of the order."""
        return bisect_right(self.starts, place) - 1

    def places(self, window: int) -> np.ndarray:
        """The place within its window of each pooled event."""
        places = np.arange(self.starts[window + 1] - self.starts[window], dtype=np.int32)
        if self.seed is not None:
            # In place and in 32 bits: of small events there are as many places as bytes.
            _generator(self.seed, self.epoch, 1 + window).shuffle(places)
        return places


def _generator(seed: int, epoch: int, part: int) -> np.random.Generator:
    # A part has a counter of its own, far from all others, so that any window can come first.
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, part]))
