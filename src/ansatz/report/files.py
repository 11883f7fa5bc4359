"""Figures as files of their own, beside a page."""

from pathlib import Path

from ansatz.report.rendering import Rendering
from ansatz.runs.files import make_folder, write_atomic

FIGURES = "figures"
"""The folder that they are in."""


def write_figures(
    folder: Path, renderings: tuple[Rendering, ...] | list[Rendering]
) -> dict[str, dict[str, Path]]:
    """Each figure in each format; the paths by its name and the format."""
    make_folder(folder)
    written = figure_paths(folder, renderings)
    for rendering in renderings:
        for form, file in written[rendering.figure.name].items():
            write_atomic(file, rendering.files[form])
    return written


def figure_paths(
    folder: Path, renderings: tuple[Rendering, ...] | list[Rendering]
) -> dict[str, dict[str, Path]]:
    """Where each figure is in each format, by its name and the format."""
    return {
        rendering.figure.name: {
            form: folder / f"{rendering.figure.name}.{form}" for form in rendering.files
        }
        for rendering in renderings
    }
