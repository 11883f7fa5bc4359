"""What events seem to be, in words, and a command line to go on with."""

import shlex

import numpy as np

from ansatz.data.contents import Contents
from ansatz.data.options import DEFAULT, DataOptions
from ansatz.data.summary import Summary


def guess_in_words(events: Summary, distinct: np.ndarray | None) -> str:
    """The events in words: the form of one and what its values are."""
    shape = events.shape[1:]
    size = " x ".join(map(str, shape))
    values = _values(distinct)
    if len(shape) == 2 or (len(shape) == 3 and {shape[0], shape[-1]} & {1, 3}):
        colour = "colour" if len(shape) == 3 and 3 in (shape[0], shape[-1]) else "grey"
        return {
            "spins": f"spins ±1 on a {size} lattice",
            "bits": f"binary images {size}",
            "counts": f"{colour} images {size} with {events.distinct} levels",
            "numbers": f"{colour} images {size} of real numbers",
        }[values]
    each = f"each event {'an array' if len(shape) > 1 else 'a row'} of {size}"
    return {
        "spins": f"spins ±1, {each}",
        "bits": f"zeros and ones, {each}",
        "counts": f"counts, {each}",
        "numbers": f"{'arrays' if len(shape) > 1 else 'table'} of {size} numbers",
    }[values]


def _values(distinct: np.ndarray | None) -> str:
    if distinct is None or len(distinct) == 0:
        return "numbers"
    if np.isin(distinct, (0, 1)).all():
        return "bits"
    if np.isin(distinct, (-1, 1)).all():
        return "spins"
    return "counts" if distinct[0] >= 0 and (distinct == np.rint(distinct)).all() else "numbers"


def suggest_key(contents: Contents) -> tuple[str, str]:
    """Words and a command for a source whose events cannot be told."""
    numeric = [field for field in contents.fields if field.numeric and field.shape]
    if contents.table or not numeric:
        return "nothing that can be learned: no column or array of numbers", ""
    largest = max(numeric, key=lambda field: int(np.prod(field.shape)))
    command = f"ansatz data info {shlex.quote(contents.name)} --events {shlex.quote(largest.name)}"
    return "several arrays, of which one must be named as the events", command


def suggest_fit(
    contents: Contents,
    options: DataOptions,
    summaries: tuple[Summary, ...],
    events: Summary,
    *,
    names: tuple[str, ...],
) -> str:
    """A fit of these data: text is given as a condition, columns that hold NaN are left out.

    They stay where NaN was asked for, and where nothing would be left.
    """
    learnt = [s for s in summaries if s.name in names]
    holes = [s.name for s in learnt if s.nan]
    keeps = options.missing == "nan" or len(holes) == len(names)
    bad = [s.name for s in learnt if s.infinite or (s.nan and not keeps)]
    if bad and (not contents.table or len(bad) == len(names)):
        return ""
    n = events.shape[0]
    rest = [s for s in summaries if s.name not in {*names, *options.drop, options.weights}]
    labels = [s.name for s in rest if s.shape[:1] == (n,) and _labels(s)]
    text = [s.name for s in rest if s.kind == "categorical"] if contents.table else []
    conditions = options.conditions or tuple(labels[:1])
    words = ["ansatz", "fit", "vae", contents.name]
    if options.events:
        words += ["--events", *(name for name in names if name not in bad)]
        drop = list(options.drop)
    else:
        drop = [*options.drop, *bad, *(name for name in text if name not in conditions)]
    words += ["--conditions", *conditions] if conditions else []
    words += ["--weights", options.weights] if options.weights else []
    words += ["--drop", *drop] if drop else []
    words += ["--missing", "nan"] if keeps else []
    words += ["--buffer", str(options.buffer)] if options.buffer != DEFAULT.buffer else []
    return shlex.join(words)


def _labels(summary: Summary) -> bool:
    """Whether these are labels rather than numbers."""
    if summary.kind == "categorical":
        return bool(summary.categories)
    return (
        len(summary.shape) == 1 and np.dtype(summary.dtype).kind in "biu" and bool(summary.distinct)
    )
