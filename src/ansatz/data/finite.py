"""All numbers of a dataset are finite; only where NaN is asked for, a number may be missing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ansatz.data.contents import spans
from ansatz.data.dataset import Column, Dataset
from ansatz.data.stored import Stored
from ansatz.protocol.errors import DataError
from ansatz.protocol.watch import Watch, unseen

Values = np.ndarray | Stored


def check_finite(dataset: Dataset, *, settled: bool = False, watch: Watch = unseen) -> None:
    """Refuses NaN and infinite numbers, and says where they are.

    Where events may miss numbers NaN is one that was not observed; of every event some must be.
    Where it is `settled` what is read, since a run has learnt it, no other choice is offered.
    """
    if dataset.events.dtype.kind == "f":
        for _ in checked(dataset, settled=settled, watch=watch):
            pass
    check_given(dataset, settled=settled)


def check_given(dataset: Dataset, *, settled: bool = False) -> None:
    """The same of conditions and weights alone."""
    for what, values, columns in (
        ("conditions", dataset.conditions, dataset.condition_columns),
        ("weights", dataset.weights, ()),
    ):
        if values is not None:
            for _ in _finite(what, values, columns, dataset.name, settled, _in_turn(values)):
                pass


def checked(
    dataset: Dataset, *, settled: bool = False, watch: Watch = unseen
) -> Iterator[np.ndarray]:
    """All events, block by block, for whoever wants to see them while they are checked.

    What there is to refuse is refused once the last has gone by. `watch` sees those in a file.
    """
    events, blocks = dataset.events, _in_turn(dataset.events)
    if isinstance(events, Stored):
        blocks = watch(blocks, len(events), f"Reading {Path(dataset.name).name}")
    if events.dtype.kind != "f":
        return blocks
    if dataset.missing:
        return _observed(events, dataset.name, blocks)
    return _finite("events", events, dataset.event_columns, dataset.name, settled, blocks)


def _in_turn(values: Values) -> Iterator[np.ndarray]:
    return (values[span] for span in spans(values.shape))


def _finite(
    what: str,
    values: Values,
    columns: tuple[Column, ...],
    name: str,
    settled: bool,
    blocks: Iterator[np.ndarray],
) -> Iterator[np.ndarray]:
    wrong, infinite, start = _Found(), False, 0
    for block in blocks:
        finite = np.isfinite(block)
        if not finite.all():
            wrong.add(start, ~finite.reshape(len(block), -1).all(axis=1))
            infinite = infinite or bool(np.isinf(block).any())
        yield block
        start += len(block)
    if not wrong.count:
        return
    place = ""
    if columns:
        row = values[wrong.first : wrong.first + 1]
        place = f" in column {columns[int(np.argmin(np.isfinite(row)))].name!r}"
    ways = ["Remove these events or mend their numbers"]
    if columns and not settled:
        ways.append("leave the column out with --drop")
    if what == "events" and not infinite and not settled:
        ways.append("keep NaN as a number that was not observed with --missing nan")
    raise DataError(
        f"{name}: the {what} of {wrong.count} of {len(values)} events are NaN, empty or infinite, "
        f"the first at index {wrong.first}{place}. {', or '.join(ways)}."
    )


def _observed(values: Values, name: str, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    infinite, bare, start = _Found(), _Found(), 0
    for block in blocks:
        observed = ~np.isnan(block)
        rows = observed.reshape(len(block), -1)
        bare.add(start, ~rows.any(axis=1))
        infinite.add(start, np.isinf(block).reshape(rows.shape).any(axis=1))
        yield block
        start += len(block)
    n = len(values)
    if infinite.count:
        raise DataError(
            f"{name}: {infinite.count} of {n} events have infinite numbers, the first at index "
            f"{infinite.first}. Remove or mend them: only NaN is a number that was not observed."
        )
    if bare.count:
        raise DataError(
            f"{name}: {bare.count} of {n} events have no number that was observed, the first at "
            f"index {bare.first}. Remove these events."
        )


def check_learnable(dataset: Dataset, counts: np.ndarray) -> None:
    """Refuses events of which some number was never observed; `counts` say how often each was."""
    never = np.argwhere(counts == 0)
    if not len(never):
        return
    if dataset.event_columns:
        named = dataset.event_columns[int(never[0, 0])].name
        raise DataError(
            f"{dataset.name}: the column {named!r} was observed in no event to learn from. Leave "
            "it out with --drop."
        )
    at = ", ".join(map(str, never[0].tolist()))
    raise DataError(
        f"{dataset.name}: {len(never)} of the {counts.size} numbers of an event were observed in "
        f"no event to learn from, the first at [{at}]. Leave them out of the array."
    )


LARGEST = 1e150
"""Of numbers whose squares are summed in double precision."""


def check_size(name: str, lowest: np.ndarray, highest: np.ndarray, dtype: str) -> None:
    """Refuses numbers from which nothing can be learnt in that precision."""
    largest = float(max(-np.min(lowest), np.max(highest)))
    if largest > min(LARGEST, float(np.finfo(dtype).max) / 4):
        raise _beyond(name, largest, dtype)


def in_precision(values: np.ndarray, dtype: str, name: str) -> np.ndarray:
    """Numbers in the precision of a model, which must be able to hold them."""
    with np.errstate(over="ignore"):
        numbers = np.asarray(values, dtype)
    if np.isinf(numbers).any():
        raise _beyond(name, float(np.nanmax(np.abs(values))), dtype)
    return numbers


def _beyond(name: str, largest: float, dtype: str) -> DataError:
    return DataError(
        f"{name} has numbers as large as {largest:.3g}, too large for {dtype}: give them in "
        "another unit."
    )


class _Found:
    """How many events have something about them, and which is the first."""

    def __init__(self) -> None:
        self.count, self.first = 0, 0

    def add(self, start: int, which: np.ndarray) -> None:
        if self.count == 0 and which.any():
            self.first = start + int(np.argmax(which))
        self.count += int(which.sum())
