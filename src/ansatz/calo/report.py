"""The report of an evaluation: one page, its figures as files, and its numbers as JSON."""

import math
from pathlib import Path

from ansatz.calo.evaluation import Evaluation
from ansatz.calo.figures import figures
from ansatz.calo.histograms import GROUPS
from ansatz.calo.hits import HIT_GROUPS
from ansatz.calo.merits import Merit
from ansatz.calo.published import Published, published
from ansatz.calo.response import Compared
from ansatz.calo.words import energy_words
from ansatz.evaluate.estimate import Estimate
from ansatz.report.facts import Fact
from ansatz.report.files import FIGURES
from ansatz.report.judgement import Judgement, Kind, Written
from ansatz.report.page import Grid, Page
from ansatz.report.rendering import Rendering, render
from ansatz.report.style import number as plain

KIND = Kind("evaluation", "evaluation.json")
SHOWN = ("FPD", "KPD", "AUC low", "AUC high", "coverage")
COMPARED = (*SHOWN[:4], "precision", "recall", "density", "coverage")
PAPER = "arXiv 2410.21611"


def write(evaluation: Evaluation, folder: Path, *, force: bool = False) -> Written:
    """Write the folder of an evaluation, in place of an older one if forced."""

    def judgement() -> Judgement:
        renderings = tuple(render(figure) for figure in figures(evaluation))
        return Judgement(_page(evaluation, renderings), renderings, evaluation.to_dict())

    return KIND.write(judgement, folder, force=force)


def _page(evaluation: Evaluation, renderings: tuple[Rendering, ...]) -> Page:
    named = {merit.name: merit for merit in evaluation.merits}
    ours, theirs = evaluation.reference.file, evaluation.generated.file
    others = published(evaluation.geometry.name)
    return Page(
        title=f"{theirs.path.name} judged by {ours.path.name}",
        about=f"Showers of {evaluation.geometry.name} ({evaluation.geometry.particle}s), judged "
        f"as in the CaloChallenge ({PAPER}).",
        missing=evaluation.caveats,
        merits=[_fact(named[name]) for name in SHOWN if name in named],
        figures=renderings,
        folder=FIGURES,
        tables={
            "Files and settings": [
                *(Fact(role, str(file.path)) for role, file in evaluation.files.items()),
                Fact("effort", evaluation.effort.name),
                Fact("seed", str(evaluation.seed)),
            ]
        },
        grids=(
            _all(evaluation),
            _response(evaluation),
            _hits(evaluation),
            *([_beside(evaluation, others)] if others else []),
            _separations(evaluation, others),
            _of_hits(evaluation),
        ),
    )


def written(estimate: Estimate | None) -> str:
    """A number with its error, as many digits as the error has a meaning for."""
    if estimate is None:
        return "—"
    return f"{number(estimate.value)} ± {number(float(f'{estimate.error:.2g}'))}"


def _fact(merit: Merit) -> Fact:
    value = "—" if merit.value is None else number(merit.value.value)
    note = f"floor {written(merit.floor)}"
    return Fact(merit.name + (" × 10³" if merit.name in ("FPD", "KPD") else ""), value, note)


def _all(evaluation: Evaluation) -> Grid:
    rows = [(m.name, written(m.value), written(m.floor), m.what, m.how) for m in evaluation.merits]
    return Grid(
        title="Figures of merit",
        caption="Each with what it comes to where nothing differs but chance, its floor: of "
        "another file of the reference, or of its halves.",
        header=("", "generated", "floor", "what it is", "how it was found"),
        rows=tuple(rows),
    )


def response_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Response and resolution, decade by decade."""
    rows = []
    for decade in evaluation.decades:
        name = f"{energy_words(decade.low)} to {energy_words(decade.high)}"
        rows += [(f"mean, {name}", *_compared(decade.mean))]
        rows += [(f"width, {name}", *_compared(decade.width))]
    return rows


def hit_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Hits and what they have."""
    rows = []
    for hits in evaluation.hits:
        rows += [(f"hits of a shower, {hits.region}", *_compared(hits.number))]
        rows += [(f"MeV of a hit, {hits.region}", *_compared(hits.energy))]
    return rows


def _compared(found: Compared) -> tuple[str, ...]:
    return tuple(written(e if math.isfinite(e.error) else None) for e in found)


def _response(evaluation: Evaluation) -> Grid:
    return Grid(
        title="Response and resolution",
        caption="Mean and standard deviation of E_tot / E_inc over the showers of a decade of the "
        "incident energy. Errors are the jackknife's.",
        header=("E_tot / E_inc", "reference", "generated", "ratio"),
        rows=tuple(response_rows(evaluation)),
    )


def _hits(evaluation: Evaluation) -> Grid:
    return Grid(
        title="Hits",
        caption="Voxels above the cut, of all layers and of the last ones, where a shower has "
        "least energy. Errors are the jackknife's.",
        header=("", "reference", "generated", "ratio"),
        rows=tuple(hit_rows(evaluation)),
    )


def _of_hits(evaluation: Evaluation) -> Grid:
    groups = evaluation.groups
    return Grid(
        title="Separation powers of hits",
        caption="× 10³, of how many hits a shower has and of voxels' energies with the empty ones "
        "and without.",
        header=("", *HIT_GROUPS),
        rows=tuple(
            (name, *(number(1000 * groups[group][k]) for group in HIT_GROUPS))
            for k, name in enumerate((evaluation.generated.file.path.name, "floor"))
        ),
        own=1,
    )


def _beside(evaluation: Evaluation, others: tuple[Published, ...]) -> Grid:
    """This evaluation above the published ones."""

    def cell(merit: Merit, estimate: Estimate | None) -> str:
        mark = "" if merit.comparable else " *"
        return "—" if estimate is None else number(estimate.value) + mark

    merits = [m for name in COMPARED for m in evaluation.merits if m.name == name]
    rows = [
        (evaluation.generated.file.path.name, *(cell(m, m.value) for m in merits), "", ""),
        ("floor of this evaluation", *(cell(m, m.floor) for m in merits), "", ""),
    ]
    names = (*(merit.name for merit in merits), "CPU ms", "GPU ms")
    rows += [(other.model, *(_maybe(other.merits[name]) for name in names)) for other in others]
    synthetic = [role for role, file in evaluation.files.items() if file.synthetic]
    judged = (
        f" Here the showers are synthetic ({', '.join(synthetic)}): another distribution."
        if synthetic
        else ""
    )
    return Grid(
        title="Beside what is published",
        caption=f"Published figures ({PAPER}) are of showers that Geant4 simulated in full."
        f"{judged} FPD and KPD × 10³; times in ms a shower in batches of 100. With * this "
        "evaluation spent less than the published ones, and its figure cannot be compared.",
        header=("", *names[:-2], "CPU, ms", "GPU, ms"),
        rows=tuple(rows),
        own=2,
    )


def _separations(evaluation: Evaluation, others: tuple[Published, ...]) -> Grid:
    groups = evaluation.groups
    named = [group for group in GROUPS if group in groups]
    rows = [
        (
            evaluation.generated.file.path.name,
            *(number(1000 * groups[group][0]) for group in named),
        ),
        ("floor of this evaluation", *(number(1000 * groups[group][1]) for group in named)),
    ]
    rows += [(other.model, *(_maybe(other.separations[g]) for g in named)) for other in others]
    return Grid(
        title="Separation powers",
        caption="× 10³, the mean over all histograms of a kind. The floor falls as one over the "
        f"number of showers. Those of other models are published ({PAPER}).",
        header=("", *named),
        rows=tuple(rows),
        own=2,
    )


def _maybe(value: float | None) -> str:
    return "—" if value is None else number(value)


def number(value: float) -> str:
    """Three digits, and all those before the point."""
    return plain(value) if abs(value) < 1000 else f"{value:,.0f}"
