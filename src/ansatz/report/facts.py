"""What is said of a run in words and numbers: its merits, its data, its settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ansatz.protocol.errors import few
from ansatz.protocol.update import Score
from ansatz.report.evidence import Evidence
from ansatz.report.history import VALIDATED, metrics
from ansatz.runs.record import Record

MOST_NAMES = 24
"""Of columns; a run's recipe.toml has them all."""


@dataclass(frozen=True)
class Fact:
    """A number, or a few words, with its name and what else there is to say."""

    name: str
    value: str
    note: str = ""
    own: bool = False
    """Whether a setting was changed from its default."""


def headline(record: Record) -> str:
    """What was fitted to what."""
    source = "an array" if record.source is None else Path(record.source).name
    return f"{record.recipe.name} fitted to {source}"


def about(found: Evidence) -> str:
    """What the recipe is, in its own words, and which model of an ensemble is shown."""
    words = (type(found.record.recipe).__doc__ or "").strip().split("\n")[0]
    if len(found.histories) > 1 and found.run is not None:
        shown, _ = found.histories[0]
        words += f" Of {len(found.histories)} fits the model of {shown} is shown."
    return words


def score(record: Record) -> Score | None:
    """The validation metric that decided which model was kept."""
    return record.recipe.update(record.spec).score


def merits(found: Evidence) -> list[Fact]:
    """The figures of merit of a fit, or what several agree on."""
    record = found.record
    histories = [rows for _, rows in found.histories if rows]
    ends = [rows[-1] for rows in histories]
    best = [end["best_epoch"] for end in ends if end.get("best_epoch") is not None]
    chosen = score(record)
    facts = []
    if chosen is not None and best and len(best) == len(ends):
        key = VALIDATED + chosen.metric
        values = [
            next((row.get(key) for row in rows if row["epoch"] == epoch), None)
            for rows, epoch in zip(histories, best, strict=True)
        ]
        facts.append(
            Fact(f"best validation {chosen.metric}", _among(values), f"at epoch {_range(best)}")
        )
    elif ends:
        for name in metrics(histories[0]):
            if VALIDATED + name in ends[0]:
                values = [end.get(VALIDATED + name) for end in ends]
                facts.append(Fact(f"validation {name.replace('_', ' ')}", _among(values)))
    if ends:
        done = [end["epoch"] for end in ends]
        how = "stopped early" if min(done) < record.recipe.epochs else "all done"
        note = how if found.finished else "not finished"
        facts.append(Fact("epochs", _range(done), f"of {record.recipe.epochs:,}, {note}"))
    seconds = [row["seconds"] for row in found.timing if isinstance(row.get("seconds"), float)]
    if seconds:
        each = f"{duration(float(np.median(seconds)))} an epoch" if len(seconds) > 1 else ""
        facts.append(Fact("time of training", duration(sum(seconds)), each))
    facts.append(Fact("events learnt from", f"{record.spec.events:,}"))
    if found.run is not None:
        leaves = jax.tree.leaves(eqx.filter(found.run.model, eqx.is_array))
        facts.append(Fact("parameters", f"{sum(leaf.size for leaf in leaves):,}"))
    return facts


def data(record: Record) -> list[Fact]:
    """What the model was fitted to."""
    options = record.options
    shape = " × ".join(map(str, record.spec.shape)) or "one number"
    kind = {
        "binary": "zeros and ones",
        "whole": "whole numbers",
        "unit": "numbers from 0 to 1",
        "real": "real numbers",
    }.get(record.spec.kind, record.spec.kind)
    found = [
        Fact("source", record.source or "an array in memory"),
        Fact("an event", f"{shape}, {kind}"),
    ]
    for name, words in [
        ("numbers", [c.name for c in record.event_columns]),
        ("given", [c.name for c in record.condition_columns]),
        ("weights", [options.weights] if options.weights else []),
        ("left out", list(options.drop)),
    ]:
        if words:
            found.append(Fact(name, few(words, MOST_NAMES)))
    found.append(Fact("fingerprint", record.fingerprint))
    return found


def settings(record: Record) -> list[Fact]:
    """All settings of the recipe; those of its own that differ from the defaults are marked."""
    defaults = type(record.recipe)().settings()
    return [
        Fact(name.replace("_", " "), _words(value), own=defaults.get(name) != value)
        for name, value in record.recipe.settings().items()
    ]


def versions(record: Record) -> list[Fact]:
    """What the numbers of the fit depend on."""
    return [Fact(name, version) for name, version in record.versions.items()]


def duration(seconds: float) -> str:
    """A time as a person says it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _among(values: list[Any]) -> str:
    """One number, or the mean of several with their standard deviation."""
    if len(values) == 1 or None in values:
        return _number(values[0] if len(values) == 1 else None)
    return f"{_number(np.mean(values))} ± {np.std(values, ddof=1):.2g}"


def _range(values: list[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _number(value: Any) -> str:
    return "—" if value is None else f"{value:.5g}".replace("-", "−")


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value)) or "none"
    if isinstance(value, dict):
        pairs = [f"{name}: {_words(part)}" for name, part in value.items()]
        return "; ".join(pairs) or "none"
    return str(value)
