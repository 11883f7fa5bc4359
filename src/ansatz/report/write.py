"""The report of a run: one page to look at, and every figure as files of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.watch import Watch, unseen
from ansatz.report import facts
from ansatz.report.evidence import Evidence, gather
from ansatz.report.files import FIGURES, write_figures
from ansatz.report.history import history
from ansatz.report.page import Page
from ansatz.report.rendering import FORMATS, Rendering, render
from ansatz.runs.files import alone, make_folder, unwritable, write_atomic
from ansatz.runs.run import Run


@dataclass(frozen=True)
class Report:
    """Where a report lies, and what it lacks."""

    page: Path
    figures: dict[str, dict[str, Path]]
    """By the figure's name and the format; empty for a run in memory."""
    missing: tuple[str, ...]
    """What could not be shown and why, each in a sentence."""


def write_report(
    run: Run | str | Path,
    data: Any = None,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    watch: Watch = unseen,
) -> Report:
    """Write RUN/report.html, or the page `out`, and RUN/figures; an older report is replaced.

    Figures are of events held out from the fit, or of `data`. Of a damaged run, or one whose
    data are gone, there is a report of what is left. `watch` sees large files go by.
    """
    found = gather(run)
    if out is not None:
        page = Path(out)
    elif found.path is not None:
        page = found.path / "report.html"
    else:
        raise OptionError("The run is in memory alone: say with `out` where its report goes.")
    renderings = [render(figure) for figure in _figures(found, data, seed, watch)]
    if found.path is None:
        _write_page(page, found, renderings, "")
        return Report(page, {}, tuple(found.missing))
    folder = found.path / FIGURES
    make_folder(folder)
    # Two reports of a run at a time would mix their figures.
    with alone(folder):
        figures = _write_figures(folder, renderings)
        _write_page(page, found, renderings, FIGURES)
    return Report(page, figures, tuple(found.missing))


def _write_page(page: Path, found: Evidence, renderings: list[Rendering], folder: str) -> None:
    content = Page(
        title=facts.headline(found.record),
        about=facts.about(found),
        missing=tuple(found.missing),
        merits=facts.merits(found),
        figures=tuple(renderings),
        folder=folder if renderings else "",
        tables={
            "Data": facts.data(found.record),
            "Settings": facts.settings(found.record),
            "Versions": facts.versions(found.record),
        },
    )
    make_folder(page.parent)
    write_atomic(page, content.html().encode())


def _figures(found: Evidence, data: Any, seed: int, watch: Watch) -> list[Figure]:
    """How the fit went, and what its model shows with the data or without them."""
    curves = history(found.histories, facts.score(found.record))
    figures: list[Figure] = [] if curves is None else [curves]
    run = found.run
    if run is not None and data is not None:
        # Data that were named and cannot be had are a mistake.
        figures += run.figures(data, seed=seed, watch=watch)
    elif run is not None:
        held_out = found.unless_missing(
            "Figures of the data are", lambda: run.figures(seed=seed, watch=watch)
        )
        figures += run.figures_without_data(seed=seed) if held_out is None else held_out
    names = [figure.name for figure in figures]
    if len(set(names)) < len(names):
        raise ValueError(f"Two figures of a run have one name; they have {', '.join(names)}.")
    return figures


def _write_figures(folder: Path, renderings: list[Rendering]) -> dict[str, dict[str, Path]]:
    """Each figure in each format; those of an older report that are no longer made go."""
    names = {rendering.figure.name for rendering in renderings}
    try:
        for old in folder.glob("*.svg"):
            files = [old.with_suffix(f".{form}") for form in FORMATS]
            # Only what a report left has all its formats.
            if old.stem not in names and all(file.exists() for file in files):
                for file in files:
                    file.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error
    return write_figures(folder, renderings)
