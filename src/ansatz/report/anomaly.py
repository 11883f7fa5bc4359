"""The folder of a search for anomalies: a page, its figures, every score, the numbers as JSON."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.data.dataset import Dataset
from ansatz.data.labels import axis
from ansatz.evaluate.alarm import CONFIDENCE, Rate, receiver
from ansatz.evaluate.anomaly import Anomalies, Errors, Scored
from ansatz.protocol.figures import Curve, Curves, Figure, ImageGrid, Panel, as_images, is_image
from ansatz.report.facts import Fact
from ansatz.report.files import FIGURES
from ansatz.report.judgement import Judgement, Kind, Written
from ansatz.report.page import Grid, Page
from ansatz.report.rendering import Rendering, render
from ansatz.report.style import number

KIND = Kind("search for anomalies", "anomaly.json")
SCORES = "scores.csv"
SHOWN = 10
"""Of the most anomalous events."""
WIDEST = 12
"""Numbers of an event that a table shows."""
BINS = 60
REACH = 15.0
"""Standard deviations of the scores of normal events, beyond which it does not matter where."""


def write(found: Anomalies, folder: Path, *, force: bool = False) -> Written:
    """Write the folder, in place of an older one if forced."""

    def judgement() -> Judgement:
        renderings = tuple(render(figure) for figure in figures(found))
        more = {SCORES: _scores(found)}
        return Judgement(_page(found, renderings), renderings, to_dict(found), more)

    return KIND.write(judgement, folder, force=force)


def to_dict(found: Anomalies) -> dict[str, Any]:
    """Plain values, as for JSON."""
    return {
        "score": found.score,
        "thresholds_set_by": found.set_by,
        "normal": len(found.normal.events),
        "suspect": None if found.suspect is None else len(found.suspect.events),
        "confidence": CONFIDENCE,
        "tests": [
            {
                "score": test.score,
                "rule": test.threshold.rule,
                "threshold": test.threshold.value,
                "type_1": _rate(test.false_alarms),
                "type_2": None if test.missed is None else _rate(test.missed),
                "auc": None if test.area is None else test.area._asdict(),
            }
            for test in found.tests
        ],
    }


def rows(found: Anomalies) -> list[tuple[str, ...]]:
    """A line for each test, in words."""
    return [
        (
            test.score,
            test.threshold.rule,
            f"{test.threshold.value:.6g}",
            in_words(test.false_alarms),
            "" if test.missed is None else in_words(test.missed),
            "" if test.area is None else f"{test.area.value:.5f} ± {test.area.error:.1g}",
        )
        for test in found.tests
    ]


HEADER = ("score", "threshold", "value", "type I", "type II", "AUC")


def in_words(rate: Rate) -> str:
    """A rate in per cent with its interval."""
    return f"{rate.value:.2%} [{rate.low:.2%}, {rate.high:.2%}]"


def figures(found: Anomalies) -> tuple[Figure, ...]:
    """Where the scores lie, what thresholds cost, and the events that are least like the rest."""
    kinds = {"validation": found.calibration, "normal": found.normal.likelihood}
    if found.suspect is not None:
        kinds["suspect"] = found.suspect.likelihood
    shown: list[Figure] = [_scores_of(found, kinds)]
    if found.suspect is not None:
        shown.append(_receiver(found, found.normal, found.suspect))
    shape = found.run.record.spec.shape
    if is_image(shape):
        shown.append(_images(found, shape))
    elif len(shape) == 1 and shape[0] > WIDEST:
        shown.append(_profiles(found))
    return tuple(shown)


def _scores_of(found: Anomalies, kinds: dict[str, np.ndarray]) -> Curves:
    by = found.calibration
    low, high = by.mean() - REACH * by.std(), by.mean() + REACH * by.std()
    values = np.clip(np.concatenate(list(kinds.values())), low, high)
    edges = np.linspace(values.min(), max(values.max(), values.min() + 1e-6), BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    curves = tuple(
        Curve(
            name,
            middle,
            np.histogram(np.clip(x, low, high), edges)[0] / (len(x) * np.diff(edges)),
        )
        for name, x in kinds.items()
    )
    threshold = found.tests[1].threshold
    return Curves(
        name="scores",
        title="Scores",
        caption=f"How the scores of events are distributed: {found.score}. Those to the left of "
        f"the mark ({threshold.rule}) are called anomalous. What lies more than {REACH:g} standard "
        "deviations out counts at the ends. Suspects to the right of all others are unlike them "
        "as well, and only typicality finds them.",
        panels=(Panel("density", curves),),
        x_label="score",
        mark=max(threshold.value, float(edges[0])),
        mark_label="threshold",
    )


def _receiver(found: Anomalies, normal: Scored, suspect: Scored) -> Curves:
    line = np.array([0.0, 1.0])
    curves = [Curve("by chance", line, line)]
    for name, a, b in [
        (found.tests[0].score, normal.likelihood, suspect.likelihood),
        ("typicality", normal.typicality, suspect.typicality),
    ]:
        false, true = receiver(a, b)
        # As many points as can be seen.
        keep = np.unique(np.linspace(0, len(false) - 1, 1000).astype(int))
        curves.append(Curve(name, false[keep], true[keep]))
    return Curves(
        name="receiver",
        title="What a threshold costs",
        caption="For every threshold the share of suspects called anomalous against that of "
        "normal events (receiver operating characteristic); the area below is the AUC. A curve "
        "below the diagonal says that suspects score higher than normal events.",
        panels=(Panel("suspects found", tuple(curves)),),
        x_label="false alarms",
    )


def _least(scored: Scored) -> np.ndarray:
    """The places of the least likely events."""
    return np.argsort(scored.likelihood, kind="stable")[:SHOWN]


def _shown(found: Anomalies) -> dict[str, Scored]:
    kinds = {"normal": found.normal}
    return kinds if found.suspect is None else {**kinds, "suspect": found.suspect}


def _images(found: Anomalies, shape: tuple[int, ...]) -> ImageGrid:
    blocks, labels = [], []
    across = min(SHOWN, *(len(scored.events) for scored in _shown(found).values()))
    for name, scored in _shown(found).items():
        order = np.argsort(scored.likelihood, kind="stable")
        for what, places in [("least", order[:across]), ("most", order[::-1][:across])]:
            chosen = np.asarray(scored.events.take(np.sort(places)).events)
            chosen = chosen[np.argsort(np.argsort(places))] if len(places) > 1 else chosen
            blocks.append(as_images(chosen, shape))
            labels.append(f"{name}, {what}")
    return ImageGrid(
        name="anomalies",
        title="The least likely events",
        caption="Of each kind the events with the lowest scores, lowest first, and those with the "
        "highest below.",
        images=np.stack(blocks),
        row_labels=tuple(labels),
    )


def _profiles(found: Anomalies) -> Curves:
    place = np.arange(found.run.record.spec.shape[0])
    panels = []
    for name, scored in _shown(found).items():
        chosen = np.asarray(scored.events.take(np.sort(_least(scored))).events)
        curves = tuple(Curve(name, place, x) for x in chosen)
        panels.append(Panel(name, curves))
    return Curves(
        name="anomalies",
        title="The least likely events",
        caption=f"Of each kind the {SHOWN} events with the lowest scores.",
        panels=tuple(panels),
        x_label="place",
    )


def _page(found: Anomalies, renderings: tuple[Rendering, ...]) -> Page:
    suspects = "" if found.suspect is None else f" and {found.suspect.events.name}"
    missing: tuple[str, ...] = ()
    if not found.exact:
        missing += (
            "This model has no density: the score is an error of reconstruction, and an event "
            "that is easy to compress is not seen as unusual.",
        )
    return Page(
        title=f"Anomalies in {found.normal.events.name}{suspects}",
        about=f"By {found.run.record.recipe.name}: {found.score}. Thresholds are set by "
        f"{found.set_by}.",
        missing=missing,
        merits=[_fact(test) for test in found.tests],
        figures=renderings,
        folder=FIGURES,
        tables={
            "Events": [
                Fact("normal", f"{len(found.normal.events):,}", found.normal.events.name),
                *(
                    []
                    if found.suspect is None
                    else [Fact("suspect", f"{len(found.suspect.events):,}")]
                ),
                Fact("set the thresholds", f"{len(found.calibration):,}"),
            ]
        },
        grids=(
            Grid(
                title="Errors",
                caption="Type I: normal events called anomalous. Type II: suspects called normal. "
                f"Behind each the interval of Clopper and Pearson at {CONFIDENCE:.0%}. Of each "
                "suspect the AUC says how probably it scores lower than a normal event.",
                header=HEADER,
                rows=tuple(rows(found)),
            ),
            *(_table(name, scored, found) for name, scored in _shown(found).items()),
        ),
    )


def _fact(test: Errors) -> Fact:
    return Fact(
        f"{test.score}, {test.threshold.rule.split(':')[0]}",
        f"{test.false_alarms.value:.2%} false",
        "" if test.missed is None else f"{test.missed.value:.2%} missed",
    )


def _table(name: str, scored: Scored, found: Anomalies) -> Grid:
    """The least likely events of one kind, number by number where they have few."""
    places = _least(scored)
    shape, columns = found.run.record.spec.shape, found.run.record.event_columns
    few = len(shape) == 1 and shape[0] <= WIDEST
    names = tuple(map(axis, columns)) or tuple(f"x{j}" for j in range(shape[0])) if few else ()
    lines = []
    for place in places:
        one = scored.events.take(np.array([place]))
        event = np.asarray(one.events)[0] if few else ()
        values = (scored.likelihood[place], scored.p_value[place], *event)
        lines.append((str(place), *(number(float(value)) for value in values), *_given(one)))
    return Grid(
        title=f"Least likely: {name}",
        caption=f"Of the {len(scored.events):,} {name} events, with the probability of a score as "
        "low among normal ones; all are in " + SCORES + ".",
        header=("event", "score", "p-value", *names, *map(axis, scored.events.condition_columns)),
        rows=tuple(lines),
    )


def _given(one: Dataset) -> tuple[str, ...]:
    """The conditions of a single event, categories by their names."""
    if one.conditions is None:
        return ()
    return tuple(
        column.categories[int(value)] if column.categories else number(float(value))
        for column, value in zip(one.condition_columns, one.conditions[0], strict=True)
    )


def _scores(found: Anomalies) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("kind", "event", "score", "typicality", "p_value", "anomalous"))
    threshold = found.tests[1].threshold
    for name, scored in _shown(found).items():
        alarms = threshold.alarms(scored.likelihood)
        columns = (scored.likelihood, scored.typicality, scored.p_value, alarms.astype(int))
        for place, values in enumerate(zip(*columns, strict=True)):
            writer.writerow((name, place, *map(str, values)))
    return text.getvalue()


def _rate(rate: Rate) -> dict[str, float]:
    return {
        "value": rate.value,
        "low": rate.low,
        "high": rate.high,
        "count": rate.count,
        "of": rate.of,
    }
