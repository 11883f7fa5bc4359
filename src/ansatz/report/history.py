"""The history of one fit or of several, as curves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ansatz.protocol.figures import Curve, Curves, Panel
from ansatz.protocol.update import Score

Rows = list[dict[str, Any]]

VALIDATED = "validation_"
NO_METRIC = ("epoch", "step", "best_epoch")
SPAN = 100.0
"""A positive metric whose values differ by more than this factor is drawn on a log scale."""


def history(histories: Sequence[tuple[str, Rows]], score: Score | None = None) -> Curves | None:
    """A panel for each metric, the score's first; None where there is no second epoch.

    Of a single fit, whose label is not shown, the best epoch is marked.
    """
    histories = [(label, rows) for label, rows in histories if len(rows) > 1]
    if not histories:
        return None
    alone = len(histories) == 1
    names = metrics([row for _, rows in histories for row in rows], score)
    panels = []
    for name in names:
        curves = []
        for label, rows in histories:
            for key, kind in [(name, "training"), (VALIDATED + name, "validation")]:
                if any(key in row for row in rows):
                    x = np.array([row["epoch"] for row in rows])
                    y = np.array([row.get(key) for row in rows], float)
                    curves.append(Curve(kind if alone else f"{label}, {kind}", x, y))
        panels.append(Panel(name.replace("_", " "), tuple(curves), _spans(curves)))
    best = histories[0][1][-1].get("best_epoch") if alone else None
    told = "Every metric, epoch by epoch."
    if score is not None:
        told += (
            f" {score.better.capitalize()} {score.metric} is better; a validation curve that turns "
            "while the training curve goes on has begun to learn by heart."
        )
    return Curves(
        name="history",
        title="How the fit went",
        caption=told,
        panels=tuple(panels),
        x_label="epoch",
        mark=None if best is None else float(best),
        mark_label="" if best is None else f"best, epoch {best}",
    )


def metrics(rows: Rows, score: Score | None = None) -> list[str]:
    """The names of the metrics in these rows, the score's first."""
    found = {key.removeprefix(VALIDATED): None for row in rows for key in row}
    names = [name for name in found if name not in NO_METRIC]
    return sorted(names, key=lambda name: score is None or name != score.metric)


def _spans(curves: list[Curve]) -> bool:
    values = np.concatenate([curve.y for curve in curves])
    values = values[np.isfinite(values)]
    positive = len(values) > 0 and values.min() > 0
    return bool(positive and values.max() > SPAN * values.min())
