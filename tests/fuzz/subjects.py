"""All that is tried, by name, and what each needs around it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import bad_files
import bad_runs
import bad_words
import sound_runs
from begun import nothing_drawn, only_begun
from promise import Case

OF = {"files": bad_files, "words": bad_words, "runs": bad_runs}
NAMES = tuple(OF)


@contextlib.contextmanager
def opened(subject: str, place: Path) -> Iterator[Callable[[int, int], Iterator[Case]]]:
    """The cases of a subject by seed and number of rounds; runs are made at `place` if needed."""
    runs = sound_runs.made(place)
    with only_begun(), nothing_drawn() if subject == "words" else contextlib.nullcontext():
        yield lambda seed, rounds: OF[subject].cases(seed, runs, rounds=rounds)
