"""What a source holds, in numbers and in words, with a command to go on with."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ansatz.data.columns import choose, event_names
from ansatz.data.contents import Contents, Field, Rows, held, spans
from ansatz.data.dataset import PARTS, Dataset
from ansatz.data.guess import guess_in_words, suggest_fit, suggest_key
from ansatz.data.options import DEFAULT, DataOptions
from ansatz.data.read import open_source
from ansatz.data.stored import Stored
from ansatz.data.summary import Summary, summarise, summarise_values


@dataclass(frozen=True)
class Description:
    """A source: its events where they can be told, its columns or keys, and what to do next."""

    name: str
    events: Summary | None
    columns: tuple[Summary, ...]
    """The columns, of a table."""
    keys: tuple[Summary, ...]
    """The arrays by their keys, of any other source."""
    parts: dict[str, int]
    """The number of events in each declared part of the split."""
    guess: str
    suggestion: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return asdict(self)


def describe(source: Any, options: DataOptions = DEFAULT) -> Description:
    """What `source` holds; NaN is counted, not refused, and no choice of keys is demanded."""
    contents = _as_contents(source) if isinstance(source, Dataset) else open_source(source)
    found = {
        field.name: summarise(field, contents.name, options.buffer_bytes)
        for field in contents.fields
    }
    summaries = tuple(summary for summary, _ in found.values())
    chosen = _chosen(contents, options)
    events = None
    guess, suggestion = suggest_key(contents)
    if chosen is not None:
        array = choose(contents, chosen).events
        if contents.table or len(chosen.events) > 1:
            events, distinct = summarise_values("events", "", array)
        else:
            # The same numbers, for which a large file need not be read again.
            summary, distinct = found[chosen.events[0]]
            events = replace(
                summary, name="events", unit="", shape=array.shape, dtype=str(array.dtype)
            )
        guess = guess_in_words(events, distinct)
        suggestion = suggest_fit(contents, options, summaries, events, names=chosen.events)
    return Description(
        contents.name,
        events,
        summaries if contents.table else (),
        () if contents.table else summaries,
        _parts(contents),
        guess,
        suggestion,
    )


def _as_contents(dataset: Dataset) -> Contents:
    columns = dataset.event_columns
    if columns:
        fields = [_event_field(dataset.events, c.name, c.unit, j) for j, c in enumerate(columns)]
    else:
        fields = [_event_field(dataset.events, "events")]
    names = tuple(field.name for field in fields)
    for j, c in enumerate(dataset.condition_columns):
        values = dataset.conditions[:, j] if dataset.conditions is not None else np.empty(0)
        codes = values.astype(np.int64) if c.categories else values
        fields.append(held(c.name, codes, c.unit, c.categories))
    return Contents(dataset.name, tuple(fields), bool(columns), names, dataset.parts)


def _event_field(
    events: np.ndarray | Stored, name: str, unit: str = "", column: int | None = None
) -> Field:
    """The events, or a column of them, as a field."""
    at = () if column is None else (slice(None), column)
    if isinstance(events, np.ndarray):
        return held(name, events[at], unit)

    def fill(start: int, out: np.ndarray) -> None:
        out[...] = events[start : start + len(out)][at]

    shape = events.shape if column is None else events.shape[:1]
    rows = Rows(fill, events.block_rows)

    def load() -> np.ndarray:
        return rows.load(shape, events.dtype, spans(events.shape))

    return Field(name, shape, events.dtype, load, unit, rows=rows)


def _chosen(contents: Contents, options: DataOptions) -> DataOptions | None:
    """The events that would be learned and nothing else, text left out; None if that is open."""
    names = event_names(contents, options)
    if not options.events:
        numeric = {field.name for field in contents.fields if field.numeric}
        names = tuple(name for name in names if name in numeric)
    return DataOptions(events=names, buffer=options.buffer) if names else None


def _parts(contents: Contents) -> dict[str, int]:
    if contents.parts is None:
        return {}
    counts = np.bincount(contents.parts, minlength=len(PARTS)).tolist()
    return {part: count for part, count in zip(PARTS, counts, strict=True) if count}
