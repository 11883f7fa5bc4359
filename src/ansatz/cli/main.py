"""The entry point: which command, and what an error looks like."""

import signal
import sys
import textwrap
import threading
import time
import warnings
import weakref
from importlib import import_module
from types import FrameType
from typing import TextIO

from ansatz.cli.width import columns
from ansatz.protocol.errors import AnsatzError, OptionError, nearest

STARTED = time.monotonic()
AGAIN = 0.05
"""Seconds until a Ctrl-C that came at a bad moment comes again."""

COMMANDS = {
    "fit": "fit a model to data, or go on with a fit",
    "sample": "draw events from a run",
    "score": "give every event's log-likelihood",
    "encode": "give every event's code",
    "reconstruct": "give every event as its code expects it, or fill in what it lacks",
    "evaluate": "judge a run on held-out events",
    "anomaly": "call unlikely events anomalous, and say how often that is wrong",
    "compare": "fit every family at equal budget, and say which suits the data",
    "components": "fit mixtures of several sizes, and say which of them is worth it",
    "report": "draw a run: a page to look at, and every figure",
    "study": "find a published result again: data, fits, claims and verdicts",
    "models": "list the recipes and what their models can do",
    "calo": "showers in calorimeters: simulate them, read them, judge them",
    "data": "list embedded data, or say what a file holds",
}

WITH_PARTS = ("data", "calo")
"""Commands whose first word says what to do."""

USAGE = """usage: ansatz COMMAND ...

Learn a probability distribution from data, and use it.

{commands}

ansatz COMMAND -h explains a command. The first two to try:

  ansatz fit vae digits --latent 16 --epochs 50 --out runs/digits
  ansatz sample runs/digits -n 100
"""


def main() -> None:
    """Run the command line and exit: 0 done, 2 a user's mistake, 130 stopped by Ctrl-C.

    Any other exception is a bug: Python prints its traceback and exits with 1.
    """
    warnings.showwarning = _print_warning
    # A shell may have said that it is ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except AnsatzError as error:
        print(f"ansatz: {error}", file=sys.stderr)
        code = 2
    except (MemoryError, RuntimeError) as error:
        # The second is how JAX says it of the memory of a device.
        if isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        what = str(error).partition(": ")[2].partition("\n")[0].rstrip(".")
        print(
            f"ansatz: There is not enough memory{f' ({what})' if what else ''}: ask for less at a "
            "time, or for a smaller model.",
            file=sys.stderr,
        )
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # Whoever read our output has stopped; there is nobody to tell.
        sys.stderr.close()
        code = 0
    sys.exit(code)


def run(words: list[str]) -> int:
    """Run one command and return its exit code."""
    if not words or words[0] in ("-h", "--help"):
        print(USAGE.format(commands=_listed()))
        return 0
    if words[0] == "--version":
        from ansatz import __version__

        print(__version__)
        return 0
    name, *rest = words
    if name not in COMMANDS:
        raise OptionError(f"There is no command {name!r}. {_meant(name)}")
    return import_module(f"ansatz.cli.{name}").run(rest)


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Ctrl-C ends the command, also where Python would not hear of it.

    What is raised while a weak reference is let go of is printed and forgotten. HDF5's library is
    there whenever a block has been read, which takes long.
    """
    while frame is not None:
        if frame.f_code.co_filename == weakref.__file__:
            # To the thread that waits: raised in the timer's own, it would wake nobody.
            waiting = threading.main_thread().ident
            threading.Timer(AGAIN, signal.pthread_kill, (waiting, number)).start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _meant(name: str) -> str:
    """Which command it may be, or which part of one."""
    for command in WITH_PARTS:
        if name in import_module(f"ansatz.cli.{command}").PARTS:
            return f"Did you mean '{command} {name}'?"
    return nearest(name, COMMANDS)


def _listed() -> str:
    """The commands, each with what it does, in lines that a terminal does not break."""
    indent = max(map(len, COMMANDS)) + 4
    return "\n".join(
        textwrap.fill(
            what,
            columns(),
            initial_indent=f"  {name}".ljust(indent),
            subsequent_indent=" " * indent,
        )
        for name, what in COMMANDS.items()
    )


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning is a sentence too; where in the code it arose is of no use to its reader."""
    print(f"ansatz: warning: {message}", file=sys.stderr)
