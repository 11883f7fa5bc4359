"""Figures as data: arrays and labels that a family returns and the report draws."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ImageGrid:
    """Images in rows and columns: (rows, columns, height, width) or with colours behind."""

    title: str
    images: np.ndarray
    row_labels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scatter:
    """Clouds of points in a plane, each (n, 2), by their label."""

    title: str
    clouds: dict[str, np.ndarray]
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True, eq=False)
class Bars:
    """One number for each label."""

    title: str
    labels: tuple[str, ...]
    values: np.ndarray
    y_label: str = ""


Figure = ImageGrid | Scatter | Bars


def of_events(title: str, rows: dict[str, np.ndarray], columns: int = 10) -> tuple[Figure, ...]:
    """Events as they can be looked at: images as images, pairs of numbers as points."""
    shape = next(iter(rows.values())).shape[1:]
    if len(shape) in (2, 3):
        images = np.stack([events[:columns] for events in rows.values()])
        return (ImageGrid(title, images, tuple(rows)),)
    if shape == (2,):
        return (Scatter(title, dict(rows)),)
    return ()
