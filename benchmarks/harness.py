"""Contenders that take turns, each run in a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = dict[str, Any]

SECONDS = 600.0
"""How long a run may take."""

LONGEST_REASON = 200


@dataclass(frozen=True)
class Failure:
    """Why something could not be measured, in one sentence."""

    why: str


@dataclass(frozen=True)
class Setting:
    """Under what a benchmark is measured."""

    folder: Path
    """Where its data may lie."""
    peers: Path | Failure
    """The interpreter of the peers' environment."""
    rounds: int
    quick: bool
    """Whether the sizes are tiny, to see that all works."""
    load: float
    """How many cores other programs kept busy in the minute before."""


@dataclass(frozen=True)
class Contender:
    """A script, the interpreter of its environment, and the work it is given.

    The script takes the work as JSON for its only argument, does it, and ends what it prints
    with a line of JSON, its result. Without an interpreter every run fails.
    """

    name: str
    python: Path | Failure
    script: Path
    work: dict[str, Any]

    def run(self, seconds: float = SECONDS) -> Result | Failure:
        """The result of one run, in a process of its own."""
        if isinstance(self.python, Failure):
            return self.python
        command = [str(self.python), str(self.script), json.dumps(self.work)]
        try:
            process = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
                env=_environment(),
            )
        except subprocess.TimeoutExpired:
            return Failure(f"It was stopped after {seconds:.0f} s.")
        if process.returncode:
            return Failure(last_line(process.stderr) or f"It ended with {process.returncode}.")
        try:
            result = json.loads(last_line(process.stdout, None))
        except json.JSONDecodeError:
            return Failure("Its last line is no JSON.")
        return result if isinstance(result, dict) else Failure("Its result has no names.")


@dataclass(frozen=True)
class Runs:
    """What every contender came to, by its name, round by round."""

    outcomes: dict[str, list[Result | Failure]]

    def values(self, name: str, of: Callable[[Result], float]) -> list[float | None]:
        """A number of each round's result; None where the run failed."""
        return [
            None if isinstance(outcome, Failure) else of(outcome) for outcome in self.outcomes[name]
        ]

    def failures(self) -> dict[str, list[str]]:
        """The reasons for which runs failed, and the contenders that each befell."""
        found: dict[str, list[str]] = {}
        for name, outcomes in self.outcomes.items():
            for why in dict.fromkeys(o.why for o in outcomes if isinstance(o, Failure)):
                found.setdefault(why, []).append(name)
        return found

    def versions(self) -> dict[str, str]:
        """The versions that the runs said they used, ours and the peers'."""
        found: dict[str, str] = {}
        for outcomes in self.outcomes.values():
            for outcome in outcomes:
                if not isinstance(outcome, Failure):
                    found |= outcome.get("versions", {})
        return found


def interleave(contenders: Sequence[Contender], rounds: int) -> Runs:
    """Every contender once a round, one after the other: A B C A B C ...

    What slows the machine down for a while then slows all of them.
    """
    outcomes: dict[str, list[Result | Failure]] = {one.name: [] for one in contenders}
    for place, contender in turns(contenders, rounds):
        started = time.monotonic()
        outcome = contender.run()
        outcomes[contender.name].append(outcome)
        how = "failed: " + outcome.why if isinstance(outcome, Failure) else "done"
        seconds = time.monotonic() - started
        print(
            f"round {place}/{rounds}  {contender.name}: {how} in {seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )
    return Runs(outcomes)


def turns(contenders: Sequence[Contender], rounds: int) -> Iterator[tuple[int, Contender]]:
    """Whose turn it is, with the number of the round."""
    return ((place, one) for place in range(1, rounds + 1) for one in contenders)


def last_line(text: str, longest: int | None = LONGEST_REASON) -> str:
    """The last line that is not empty, cut short if need be."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:longest] if lines else ""


def _environment() -> dict[str, str]:
    """This process's environment without what bends JAX or BLAS, on processors alone."""
    bent = ("JAX_", "XLA_", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(bent)}
    return kept | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
