"""A figure: what is looked at, as arrays and labels; how it looks is the report's."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np


class Table(NamedTuple):
    """The numbers of a figure, row by row under a header."""

    header: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Figure(ABC):
    """Something to look at."""

    name: str
    """Short and stable: it names the figure's files."""
    title: str
    caption: str
    """How to read it: what is on the axes, and what good looks like."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(
                f"The name of a figure is small letters, digits and hyphens, not {self.name!r}: "
                "it becomes the name of a file."
            )

    @abstractmethod
    def table(self) -> Table:
        """Every number that is drawn."""


@dataclass(frozen=True, eq=False)
class Labels:
    """One value for each of several points: the code of a category, or a number."""

    name: str
    values: np.ndarray
    categories: tuple[str, ...] = ()

    def take(self, index: np.ndarray | slice) -> "Labels":
        """The labels at `index`."""
        return replace(self, values=self.values[index])
