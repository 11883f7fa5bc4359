"""What a user can get wrong, each said in a sentence or two.

A message names the thing, the place and what to do. The command prints it and exits with
code 2; every other exception is a bug and keeps its traceback.
"""

import difflib
from collections.abc import Iterable, Sequence


class AnsatzError(Exception):
    """A mistake of the user's that a sentence can mend."""


class DataError(AnsatzError):
    """The data cannot be read, or is not what the model or the command needs."""


class OptionError(AnsatzError):
    """A setting is unknown, has the wrong type or contradicts another."""


class RunError(AnsatzError):
    """A run folder is missing, incomplete or damaged, or could not be written."""


class WriteError(RunError):
    """The system would not let a file be written, as on a full disk."""


class SamplerError(AnsatzError):
    """A sampler from outside this package failed, or gave something else than it was asked for."""


class NonFiniteError(AnsatzError):
    """Training produced a number that is not finite."""


NAMED = 40
"""Names that are listed in one sentence."""


def few(words: Sequence[str], most: int = 4, between: str = ", ") -> str:
    """The first of many words, and how many more there are."""
    if len(words) <= most:
        return between.join(words)
    return f"{between.join(words[:most])} and {len(words) - most} more"


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence that names the closest of the `known` words, or lists them."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {few(known, NAMED)}." if known else "There are none."
