"""The sections of a Markdown file of results: each benchmark rewrites its own."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Runs
from benchmarks.spread import Spread, Values

OPENING = """# Benchmarks

Made by `make bench`. Contenders take turns, each run in a process of its own, and what warms up
is not counted. A number is the median over the runs with their range; a ratio is the median of
the ratios within each round, with theirs.
"""


def write_section(path: Path, title: str, body: str) -> None:
    """Put a section in the place of the one of its title, or after all others."""
    text = path.read_text(encoding="utf-8") if path.exists() else OPENING
    section = f"## {title}\n\n{body.strip()}\n"
    # A section reaches to the next heading of its rank.
    old = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    found = old.search(text)
    before, after = (text[: found.start()], text[found.end() :]) if found else (text, "")
    parts = [part.strip("\n") for part in (before, section, after)]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is of words and whose other columns are of numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(values: Values, form: str) -> str:
    """Numbers of all rounds in a table, which says when not every run went well."""
    spread = Spread.of(values)
    if spread is None:
        return "failed"
    some = "" if spread.count == len(values) else f", {spread.count} of {len(values)} runs"
    return spread.text(form) + some


def aim(what: str, measured: Values, least: float, form: str) -> str:
    """Whether the median reaches what it should."""
    spread = Spread.of(measured)
    if spread is None:
        return f"- Aim: {what}, at least {least:{form}}; not measured."
    verdict = "met" if spread.median >= least else "missed"
    return f"- Aim: {what}, at least {least:{form}}; {verdict} with {spread.text(form)}."


def failures(*all_runs: Runs) -> str:
    """A line on every reason for which runs failed, with whom it befell; nothing if none did."""
    befell: dict[str, list[str]] = {}
    for runs in all_runs:
        for why, names in runs.failures().items():
            befell.setdefault(why, []).extend(names)
    return "\n".join(
        f"- {', '.join(dict.fromkeys(names))} failed: {why.rstrip('.')}."
        for why, names in befell.items()
    )
