"""The incident energies of showers to simulate: a range or a list, in MeV."""

import math
from dataclasses import dataclass

import numpy as np

from ansatz.protocol.errors import OptionError

LOWEST, HIGHEST = 1e2, 1e8
"""MeV. Beyond these the parametrisation of showers has no meaning."""

DEFAULTS = {
    "dataset1-photons": ",".join(str(2**k) for k in range(8, 23)),
    "dataset2": "1e3:1e6",
    "dataset3": "1e3:1e6",
}
"""The challenge's energies, by geometry."""


@dataclass(frozen=True)
class Energies:
    """A range from which energies are drawn log-uniformly, or a list of equally likely ones."""

    values: tuple[float, ...]
    """The ends of the range, or the list, MeV."""
    range: bool

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """As many energies, MeV."""
        values = np.array(self.values)
        if self.range:
            low, high = np.log(values)
            # The rounding of the logarithms leads out of the range by no more than itself.
            return np.clip(np.exp(rng.uniform(low, high, count)), *values)
        return values[rng.integers(0, len(values), count)]

    def __str__(self) -> str:
        return (":" if self.range else ",").join(f"{value:.10g}" for value in self.values)


def energies(text: str) -> Energies:
    """`a:b` is a range, `a,b,c` a list, a single number a list of one."""
    mark = ":" if ":" in text else ","
    try:
        values = tuple(float(word) for word in text.split(mark))
    except ValueError:
        values = ()
    if not values or (mark == ":" and len(values) != 2):
        raise OptionError(
            f"An energy is a range a:b or a list a,b,c in MeV, such as 1e3:1e6; not {text!r}."
        )
    for value in values:
        # NaN fails too.
        if not LOWEST <= value <= HIGHEST or math.isnan(value):
            raise OptionError(
                f"The energy {value:g} MeV in {text!r} is outside {LOWEST:g} to {HIGHEST:g} MeV, "
                "where the parametrisation of showers holds."
            )
    if mark == ":" and values[0] >= values[1]:
        raise OptionError(
            f"The energy range {text!r} is upside down or empty; write the lower end first: "
            f"{values[1]:g}:{values[0]:g}."
        )
    return Energies(values, mark == ":")
