"""Slabs: the events of many steps in one piece, assembled from a file."""

import math
import mmap
from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np

from ansatz.data.epoch import Epoch
from ansatz.data.shuffle import Shuffle
from ansatz.data.stored import SHARE, Stored


class Slab(NamedTuple):
    """What many steps read: arrays (steps, rows, ...), with what is given with the events."""

    events: Any
    conditions: Any
    weights: Any


class Slabs:
    """Assembles slabs of the events at `index`; `conditions` and `weights` are those of all.

    A slab holds the steps from one multiple of `steps` within an epoch up to the next.
    """

    def __init__(
        self,
        stored: Stored,
        index: np.ndarray,
        conditions: np.ndarray | None,
        weights: np.ndarray | None,
        epoch: Epoch,
        dtype: np.dtype,
        seed: int | None,
    ) -> None:
        self.stored, self.conditions, self.weights = stored, conditions, weights
        self.epoch, self.dtype, self.seed = epoch, dtype, seed
        share = stored.buffer // SHARE
        self.together = max(1, share // (stored.block_rows * stored.event_bytes))
        # As many steps as there is room for, and about as many in each slab.
        most = max(1, share // sum(a.nbytes for a in self._slab(1) if a is not None))
        self.per_epoch = -(-epoch.steps // most)
        self.steps = -(-epoch.steps // self.per_epoch)
        self._which = np.zeros(len(stored), bool)
        self._which[index] = True
        starts = [stored.bounds(block)[0] for block in range(stored.blocks)]
        self._counts = np.add.reduceat(self._which, starts, dtype=np.int64)
        if self._counts.sum() != len(index):
            raise ValueError("An index of events to stream must name each of them once.")

    def window(self) -> "Window":
        """Memory for one window, which is kept from slab to slab."""
        return Window(self.stored, self.together)

    def slab(self, number: int, window: "Window") -> Generator[None, None, Slab]:
        """The slab of this number, counted from the first epoch on; pauses after every block."""
        epoch, within = divmod(number, self.per_epoch)
        shuffle = Shuffle.of(self._counts, self.together, self.seed, epoch)
        slab = self._slab(self.steps)
        first = within * self.steps
        for i in range(min(self.steps, self.epoch.steps - first)):
            start, end = self.epoch.start(first + i), self.epoch.start(first + i + 1)
            at = start
            while at < end:
                k = shuffle.window_at(at)
                begin, until = shuffle.starts[k], min(end, shuffle.starts[k + 1])
                yield from window.go_to(shuffle, k, self._which)
                rows = window.rows[at - begin : until - begin]
                to = slice(at - start, until - start)
                slab.events[i, to] = window.events(rows)
                if self.conditions is not None:
                    slab.conditions[i, to] = self.conditions[rows]
                if self.weights is not None:
                    slab.weights[i, to] = self.weights[rows]
                at = until
            # Padding is a real event, so that nothing odd is computed from it.
            for values in slab:
                if values is not None:
                    values[i, end - start :] = values[i, end - start - 1]
        return slab

    def _slab(self, steps: int) -> Slab:
        shape = (steps, self.epoch.rows)

        def like(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else _room((*shape, *values.shape[1:]), values.dtype)

        events = _room((*shape, *self.stored.shape[1:]), self.dtype)
        return Slab(events, like(self.conditions), like(self.weights))


class Window:
    """The blocks of one window as they are in the file, and the order of its events."""

    def __init__(self, stored: Stored, together: int) -> None:
        self.stored = stored
        self.rows = np.empty(0, np.int64)
        """The rows in the file of the window's events, in their order."""
        self._holds: tuple[int, int] | None = None
        self._slots = np.zeros(stored.blocks, np.int64)
        shape = (together * stored.block_rows, *stored.shape[1:])
        self._blocks = _room(shape, stored.dtype)

    def go_to(
        self, shuffle: Shuffle, number: int, which: np.ndarray
    ) -> Generator[None, None, None]:
        """Reads the window of this number, unless it is there already."""
        if self._holds == (shuffle.epoch, number):
            return
        self._holds = None
        pool = [np.empty(0, np.int64)]
        for slot, block in enumerate(shuffle.windows[number].tolist()):
            start, stop = self.stored.bounds(block)
            chosen = start + np.flatnonzero(which[start:stop])
            if len(chosen):
                begin = slot * self.stored.block_rows
                self.stored.read(block, self._blocks[begin : begin + stop - start])
                pool.append(chosen)
                yield
            self._slots[block] = slot
        self.rows = np.empty(sum(map(len, pool)), np.int64)
        self.rows[shuffle.places(number)] = np.concatenate(pool)
        self._holds = shuffle.epoch, number

    def events(self, rows: np.ndarray) -> np.ndarray:
        """The events at these rows of the file."""
        block, within = np.divmod(rows, self.stored.block_rows)
        return self._blocks[self._slots[block] * self.stored.block_rows + within]


def _room(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros in pages of their own, which go back to the system as soon as they are not used.

    Allocated memory would stay with the thread that asked for it. As pages are aligned, JAX
    uses them where they lie if it computes on the processor.
    """
    count = math.prod(shape)
    pages = mmap.mmap(-1, max(1, count * dtype.itemsize))
    return np.frombuffer(pages, dtype, count).reshape(shape)
