"""From the words of a command line to a dataclass of arguments."""

import sys
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import tyro

from ansatz.protocol.errors import OptionError, nearest

Arguments = TypeVar("Arguments")


@dataclass(frozen=True, kw_only=True)
class Common:
    """Options that mean the same for every command."""

    json: bool = False
    """Print one JSON object on standard output, and nothing else there."""
    quiet: bool = False
    """Show no progress."""


def parse(kind: type[Arguments], words: list[str], prog: str) -> Arguments:
    """The arguments that the words give; an unknown option is named with its nearest."""
    found, unknown = tyro.cli(
        kind,
        args=words,
        prog=prog,
        description=kind.__doc__,
        return_unknown_args=True,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    if unknown:
        word = unknown[0].partition("=")[0]
        if word.startswith("-"):
            known = _options(kind)
            close = nearest(word, known) if nearest(word, known).startswith("Did") else ""
            raise OptionError(
                f"There is no option {word!r}. {close} `{prog} -h` lists them all.".replace(
                    "  ", " "
                )
            )
        raise OptionError(f"{word!r} is one argument too many. `{prog} -h` lists them all.")
    return found


def wants_help(words: list[str]) -> bool:
    """Whether the command's own help is asked for."""
    return not words or words[0] in ("-h", "--help")


def _options(kind: Any) -> list[str]:
    """The options of a dataclass of arguments, those of nested ones too."""
    names = []
    for field in fields(kind):
        if isinstance(field.type, type) and hasattr(field.type, "__dataclass_fields__"):
            names += _options(field.type)
        else:
            names.append("--" + field.name.replace("_", "-"))
    return names


def say(text: str) -> None:
    """A message for the person at the terminal, apart from the output."""
    print(text, file=sys.stderr)
