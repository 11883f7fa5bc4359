"""Figures as data: arrays and labels that a family returns and the report draws."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Curve:
    """Lines y_k(x), one for each label."""

    title: str
    x: np.ndarray
    ys: dict[str, np.ndarray]
    x_label: str = ""
    y_label: str = ""
    log_y: bool = False


@dataclass(frozen=True, eq=False)
class ImageGrid:
    """Grey or colour images, (rows, columns, height, width[, channels])."""

    title: str
    images: np.ndarray
    row_labels: tuple[str, ...] = ()
    column_labels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scatter:
    """Points in a plane, (n, 2), perhaps coloured by a number or a category."""

    title: str
    points: np.ndarray
    colours: np.ndarray | None = None
    categories: tuple[str, ...] = ()
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True, eq=False)
class Bars:
    """One number for each label."""

    title: str
    labels: tuple[str, ...]
    values: np.ndarray
    y_label: str = ""
    note: str = field(default="")


Figure = Curve | ImageGrid | Scatter | Bars
