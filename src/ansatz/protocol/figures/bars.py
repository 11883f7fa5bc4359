"""One number for each label."""

from dataclasses import dataclass

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


@dataclass(frozen=True, eq=False, kw_only=True)
class Bars(Figure):
    """One number for each label, and perhaps another drawn as a line above."""

    labels: tuple[str, ...]
    values: np.ndarray
    x_label: str
    y_label: str
    line: np.ndarray | None = None
    line_label: str = ""

    def table(self) -> Table:
        if self.line is None:
            return Table((self.x_label, self.y_label), zip(self.labels, self.values, strict=True))
        return Table(
            (self.x_label, self.y_label, self.line_label),
            zip(self.labels, self.values, self.line, strict=True),
        )
