"""Images side by side."""

from dataclasses import dataclass

import numpy as np

from ansatz.protocol.figures.figure import Figure, Table


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageGrid(Figure):
    """Images in rows and columns, (rows, columns, height, width) or with three colours behind.

    They share one scale of brightness.
    """

    images: np.ndarray
    row_labels: tuple[str, ...] = ()
    column_labels: tuple[str, ...] = ()
    unit: str = ""
    """Of a pixel."""
    scale: tuple[float, float] | None = None
    """The values at the ends of the common scale, if not the lowest and the highest."""
    signed: bool = False
    """Whether zero is a middle and the sign matters."""
    joined: bool = False
    """Whether neighbours blend into each other, with no gap between them."""

    @property
    def limits(self) -> tuple[float, float]:
        """The values at the ends of the common scale."""
        if self.scale is not None:
            return self.scale
        low, high = float(np.nanmin(self.images)), float(np.nanmax(self.images))
        if self.signed:
            high = max(-low, high)
            low = -high
        return low, high

    def table(self) -> Table:
        rows, columns = self.images.shape[:2]
        pixels = self.images.reshape(rows, columns, -1)
        across = self.column_labels or tuple(map(str, range(columns)))
        down = self.row_labels or tuple(map(str, range(rows)))
        return Table(
            ("row", "column", *(f"pixel {k}" for k in range(pixels.shape[2]))),
            ((down[i], across[j], *pixels[i, j]) for i in range(rows) for j in range(columns)),
        )


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an event of this shape can be looked at: in grey, or with three colours."""
    return len(shape) == 2 or (len(shape) == 3 and bool({shape[0], shape[-1]} & {1, 3}))


def as_images(events: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Events (..., *shape) as images (..., height, width) or (..., height, width, 3).

    Colours may stand first or last in `shape`.
    """
    if not is_image(shape):
        raise ValueError(f"Events of shape {shape} are no images.")
    if len(shape) == 2:
        return events
    if shape[-1] not in (1, 3):
        events = np.moveaxis(events, -3, -1)
    return events[..., 0] if events.shape[-1] == 1 else events
