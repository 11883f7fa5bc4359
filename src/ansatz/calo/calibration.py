"""What a detector shows of a shower's energy: constants that are fitted, and no physics.

The seen energy is the deposited one times the response, r + s log10(E / 30 GeV), and fluctuates by
σ/E = c / √E about it.
"""

from dataclasses import dataclass

import numpy as np

from ansatz.protocol.errors import OptionError

REFERENCE = 30.0
"""GeV."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The constants, which follow from no formula of the shower's."""

    c: float
    """√GeV: the sampling fluctuation, and with it the number of spots."""
    response: float
    """r: seen over incident energy at 30 GeV, but for what leaks or is below the threshold."""
    slope: float
    """s: by how much that rises with every factor of ten in energy."""

    def __post_init__(self) -> None:
        for name in ("c", "response"):
            if not 0 < getattr(self, name) < float("inf"):
                raise OptionError(f"{name} must be above 0; it is {getattr(self, name):g}.")
        if not abs(self.slope) < float("inf"):
            raise OptionError(f"slope must be a number; it is {self.slope:g}.")

    def response_at(self, energy: np.ndarray) -> np.ndarray:
        """The response at these energies, GeV; never below a tenth of that at 30 GeV."""
        curve = self.response + self.slope * np.log10(energy / REFERENCE)
        return np.maximum(curve, self.response / 10)


CALIBRATIONS = {
    "dataset1-photons": Calibration(c=0.11, response=0.972, slope=0.0),
    "dataset2": Calibration(c=0.3, response=0.7915, slope=0.0895),
    "dataset3": Calibration(c=0.3, response=0.7915, slope=0.0895),
}
"""By the name of the geometry."""
