"""What biases and couplings a device can be given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Ends = tuple[float, float]


@dataclass(frozen=True)
class Ranges:
    """Intervals about zero for every h, for every J, and for the sum of the J at a node."""

    h: Ends = (-np.inf, np.inf)
    j: Ends = (-np.inf, np.inf)
    node: Ends = (-np.inf, np.inf)

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> "Ranges":
        """Those that a sampler names among its properties; without an end where it names none.

        Couplings may reach into the extended range, whose price is a limit on the sum at a node.
        """
        nothing = (-np.inf, np.inf)
        wide = properties.get("extended_j_range", properties.get("j_range", nothing))
        node = properties.get("per_qubit_coupling_range", nothing)
        h = properties.get("h_range", nothing)
        return cls(*((float(low), float(high)) for low, high in (h, wide, node)))

    def largest_scale(self, bqm: Any) -> float:
        """The largest factor by which a model of spins may be multiplied and still fit."""
        linear, (rows, columns, values), _ = bqm.to_numpy_vectors(
            variable_order=list(bqm.variables)
        )
        sums = np.bincount(rows, values, len(linear)) + np.bincount(columns, values, len(linear))
        return min(
            _room(np.asarray(linear), self.h),
            _room(np.asarray(values), self.j),
            _room(sums, self.node),
        )


def _room(values: np.ndarray, ends: Ends) -> float:
    """How many times the values fit between the ends, which lie on either side of zero."""
    low, high = ends
    most, least = values.max(initial=0.0), values.min(initial=0.0)
    return min(
        high / most if most > 0 else np.inf,
        low / least if least < 0 else np.inf,
    )
