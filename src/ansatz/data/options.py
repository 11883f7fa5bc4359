"""Which of a source's columns or keys are events, which are given with them, which are left out."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ansatz.protocol.errors import OptionError
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
    missing: Literal["refuse", "nan"] = "refuse"
    """Events with NaN are refused, or 'nan': NaN is a number that was not observed."""
    buffer: int = 1024
    """MiB of events to hold in memory: larger arrays in HDF5 and npy files are streamed from
    disk while they are learnt."""

    def __post_init__(self) -> None:
        if self.buffer < 1:
            raise OptionError(f"buffer must be at least 1 MiB; it is {self.buffer}.")

    @property
    def names_any(self) -> bool:
        """Whether any column or key is named."""
        return bool(self.events or self.conditions or self.weights is not None or self.drop)

    @property
    def buffer_bytes(self) -> int:
        return self.buffer << 20


DEFAULT = DataOptions()
"""Nothing is named."""
