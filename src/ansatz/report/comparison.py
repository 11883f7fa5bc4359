"""The page of a comparison: verdicts, numbers in tables, samples side by side; CSV and JSON."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.evaluate.comparison.compare import Comparison
from ansatz.evaluate.comparison.entrant import Cell, Entrant
from ansatz.evaluate.comparison.verdict import PURPOSES, Purpose
from ansatz.protocol.capabilities import CAPABILITIES
from ansatz.report.comparison_figures import figures
from ansatz.report.facts import Fact, duration
from ansatz.report.files import FIGURES, write_figures
from ansatz.report.page import Grid, Page
from ansatz.report.rendering import Rendering, render
from ansatz.report.style import number
from ansatz.runs.files import write_atomic

PAGE, TABLE, NUMBERS = "report.html", "comparison.csv", "comparison.json"

NOTHING = 1e-9
"""A part of a number that is rounding, and no error."""

OF_EVENTS: dict[str, str] = {
    "log p": "log p, nats",
    "anomalies": "anomalies, AUC",
    "explained": "variance explained",
    "code": "numbers in a code",
}
"""What each says of events held out."""
OF_SAMPLES: dict[str, str] = {
    "AUC": "AUC",
    "p-value": "p of MMD²",
    "sliced W1": "sliced W1",
    "W1": "mean W1",
    "worst W1": "worst W1",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "copied": "copied",
}
"""How far its samples are from them."""
COSTS: dict[str, str] = {
    "fit": "learning",
    "sample": "1,000 samples",
    "score": "1,000 scores",
    "parameters": "parameters",
}
ABILITIES: dict[str, str] = {
    "sample": "samples",
    "log_prob": "density",
    "bound": "bound on it",
    "energy": "energy",
    "encode": "codes",
    "complete": "conditioned afterwards",
}


MISSED: dict[str, str] = {
    "anomalies": "score of anomalies",
    "explained": "variance explained",
    "AUC": "samples to judge",
}
"""What is not there, where a column's name does not say it."""


@dataclass(frozen=True)
class Written:
    """Where a comparison lies."""

    page: Path
    numbers: Path
    table: Path


def write(found: Comparison, purpose: Purpose | None = None) -> Written:
    """Write page, figures, CSV and, last, JSON into the folder of the comparison."""
    renderings = tuple(render(figure) for figure in figures(found))
    write_figures(found.out / FIGURES, renderings)
    write_atomic(found.out / PAGE, _page(found, purpose, renderings).html().encode())
    write_atomic(found.out / TABLE, _csv(found).encode())
    numbers = json.dumps(to_dict(found), indent=2, ensure_ascii=False) + "\n"
    write_atomic(found.out / NUMBERS, numbers.encode())
    return Written(found.out / PAGE, found.out / NUMBERS, found.out / TABLE)


def to_dict(found: Comparison) -> dict[str, Any]:
    """Plain values, as for JSON."""
    return {
        "data": found.data,
        "judged_on": found.held.part,
        "preprocess": list(found.held.preprocess),
        "log_p_of": found.space,
        "budget": found.budget,
        "entrants": [_finite(one.to_dict()) for one in found.entrants],
        "control": None if found.control is None else _finite(found.control.to_dict()),
        "verdicts": {
            purpose: {"best": list(verdict.best), "reasons": list(verdict.reasons)}
            for purpose, verdict in found.verdicts.items()
        },
    }


Lines = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""A header, and the rows below it."""


def of_events(found: Comparison) -> Lines:
    """What each says of events held out."""
    there = [one for one in found.entrants if not one.refusal]
    columns = _filled(OF_EVENTS, there)
    rows = []
    for one in there:
        kind = one.cells.get("log p", Cell(None))
        said = kind.what if kind.value is not None else "–"
        rows.append((one.name, *(words(one.cells.get(name)) for name in columns), said))
    return ("", *(OF_EVENTS[name] for name in columns), "log p is"), rows


def of_samples(found: Comparison) -> Lines:
    """How far the samples of each are from events; events learnt in their place come last."""
    there = [one for one in found.entrants if one.value("AUC") is not None]
    columns = _filled(OF_SAMPLES, there)
    shown = [*there, *([] if found.control is None or not there else [found.control])]
    rows = [(one.name, *(words(one.cells.get(name)) for name in columns)) for one in shown]
    return ("", *(OF_SAMPLES[name] for name in columns)), rows


def _filled(columns: dict[str, str], entrants: list[Entrant]) -> list[str]:
    """Those of which anybody has a number."""
    return [name for name in columns if any(one.value(name) is not None for one in entrants)]


def costs(found: Comparison) -> Lines:
    """What each costs, and what it can do."""
    able = [name for name in ABILITIES if name in CAPABILITIES]
    header = ("", *COSTS.values(), *(ABILITIES[name] for name in able))
    rows = []
    for one in found.entrants:
        if not one.refusal:
            can = ("yes" if name in one.can else "–" for name in able)
            rows.append((one.name, *(_cost(name, one.value(name)) for name in COSTS), *can))
    return header, rows


def left_out(found: Comparison) -> list[tuple[str, ...]]:
    """Who has no numbers at all, or lacks some, and why."""
    rows: list[tuple[str, ...]] = []
    for one in found.entrants:
        if one.refusal:
            rows.append((one.name, "left out", one.refusal))
            continue
        for name, cell in one.cells.items():
            if cell.value is None and name != "gap":
                rows.append((one.name, f"no {MISSED.get(name, name)}", cell.what))
        rows += [(one.name, "note", note) for note in one.notes]
    return rows


def words(cell: Cell | None) -> str:
    """A number with its error, as a table shows it."""
    if cell is None or cell.value is None:
        return "–"
    if cell.error <= NOTHING * abs(cell.value):
        return f"{cell.value:,.0f}" if cell.value == round(cell.value) else number(cell.value)
    digits = max(0, 1 - int(np.floor(np.log10(cell.error)))) if np.isfinite(cell.error) else 2
    value = f"{cell.value:.{min(digits, 4)}f}".replace("-", "−")
    return f"{value} ± {cell.error:.1g}"


def _page(found: Comparison, purpose: Purpose | None, renderings: tuple[Rendering, ...]) -> Page:
    order = PURPOSES if purpose is None else (purpose, *(p for p in PURPOSES if p != purpose))
    reasons = [
        (name if k == 0 else "", reason)
        for name in order
        for k, reason in enumerate((found.verdicts[name].headline, *found.verdicts[name].reasons))
    ]
    missing = [one for one in found.entrants if one.refusal]
    grids = [
        Grid(
            "Verdicts",
            "For each purpose the best by what was measured, and why. What lies within two errors "
            "is not told apart.",
            ("for", "verdict and reasons"),
            tuple(reasons),
        ),
        _grid(
            "What they say of events",
            f"Of {found.held.part}. log p is the mean logarithm of a {found.space}. Anomalies: AUC "
            f"of the model's own score against {found.held.odd_in_words}. Explained: the variance "
            "that is left on the way through a code.",
            of_events(found),
        ),
        _grid(
            "How far samples are from events",
            "As preprocessed for all: "
            f"{', '.join(found.held.preprocess)}. AUC: of a classifier between the two, ½ where it "
            "cannot tell them apart. p: how often chance is as far by the mean discrepancy. "
            "Copied: the share of samples nearest to an event learnt. In the last row events "
            "learnt stand for samples.",
            of_samples(found),
        ),
        _grid("What they cost, and what they can", "Times leave compiling out.", costs(found)),
    ]
    notes = left_out(found)
    if notes:
        grids.append(Grid("What is missing, and why", "", ("", "what", "why"), tuple(notes)))
    return Page(
        title=f"Families compared on {found.data}",
        about=f"Fitted at equal budget ({found.budget}), on the same split."
        if found.budget != "none"
        else "Runs as they were fitted, on events that none has learnt from.",
        missing=tuple(f"{one.name} is left out: {one.refusal}" for one in missing),
        merits=[Fact(f"for {name}", _short(found, name)) for name in order],
        figures=renderings,
        folder=FIGURES,
        tables={},
        grids=tuple(grids),
    )


def _short(found: Comparison, purpose: Purpose) -> str:
    best = found.verdicts[purpose].best
    return best[0] + (f" +{len(best) - 1}" if len(best) > 1 else "") if best else "none"


def _grid(title: str, caption: str, lines: Lines) -> Grid:
    header, rows = lines
    return Grid(title, caption, header, tuple(rows))


def _cost(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if name in ("parameters", "code") else duration(value)


def _csv(found: Comparison) -> str:
    """A line for each number there is, or is not."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("entrant", "recipe", "measure", "value", "error", "what"))
    for one in (*found.entrants, *([] if found.control is None else [found.control])):
        if one.refusal:
            writer.writerow((one.name, one.recipe, "", "", "", one.refusal))
        for name, cell in one.cells.items():
            value = "" if cell.value is None else repr(float(cell.value))
            writer.writerow((one.name, one.recipe, name, value, repr(float(cell.error)), cell.what))
    return text.getvalue()


def _finite(content: dict[str, Any]) -> dict[str, Any]:
    """What is not finite is None, which JSON knows."""
    for cell in content["cells"].values():
        for name in ("value", "error"):
            if cell[name] is not None and not np.isfinite(cell[name]):
                cell[name] = None
    return content
