"""All that is tried, by name, and what each needs around it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import bad_files
import bad_runs
import bad_words
import sound_runs
from begun import nothing_drawn, only_begun
from promise import Case, digest

OF = {"files": bad_files, "words": bad_words, "runs": bad_runs}
NAMES = tuple(OF)


@contextlib.contextmanager
def opened(
    subject: str, place: Path, *, drawn: bool = False
) -> Iterator[Callable[[int, int], Iterator[Case]]]:
    """The cases of a subject by seed and number of rounds, with the runs made at `place`.

    Reports are `drawn` or end where they would be.
    """
    runs = sound_runs.made(place)
    with only_begun(), contextlib.nullcontext() if drawn else nothing_drawn():
        yield lambda seed, rounds: OF[subject].cases(seed, runs, rounds=rounds)


def digest_of_runs(place: Path) -> dict[str, str]:
    """What the runs are that all cases share."""
    return digest(place)
