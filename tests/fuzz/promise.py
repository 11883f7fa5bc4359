"""What is promised of bad input, and one case of it tried in this process.

A command ends with 0, where the input was acceptable after all, or with 2 and one clear sentence
that names the thing; it never ends in a traceback, never hangs, and leaves everything that was
there before as it was.
"""

import contextlib
import hashlib
import io
import os
import re
import signal
import stat
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from ansatz.cli.main import main

SECONDS = 60
"""After which a case hangs: many times what the slowest takes, compilation and all."""
SENTENCES = 4
"""A mistake is told in one to three; a damaged file may quote a library's own."""
LIBRARIES = re.compile(r"encountered in|Mean of empty|Degrees of freedom|divide by zero|deprecat")
"""Words of warnings that libraries meant for programmers."""


@dataclass(frozen=True)
class Case:
    """A command line and what lies in the folder where it is given."""

    name: str
    words: tuple[str, ...]
    lay: Callable[[Path], object]
    """Puts into an empty folder what the command finds there."""
    named: tuple[str, ...] = ()
    """A message names one of these."""
    may: tuple[str, ...] = ()
    """What the command was asked to write, below the folder: that may change, if it succeeds."""
    begun: tuple[str, ...] = ()
    """Folders in which it begins to write, and which may be left empty."""


@dataclass
class Tried:
    """How it went: what is promised was kept if `broken` is empty."""

    case: Case
    code: int | None = None
    said: str = ""
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        line = " ".join(map(repr, self.case.words))
        return f"{self.case.name}: {line}\n  {self.said.strip()}\n  " + "\n  ".join(self.broken)


class Hangs(BaseException):
    """No command catches it."""


class Accepted(BaseException):
    """Raised where a command would begin its work, when only its refusals are of interest."""


def tried(case: Case, folder: Path, seconds: float = SECONDS) -> Tried:
    """The case tried in an empty folder."""
    case.lay(folder)
    before = digest(folder)
    found = Tried(case)
    with _standing_in(folder), _within(seconds):
        found.code, out, found.said = _ended(case.words, found.broken)
    after = digest(folder)
    if found.code not in (0, 2):
        found.broken.append(f"it ends with {found.code}")
    if found.code == 2:
        found.broken += _unclear(found.said, case.named)
        if out.partition("usage: ")[0]:
            found.broken.append(f"standard output has {out[:80]!r}")
    if LIBRARIES.search(found.said):
        found.broken.append("it speaks to programmers")
    may = case.may if found.code == 0 else case.begun
    changed = sorted(
        name
        for name in {*before, *after}
        if before.get(name) != after.get(name)
        and not any(_allowed(folder / name, folder / place, found.code) for place in may)
        # A folder made on the way to what was asked for.
        and not any(Path(place).is_relative_to(name) for place in may)
    )
    if changed:
        found.broken.append(f"it changed {', '.join(changed)}")
    return found


def _allowed(path: Path, place: Path, code: int | None) -> bool:
    """Whether a change is within what may change; of what failed only folders are left."""
    return path.is_relative_to(place) and (code == 0 or path.is_dir())


def _ended(words: tuple[str, ...], broken: list[str]) -> tuple[int | None, str, str]:
    """The exit code of the program, and what it wrote on standard output and standard error."""
    # As strict as they are for a user, whom a name that is no UTF-8 must not stop.
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="strict")
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
    code: int | None = None
    with (
        mock.patch.multiple(sys, argv=["ansatz", *words], stdout=out, stderr=err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except Accepted:
            code = 0
        except Hangs:
            broken.append("it hangs")
        except Exception:
            broken.append(traceback.format_exc())
    written = []
    for stream in (out, err):
        stream.flush()
        written.append(stream.buffer.getvalue().decode())
    return code, *written


def _unclear(said: str, named: tuple[str, ...]) -> list[str]:
    """What is wrong with the message of a mistake."""
    *_, last = said.rstrip("\n").split("\nansatz: ")
    message = last.removeprefix("ansatz: ")
    wrong = []
    if not said.startswith("ansatz: "):
        wrong.append("no sentence is printed")
    if "\n" in message or message != message.rstrip():
        wrong.append("it is not one line")
    count = len(re.findall(r"[.?:](?= [A-Z`]|$)", message))
    if not 1 <= count <= SENTENCES:
        wrong.append(f"it has {count} sentences")
    shown = [name.encode(errors="backslashreplace").decode() for name in named]
    if named and not any(name in message for name in shown):
        wrong.append(f"it names none of {named}")
    return wrong


def digest(folder: Path) -> dict[str, str]:
    """What every file below a folder is, links and pipes not followed."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                what = f"link to {os.readlink(path)}"
            elif stat.S_ISREG(status.st_mode):
                what = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                what = str(stat.S_IFMT(status.st_mode))
            found[str(path.relative_to(folder))] = what
    return found


@contextlib.contextmanager
def _standing_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
