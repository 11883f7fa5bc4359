"""A claim: a number that must come out, and whether it did."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import numpy as np

from ansatz.evaluate.estimate import weighted_mean

CERTAINTY = 3.0
"""How sure a verdict is, in standard deviations of a normal distribution."""

SMALL = 1e-4
"""A tolerance about zero below which numbers are written in powers of ten."""


Side = Literal["equal", "at least", "at most"]


class Verdict(StrEnum):
    """What became of a claim; undecided is no pass."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


class Measured(NamedTuple):
    """A number with its standard error, known from so many degrees of freedom."""

    value: float
    error: float = 0.0
    degrees: float = math.inf

    @classmethod
    def over(cls, values: Sequence[float] | np.ndarray) -> "Measured":
        """The mean of n independent repetitions, s / sqrt(n), and n - 1."""
        return cls(*weighted_mean(np.asarray(values)), len(values) - 1)

    @property
    def reach(self) -> float:
        """How far off the number may be by chance: t error, with P(T < t) = P(N < 3).

        T has Student's distribution on these degrees of freedom and N is standard normal: an
        error known from a few repetitions alone reaches farther than three of itself.
        """
        from scipy import special

        if self.error == 0 or not math.isfinite(self.error):
            return self.error
        return float(special.stdtrit(self.degrees, special.ndtr(CERTAINTY))) * self.error


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A number that is expected, why, and what was measured."""

    name: str
    sentence: str
    """What must hold."""
    expected: float
    source: str
    """Where the expected number comes from: a formula or a citation."""
    measured: Measured
    tolerance: float
    """How far the truth may be from what is expected."""
    why: str
    """The reason for this tolerance, which does not depend on the error."""
    unit: str = ""
    side: Side = "equal"
    """Whether the number must be what is expected, or only not lie beyond it on one side."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.expected):
            raise ValueError(f"What is expected must be finite; it is {self.expected}.")
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"A tolerance must be finite and not negative, not {self.tolerance}.")
        if math.isfinite(self.measured.value) and not self.measured.error >= 0:
            raise ValueError(f"An error must not be negative; it is {self.measured.error}.")

    @property
    def verdict(self) -> Verdict:
        """Whether the truth lies within the tolerance, given that the measurement has an error.

        With d = |measured - expected|, the tolerance t and the measurement's reach r,

            holds       if  d + r <= t,
            fails       if  d - r > t, or if nothing finite was measured,
            undecided   otherwise:

        every value that chance allows is within the tolerance, or none is, or some are. Where the
        number must be at least what is expected, d = expected - measured, and its negative where
        it must be at most that. If errors
        are normal, a false claim holds at most once in 740 times and a true one fails at most
        once in 370, however large the error is: a larger one only leaves more undecided.
        """
        off, reach = self.measured.value - self.expected, self.measured.reach
        distance = {"equal": abs(off), "at least": -off, "at most": off}[self.side]
        if not math.isfinite(self.measured.value):
            return Verdict.FAILS
        if distance + reach <= self.tolerance:
            return Verdict.HOLDS
        return Verdict.FAILS if distance - reach > self.tolerance else Verdict.UNDECIDED

    def write(self, value: float) -> str:
        """A value of this claim with as many digits as show a hundredth of the tolerance."""
        if self.tolerance == 0:
            return f"{value:.6g}"
        if self.expected == 0 and self.tolerance < SMALL:
            # A dozen zeros are not read.
            return f"{value:.2g}"
        # A minus before nothing but zeros would only puzzle.
        return f"{value:z.{max(0, 2 - math.floor(math.log10(self.tolerance)))}f}"

    @property
    def wanted(self) -> str:
        """What is expected, and on which side of it a number may lie."""
        sign = {"equal": "", "at least": "≥ ", "at most": "≤ "}[self.side]
        return sign + self.write(self.expected)

    @property
    def result(self) -> str:
        """What was measured, with its error if it has one."""
        error = self.measured.error
        value = self.write(self.measured.value)
        if self.tolerance == 0 and 0 < error < math.inf:
            # The tolerance asks for no digits, and behind the error's second there is only chance.
            value = f"{self.measured.value:z.{max(0, 1 - math.floor(math.log10(error)))}f}"
        return f"{value} ± {error:.1g}" if error else value

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON; what is not finite is None."""
        values = asdict(self) | {
            "measured": self.measured.value,
            "error": self.measured.error,
            "degrees_of_freedom": self.measured.degrees,
            "reach": self.measured.reach,
            "verdict": str(self.verdict),
        }
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }
