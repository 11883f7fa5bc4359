"""Values on rings and angles."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


@dataclass(frozen=True, eq=False)
class Disc:
    """A circle cut into rings and angles: values (angles, rings), angles from -pi on."""

    label: str
    r_edges: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Discs(Figure):
    """Rows of discs that belong together, on one logarithmic scale; what is not positive is blank.

    Rings are drawn equally wide.
    """

    rows: tuple[tuple[Disc, ...], ...]
    row_labels: tuple[str, ...]
    unit: str = ""

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of the scale: the largest value, and the least or a millionth of it."""
        values = np.concatenate([disc.values.ravel() for row in self.rows for disc in row])
        values = values[values > 0]
        if not len(values):
            return 0.1, 1.0
        high = float(values.max())
        return max(float(values.min()), 1e-6 * high), high

    def table(self) -> Table:
        def rows() -> Iterable[tuple[Any, ...]]:
            for label, row in zip(self.row_labels, self.rows, strict=True):
                for disc in row:
                    angles = np.linspace(-np.pi, np.pi, len(disc.values) + 1)
                    for a, ring in enumerate(disc.values):
                        for b, value in enumerate(ring):
                            ends = disc.r_edges[b], disc.r_edges[b + 1]
                            yield label, disc.label, angles[a], angles[a + 1], *ends, value

        name = f"value [{self.unit}]" if self.unit else "value"
        return Table(("row", "disc", "angle from", "angle to", "r from", "r to", name), rows())
