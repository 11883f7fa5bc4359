"""How far a long computation is, on standard error."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import Progress

SECONDS_BETWEEN_LINES = 10.0

Batch = TypeVar("Batch")


def watched(
    batches: Iterator[Batch],
    total: int,
    verb: str,
    *,
    quiet: bool = False,
    count: Callable[[Any], int] = len,
) -> Iterator[Batch]:
    """Pass batches on: with a bar on a terminal, elsewhere with a line every some seconds."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield from batches
    elif console.is_terminal:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(verb, total=total)
            for batch in batches:
                bar.advance(task, count(batch))
                yield batch
    else:
        done, started = 0, time.monotonic()
        said = started
        for batch in batches:
            done += count(batch)
            now = time.monotonic()
            if now - said > SECONDS_BETWEEN_LINES:
                left = (now - started) * (total - done) / done
                console.print(f"{verb}: {done:,} of {total:,}, {left:.0f} s left")
                said = now
            yield batch
