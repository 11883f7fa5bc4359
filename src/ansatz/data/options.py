"""Which of a source's columns or keys are events, which are given with them, which are left out."""

from dataclasses import dataclass
from typing import ClassVar

from ansatz.protocol.settings import Settings


@dataclass(frozen=True)
class DataOptions(Settings):
    """Names of columns (tables) or of keys (HDF5, npz); what is not named has a default."""

    kind: ClassVar[str] = "the data"

    events: tuple[str, ...] = ()
    """What to learn, in this order; by default every column of a table that has no other use,
    or the one array that can be meant."""
    conditions: tuple[str, ...] = ()
    """What is given with every event; text and small sets of whole numbers become categories."""
    weights: str | None = None
    """How much every event counts."""
    drop: tuple[str, ...] = ()
    """What to leave out."""


DEFAULT = DataOptions()
"""Nothing is named."""
