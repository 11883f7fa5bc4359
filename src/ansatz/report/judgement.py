"""The folder of a judgement: a page, its figures, its numbers as JSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansatz.protocol.errors import DataError
from ansatz.report.files import FIGURES, figure_paths, write_figures
from ansatz.report.page import Page
from ansatz.report.rendering import Rendering
from ansatz.runs.files import new_folder, write_atomic

PAGE = "report.html"


@dataclass(frozen=True)
class Judgement:
    """What there is to write."""

    page: Page
    renderings: tuple[Rendering, ...]
    numbers: dict[str, Any]
    more: Mapping[str, str] = field(default_factory=dict)
    """Other files by their names."""


@dataclass(frozen=True)
class Written:
    """Where a judgement lies."""

    page: Path
    numbers: Path
    figures: dict[str, dict[str, Path]]


@dataclass(frozen=True)
class Kind:
    """A kind of judgement, and the file of numbers that tells its folder from any other."""

    name: str
    numbers: str

    def check_replaceable(self, folder: Path, *, force: bool) -> None:
        """Refuse a folder in which such a judgement must not be written."""
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
        if not force:
            raise DataError(f"{folder} exists; use --force to replace it or another --out.")
        if not (folder / self.numbers).is_file():
            raise DataError(f"{folder} exists and is no {self.name}; it will not be replaced.")
        if Path.cwd().is_relative_to(folder.resolve()):
            raise DataError(f"{folder} is the folder you are in; give --out the name of a new one.")

    def write(self, make: Callable[[], Judgement], folder: Path, *, force: bool = False) -> Written:
        """Write the folder, in place of an older one if forced, when all of it is there.

        `make` draws what there is to write, which takes long, and is not asked to for a folder that
        is refused.
        """
        self.check_replaceable(folder, force=force)
        with new_folder(folder, lambda: self.check_replaceable(folder, force=force)) as new:
            judgement = make()
            write_figures(new / FIGURES, judgement.renderings)
            write_atomic(new / PAGE, judgement.page.html().encode())
            for name, content in judgement.more.items():
                write_atomic(new / name, content.encode())
            numbers = json.dumps(judgement.numbers, indent=2, ensure_ascii=False) + "\n"
            write_atomic(new / self.numbers, numbers.encode())
        figures = figure_paths(folder / FIGURES, judgement.renderings)
        return Written(folder / PAGE, folder / self.numbers, figures)
