"""An array that stays in its file: it is read in blocks of rows, each the same at every reading."""

import math
import zlib
from typing import Any

import numpy as np

from ansatz.data.contents import DAMAGE, Rows, reason
from ansatz.protocol.errors import DataError

BLOCKS = 64
"""How many blocks the buffer could hold."""

SHARE = 4
"""The buffer has four parts: what is shuffled, what is used, what is used next, and the rest."""

LEAST_BYTES = 8
"""What an event takes at least: so much does its place in an order."""

MIB = 1 << 20


class _Waiting:
    """Rows that are wanted of the blocks of a file, whatever their order."""

    def __init__(self, index: np.ndarray, stored: "Stored") -> None:
        self.index, self._rows = index, stored.block_rows
        self.values = np.empty((len(index), *stored.shape[1:]), stored.dtype)
        home = index // self._rows
        order = np.argsort(home, kind="stable")
        blocks, starts = np.unique(home[order], return_index=True)
        self.places = dict(zip(blocks.tolist(), np.split(order, starts[1:]), strict=False))
        """Which of them are still to come, by their block."""

    def take(self, block: int, rows: np.ndarray) -> None:
        """Those that are in this block, if they have not come yet."""
        places = self.places.pop(block, None)
        if places is not None:
            self.values[places] = rows[self.index[places] - block * self._rows]


class Stored:
    """Rows of an array in a file, of which about `buffer` bytes may be held in memory.

    It is indexed by slices and by arrays of whole numbers, as an array in memory. A block is
    verified by its checksum from its second reading on, so that a file that changes while it is
    in use is found out.
    """

    def __init__(
        self, name: str, rows: Rows, shape: tuple[int, ...], dtype: np.dtype, buffer: int
    ) -> None:
        self.name, self.shape, self.dtype, self.buffer = name, shape, dtype, buffer
        self.event_bytes = max(LEAST_BYTES, dtype.itemsize * math.prod(shape[1:]))
        most = buffer // BLOCKS // self.event_bytes
        self.block_rows = max(1, min(shape[0], max(rows.chunk, most - most % rows.chunk)))
        self._fill = rows.fill
        self._checksums: list[int | None] = [None] * -(-shape[0] // self.block_rows)
        self._recent: tuple[int, np.ndarray] | None = None
        self._waiting: list[_Waiting] = []
        self._check_size(rows.chunk)

    def _check_size(self, chunk: int) -> None:
        size = self.block_rows * self.event_bytes
        if size * SHARE <= self.buffer:
            return
        enough = -(-size * SHARE // MIB)
        if chunk > 1:
            raise DataError(
                f"{self.name} is stored in pieces of {chunk:,} events, {size / MIB:.0f} MiB, too "
                f"large for a buffer of {self.buffer / MIB:.0f} MiB. Give --buffer {enough}, or "
                "write it again in smaller chunks."
            )
        raise DataError(
            f"One event of {self.name} has {size / MIB:.0f} MiB, too large for a buffer of "
            f"{self.buffer / MIB:.0f} MiB. Give --buffer {enough}."
        )

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def blocks(self) -> int:
        """How many blocks there are; the last one may be shorter."""
        return len(self._checksums)

    def bounds(self, block: int) -> tuple[int, int]:
        """The first row of a block, and the first after it."""
        return block * self.block_rows, min((block + 1) * self.block_rows, len(self))

    def read(self, block: int, out: np.ndarray) -> None:
        """Fills an array with the rows of one block, fresh from the file."""
        try:
            self._fill(self.bounds(block)[0], out)
        except DAMAGE as error:
            raise self._unreadable(block, error) from None
        known, found = self._checksums[block], zlib.crc32(out.data)
        if known is not None and found != known:
            raise self._changed(block, "are not what they were")
        self._checksums[block] = found

    def checksums(self) -> np.ndarray:
        """The checksum of every block; only blocks that were never read are read for it."""
        for block, known in enumerate(self._checksums):
            if known is None:
                self._kept(block)
        return np.array(self._checksums, np.uint32)

    def keep(self, index: np.ndarray) -> None:
        """Keeps the rows at `index` as their blocks go by, for whoever asks for just these next.

        So one way through the file will do for all that is wanted of it.
        """
        if len(index):
            self._waiting.append(_Waiting(index, self))

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                return self._range(start, max(start, stop))
            key = np.arange(start, stop, step)
        index = np.asarray(key)
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise ValueError(
                "Stored events are indexed by a slice or by a row of whole numbers, not by "
                f"{type(key).__name__} of shape {index.shape} and type {index.dtype}."
            )
        return self._gather(index)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self[:]
        return values if dtype is None else values.astype(dtype, copy=False)

    def _range(self, start: int, stop: int) -> np.ndarray:
        first, last = start // self.block_rows, (stop - 1) // self.block_rows
        if start < stop and first == last:
            begin = first * self.block_rows
            return self._kept(first)[start - begin : stop - begin]
        values = np.empty((stop - start, *self.shape[1:]), self.dtype)
        for block in range(first, last + 1):
            begin, end = self.bounds(block)
            low, high = max(start, begin), min(stop, end)
            values[low - start : high - start] = self._kept(block)[low - begin : high - begin]
        return values

    def _gather(self, index: np.ndarray) -> np.ndarray:
        """The rows at `index`; each block is read once, whatever their order."""
        index = np.where(index < 0, index + len(self), index)
        if len(index) and not (index.min() >= 0 and index.max() < len(self)):
            raise IndexError(f"An index is outside the {len(self)} stored events.")
        for waiting in self._waiting:
            if np.array_equal(waiting.index, index):
                self._waiting.remove(waiting)
                break
        else:
            waiting = _Waiting(index, self)
        for block in list(waiting.places):
            waiting.take(block, self._kept(block))
        return waiting.values

    def _kept(self, block: int) -> np.ndarray:
        """A block, of which the last one is kept: for whoever goes through the rows in turn."""
        recent = self._recent
        if recent is not None and recent[0] == block:
            return recent[1]
        # The old one goes first: two would take twice the memory.
        recent = self._recent = None
        start, stop = self.bounds(block)
        values = np.empty((stop - start, *self.shape[1:]), self.dtype)
        self.read(block, values)
        # Parts of it are handed out as they are.
        values.flags.writeable = False
        for waiting in self._waiting:
            waiting.take(block, values)
        self._recent = block, values
        return values

    def _unreadable(self, block: int, error: BaseException) -> DataError:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else reason(error)
        if self._checksums[block] is not None:
            return self._changed(block, f"cannot be read any more: {why}")
        return DataError(
            f"{self.name} is damaged or cut short: {self._place(block)} cannot be read: {why}. "
            "Fetch or write the file again."
        )

    def _changed(self, block: int, how: str) -> DataError:
        return DataError(
            f"{self.name} has changed while it was in use: {self._place(block)} {how}. Put the "
            "file back as it was and go on, or begin again with the new one."
        )

    def _place(self, block: int) -> str:
        start, stop = self.bounds(block)
        return f"events {start:,} to {stop - 1:,} (block {block + 1:,} of {self.blocks:,})"
