"""`ansatz data`: what data there are, and what a file holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansatz.cli.arguments import Common, DataName, parse, wants_help
from ansatz.cli.output import print_json, print_table
from ansatz.data.options import DataOptions
from ansatz.protocol.errors import OptionError, nearest

HELP = """usage: ansatz data list
       ansatz data info DATA [options]

List the data that come with the package, or say what a file, a folder or a name holds.
"""

PARTS = ("list", "info")


@dataclass(frozen=True, kw_only=True)
class List(Common):
    """List the data that come with the package."""


@dataclass(frozen=True, kw_only=True)
class Info(Common, DataOptions):
    """Say what a file, a folder or a name holds: shapes, types, ranges, and a guess at it."""

    data: DataName
    """The file, the folder or the name."""


def run(words: list[str]) -> int:
    """Parse and print."""
    if wants_help(words):
        print(HELP)
        return 0
    name, *rest = words
    if name == "list":
        return _list(parse(List, rest, "ansatz data list"))
    if name == "info":
        return _info(parse(Info, rest, "ansatz data info"))
    from ansatz.data.catalogue import CATALOGUE

    if name in CATALOGUE or Path(name).exists():
        raise OptionError(f"What {name} holds is said by `ansatz data info {name}`.")
    raise OptionError(f"There is no command 'data {name}'. {nearest(name, PARTS)}")


def _list(found: List) -> int:
    from ansatz.data.catalogue import CATALOGUE

    if found.json:
        data = [
            {"name": e.name, "description": e.description, "shape": e.shape}
            for e in CATALOGUE.values()
        ]
        print_json({"data": data})
        return 0
    print_table(
        [(entry.name, entry.shape, entry.description) for entry in CATALOGUE.values()],
        ("name", "events", "what it is"),
    )
    return 0


def _info(found: Info) -> int:
    from ansatz.data.describe import describe

    described = describe(found.data, found)
    if found.json:
        print_json(described.to_dict())
        return 0
    print(f"{described.name}: {described.guess}\n")
    rows = [*described.columns, *described.keys]
    events = described.events
    if events is not None and all(
        (row.name, row.shape) != (events.name, events.shape) for row in rows
    ):
        rows.append(events)
    print_table(
        [_row(summary) for summary in rows],
        ("name", "unit", "kind", "shape", "type", "min", "max", "mean", "deviation", "not finite"),
    )
    if described.parts:
        print("\n" + ", ".join(f"{name}: {n:,} events" for name, n in described.parts.items()))
    if described.suggestion:
        print(f"\nNext: {described.suggestion}")
    return 0


def _row(summary: Any) -> tuple[str, ...]:
    """One array or column as cells of text."""
    if summary.categories:
        shown = ", ".join(summary.categories[:6]) + (", …" if len(summary.categories) > 6 else "")
        kind = f"{len(summary.categories)} categories: {shown}"
        numbers: tuple[str, ...] = ("", "", "", "")
    else:
        kind = summary.kind
        values = (summary.minimum, summary.maximum, summary.mean, summary.deviation)
        numbers = tuple("" if value is None else f"{value:.4g}" for value in values)
    broken = [
        f"{count} {name}"
        for name, count in [("NaN", summary.nan), ("inf", summary.infinite)]
        if count
    ]
    shape = " × ".join(map(str, summary.shape))
    return (summary.name, summary.unit, kind, shape, summary.dtype, *numbers, ", ".join(broken))
