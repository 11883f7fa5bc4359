"""What a person sees while a model is fitted, on standard error."""

import time
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ansatz.runs.ready import Fit
from ansatz.runs.watched import SECONDS_BETWEEN_LINES, watched
from ansatz.training import ChunkEnd, Row

BAR, SHORT_BAR, NARROW = 24, 10, 100
"""Characters of the bar, and of the one on a terminal that is narrower than the third."""


class Watcher:
    """Shows a bar on a terminal, and a line every some seconds elsewhere."""

    def __init__(self, started: float | None = None) -> None:
        """`started` is when whoever waits began to, on the monotonic clock."""
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.started = time.monotonic() if started is None else started
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        self.row: dict[str, Any] = {}
        self.rate = 0.0
        self.chunks = 0
        self.last_line = -SECONDS_BETWEEN_LINES

    def reading(self, blocks: Iterator[np.ndarray], total: int, what: str) -> Iterator[np.ndarray]:
        """Pass on the blocks of a file that is read before there is a fit."""
        return watched(blocks, total, what)

    def begin(self, fit: Fit) -> None:
        """Say what is about to be fitted to what."""
        self.fit = fit
        self.per_epoch = fit.engine.source.steps_per_epoch
        recipe, spec = fit.record.recipe, fit.record.spec
        parameters = sum(
            leaf.size for leaf in jax.tree.leaves(eqx.filter(fit.pipeline.model, eqx.is_array))
        )
        members = fit.engine.members
        fitted = recipe.name if members == 1 else f"{members} × {recipe.name}"
        devices = f" on {recipe.devices} devices" if recipe.devices > 1 else ""
        shape = " × ".join(map(str, spec.shape)) or "one number"
        steps = ", ".join(recipe.preprocess)
        conditions = ", ".join(c.name for c in fit.record.condition_columns)
        self.console.print(
            f"Fitting {fitted} ({parameters:,} parameters) to {spec.events:,} events of "
            f"{shape}{f' given {conditions}' if conditions else ''}{devices}; "
            f"preprocessing: {steps}."
        )
        if fit.state.step:
            self.console.print(f"Going on after step {fit.state.step:,}.")
        if self.console.is_terminal:
            self.bar = Progress(
                TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
                BarColumn(bar_width=self._bar_width()),
                TextColumn("{task.fields[text]}"),
                console=self.console,
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task(
                "",
                total=recipe.epochs * self.per_epoch,
                completed=fit.state.step,
                epoch=fit.state.step // self.per_epoch,
                epochs=recipe.epochs,
                text="compiling",
            )

    def chunk(self, chunk: ChunkEnd) -> None:
        """Show where the fit stands."""
        step, epochs = chunk.state.step, self.fit.record.recipe.epochs
        if chunk.rows:
            self.row = _mean(chunk.rows)
        if self.chunks == 0:
            self.console.print(f"First step after {time.monotonic() - self.started:.1f} s.")
        # A running mean over some ten chunks; the first is left out, since it compiles.
        now = chunk.steps / max(chunk.seconds, 1e-9)
        self.rate = now if self.chunks < 2 else 0.8 * self.rate + 0.2 * now
        self.chunks += 1
        pieces = self._pieces(step, epochs * self.per_epoch)
        if self.bar is not None and self.task is not None:
            epoch = -(-step // self.per_epoch)
            room = self.console.width - self._bar_width() - len(f"epoch {epoch}/{epochs}  ")
            text = fitting(pieces, room)
            self.bar.update(self.task, completed=step, epoch=epoch, text=text)
        elif chunk.rows and time.monotonic() - self.last_line > SECONDS_BETWEEN_LINES:
            self.console.print("  ".join([f"epoch {self.row['epoch']}/{epochs}", *pieces]))
            self.last_line = time.monotonic()

    def end(self, chunk: ChunkEnd | None, finished: bool) -> None:
        """Say how it ended."""
        self.close()
        taken = time.monotonic() - self.started
        if not finished:
            step = self.fit.state.step if chunk is None else chunk.state.step
            self.console.print(f"Stopped at step {step:,} after {taken:.0f} s.")
            return
        why = chunk.stop if chunk is not None else self.fit.engine.over(self.fit.state)
        metrics = "  ".join(self._metrics())
        self.console.print(f"Done in {taken:.1f} s: {why}.{f' {metrics}' if metrics else ''}")

    def close(self) -> None:
        """Take the bar off the screen."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _bar_width(self) -> int:
        return BAR if self.console.width >= NARROW else SHORT_BAR

    def _pieces(self, step: int, steps: int) -> list[str]:
        events = self.fit.record.spec.events / self.per_epoch
        left = (steps - step) / max(self.rate, 1e-9)
        return [
            f"{self.rate:,.0f} steps/s",
            f"{self.rate * events:,.0f} events/s",
            f"{_duration(left)} left",
            *self._metrics(),
        ]

    def _metrics(self) -> list[str]:
        shown = [f"{name} {self.row[name]:.4g}" for name in _main(self.row)]
        score = self.fit.engine.score
        if score is not None and "best_epoch" in self.row:
            shown.append(f"best at epoch {self.row['best_epoch']:g}")
        return shown


def fitting(pieces: list[str], room: int) -> str:
    """Speed, time left and metrics in so many characters.

    Events a second go first, then steps, then metrics from the last on.
    """
    kept = list(pieces)
    for first in (1, 0):
        if len("  ".join(kept)) > room:
            del kept[first]
    while len(kept) > 1 and len("  ".join(kept)) > room:
        kept.pop()
    return "  ".join(kept)


def _mean(rows: tuple[Row | None, ...]) -> Row:
    """The row of a fit, or the mean over the members of an ensemble that still train."""
    training = [row for row in rows if row is not None]
    if len(training) == 1:
        return training[0]
    return {name: sum(row[name] for row in training) / len(training) for name in training[0]}


def _main(row: dict[str, Any]) -> list[str]:
    """The metrics with a validation twin, then the rest of what was validated."""
    validated = [name for name in row if name.startswith("validation_")]
    own = [name for name in ("loss",) if name in row]
    return own + (validated if not own else [v for v in validated if v == "validation_loss"])


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
