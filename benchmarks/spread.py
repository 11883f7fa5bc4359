"""What several measurements of one number say together."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Values = Sequence[float | None]
"""A number for each round; None where the run failed."""


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and their range."""

    median: float
    lowest: float
    highest: float
    count: int

    @classmethod
    def of(cls, values: Values) -> "Spread | None":
        """That of the numbers that are there; None if there are none."""
        there = [value for value in values if value is not None]
        if not there:
            return None
        return cls(statistics.median(there), min(there), max(there), len(there))

    def text(self, form: str) -> str:
        """In words, every number in this format."""
        median, lowest, highest = (f"{x:{form}}" for x in (self.median, self.lowest, self.highest))
        return median if lowest == highest else f"{median} ({lowest} to {highest})"


def ratios(ours: Values, theirs: Values) -> list[float | None]:
    """Ours over theirs, round by round; None where either failed.

    The two of a round ran one after the other, so that most of what a busy machine does to both
    cancels.
    """
    return [None if a is None or b is None else a / b for a, b in zip(ours, theirs, strict=True)]


def greatest(several: Sequence[Values]) -> list[float | None]:
    """The greatest of several numbers, round by round; None where all failed."""
    return [
        max((value for value in values if value is not None), default=None)
        for values in zip(*several, strict=True)
    ]


def training_flops(parameters: int) -> int:
    """Floating-point operations to learn from one event with so many weights and biases.

    A weight costs a multiplication and an addition on the way forward, and twice that on the
    way back: for the gradient by the layer's input and for the gradient by the weight.
    """
    return 3 * 2 * parameters
