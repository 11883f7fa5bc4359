"""What a source holds, in numbers and in words, with a command to go on with."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ansatz.data.columns import choose, event_names
from ansatz.data.contents import Contents, held
from ansatz.data.dataset import PARTS, Dataset
from ansatz.data.guess import guess_in_words, suggest_fit, suggest_key
from ansatz.data.options import DEFAULT, DataOptions
from ansatz.data.read import open_source
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
    summaries = tuple(summarise(field) for field in contents.fields)
    chosen = _chosen(contents, options)
    events = None
    guess, suggestion = suggest_key(contents)
    if chosen is not None:
        dataset = choose(contents, chosen)
        events, distinct = summarise_values("events", "", dataset.events)
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
        fields = [held(c.name, dataset.events[:, j], c.unit) for j, c in enumerate(columns)]
    else:
        fields = [held("events", dataset.events)]
    names = tuple(field.name for field in fields)
    for j, c in enumerate(dataset.condition_columns):
        values = dataset.conditions[:, j] if dataset.conditions is not None else np.empty(0)
        codes = values.astype(np.int64) if c.categories else values
        fields.append(held(c.name, codes, c.unit, c.categories))
    return Contents(dataset.name, tuple(fields), bool(columns), names, dataset.parts)


def _chosen(contents: Contents, options: DataOptions) -> DataOptions | None:
    """`options` with the events that would be learned, text left out; None if that is open."""
    names = event_names(contents, options)
    if not options.events:
        numeric = {field.name for field in contents.fields if field.numeric}
        names = tuple(name for name in names if name in numeric)
    return DataOptions(events=names) if names else None


def _parts(contents: Contents) -> dict[str, int]:
    if contents.parts is None:
        return {}
    counts = np.bincount(contents.parts, minlength=len(PARTS)).tolist()
    return {part: count for part, count in zip(PARTS, counts, strict=True) if count}
