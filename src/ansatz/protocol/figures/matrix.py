"""Numbers in rows and columns with names."""

from dataclasses import dataclass

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


@dataclass(frozen=True, eq=False, kw_only=True)
class Matrix(Figure):
    """Numbers of either sign in rows and columns with names."""

    values: np.ndarray
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]

    def table(self) -> Table:
        return Table(
            ("", *self.column_labels),
            ((label, *row) for label, row in zip(self.row_labels, self.values, strict=True)),
        )
