"""A dataset: events, what is given with them, and how much each counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ansatz.data.stored import Stored
from ansatz.protocol.errors import DataError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Column:
    """One coordinate of a table: its name, its unit, and its categories if it is no number.

    A categorical value is stored as its position in `categories`.
    """

    name: str
    unit: str = ""
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Events x_i with optional conditions c_i and weights w_i.

    `events` has shape (n, *event shape) and keeps the type it had on disk, so that bytes stay
    bytes until a batch is prepared. `conditions` is (n, columns), numbers and category codes.
    `event_columns` names the coordinates of a table and is empty for images.
    `parts` gives each event's part of the split as an index into `PARTS` where the source
    declares one (a folder with its own test files); otherwise it is None. Events that are too
    large for memory are `Stored` in their file. Where events may be `missing` numbers, NaN is
    one that was not observed.
    """

    events: np.ndarray | Stored
    conditions: np.ndarray | None = None
    weights: np.ndarray | None = None
    event_columns: tuple[Column, ...] = ()
    condition_columns: tuple[Column, ...] = ()
    parts: np.ndarray | None = None
    name: str = field(default="array")
    missing: bool = False

    def __post_init__(self) -> None:
        n = len(self.events)
        for label, values in [
            ("conditions", self.conditions),
            ("weights", self.weights),
            ("parts", self.parts),
        ]:
            if values is not None and len(values) != n:
                raise DataError(
                    f"{self.name}: {n} events but {len(values)} {label}; they must be as many."
                )
        if n == 0:
            raise DataError(f"{self.name} holds no events.")
        if 0 in self.shape:
            raise DataError(f"{self.name} has events of shape {self.shape}, which have no numbers.")

    def __len__(self) -> int:
        return len(self.events)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one event."""
        return tuple(self.events.shape[1:])

    def take(self, index: np.ndarray | Sequence[int]) -> "Dataset":
        """The events at `index` in memory, with their conditions, weights and parts."""
        index = np.asarray(index)
        return replace(
            self,
            events=self.events[index],
            conditions=None if self.conditions is None else self.conditions[index],
            weights=None if self.weights is None else self.weights[index],
            parts=None if self.parts is None else self.parts[index],
        )
