"""What is said of a run in words and numbers: its merits, its data, its settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ansatz.protocol.update import Score
from ansatz.report.evidence import Evidence
from ansatz.report.history import VALIDATED, metrics
from ansatz.runs.record import Record


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


def about(record: Record) -> str:
    """What the recipe is, in its own words."""
    return (type(record.recipe).__doc__ or "").strip().split("\n")[0]


def score(record: Record) -> Score | None:
    """The validation metric that decided which model was kept."""
    return record.recipe.update(record.spec).score


def merits(found: Evidence) -> list[Fact]:
    """The figures of merit of a fit."""
    record, rows = found.record, found.rows
    last = rows[-1] if rows else {}
    best, chosen = last.get("best_epoch"), score(record)
    facts = []
    if chosen is not None and best is not None:
        key = VALIDATED + chosen.metric
        value = next((row.get(key) for row in rows if row["epoch"] == best), None)
        facts.append(Fact(f"best validation {chosen.metric}", _number(value), f"at epoch {best}"))
    else:
        for name in metrics(rows):
            if VALIDATED + name in last:
                words = name.replace("_", " ")
                facts.append(Fact(f"validation {words}", _number(last[VALIDATED + name])))
    if rows:
        how = "stopped early" if last["epoch"] < record.recipe.epochs else "all done"
        note = how if found.finished else "not finished"
        facts.append(Fact("epochs", f"{last['epoch']:,}", f"of {record.recipe.epochs:,}, {note}"))
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
            found.append(Fact(name, ", ".join(words)))
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
