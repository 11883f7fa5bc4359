"""What a family draws its figures from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float

from ansatz.protocol.source import Batch


@dataclass(frozen=True, eq=False)
class Subject:
    """Some events as the model takes them, and the way back to the units of the data."""

    shape: tuple[int, ...]
    """Of one event."""
    axes: tuple[str, ...]
    """What the numbers of an event are called, with their units; empty for all but tables."""
    raw: Callable[[Array], Array]
    """Undoes the preprocessing of one event."""
    batch: Batch | None
    """None where the data are out of reach: then a figure shows what the model alone knows."""
    condition: Float[Array, " condition"] | None
    """What codes that belong to no event are decoded under."""
    given: str
    """The same in words, to end a sentence; empty without a condition."""
    history: tuple[dict[str, Any], ...] = ()
    """The metrics of the fit, epoch by epoch."""
