"""From the words of a command line to a dataclass of arguments."""

import io
import re
import sys
import types
import typing
from contextlib import redirect_stderr
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from ansatz.cli.explain import annotated, explain, spellings
from ansatz.protocol.errors import OptionError, nearest

Arguments = TypeVar("Arguments")

RunPath = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
DataName = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]

OPTION = re.compile(r"--?[A-Za-z][\w-]*")


@dataclass(frozen=True, kw_only=True)
class Common:
    """Options that mean the same for every command."""

    json: bool = False
    """Print one JSON object on standard output, and nothing else there."""
    quiet: bool = False
    """Show no progress."""


@dataclass(frozen=True, kw_only=True)
class Output(Common):
    """Options of every command that writes numbers to a file."""

    out: Path | None = None
    """File to write: npy, npz, csv or h5; one in the run's folder if not given."""
    force: bool = False
    """Replace the file if it is there already."""
    seed: int = 0
    """Decides the draws."""


def parse(kind: type[Arguments], words: list[str], prog: str) -> Arguments:
    """The arguments that the words give; what is wrong with them is said in a sentence."""
    if any(word in ("-h", "--help") for word in words):
        print(explain(kind, prog))
        raise SystemExit(0)
    options, positional = signature(kind)
    for word in words:
        # Names go into records and pages, which are UTF-8.
        if not _encodes(word):
            raise OptionError(f"{word!r} is not text in UTF-8: rename what is called so.")
        if (found := OPTION.match(word)) and _plain(found[0]) not in options:
            close = nearest(found[0], options)
            close = f" {close}" if close.startswith("Did") else ""
            raise OptionError(
                f"There is no option {found[0]!r}.{close} `{prog} -h` lists them all."
            )
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            arguments, unknown = tyro.cli(
                kind,
                args=words,
                prog=prog,
                add_help=False,
                return_unknown_args=True,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as end:
        if not end.code:
            raise
        raise _wrong(complaint.getvalue(), words, options, positional, prog) from None
    if unknown:
        raise OptionError(f"{unknown[0]!r} is one argument too many. `{prog} -h` lists them all.")
    _check_paths(arguments)
    return arguments


def wants_help(words: list[str]) -> bool:
    """Whether the command's own help is asked for."""
    return not words or words[0] in ("-h", "--help")


def say(text: str) -> None:
    """A message for the person at the terminal, apart from the output."""
    print(text, file=sys.stderr)


def _wrong(
    complaint: str, words: list[str], options: dict[str, Any], positional: list[str], prog: str
) -> OptionError:
    """What tyro complains of, in words of our own: a value of the wrong type, or one missing.

    Of its text only the name of the option is used.
    """
    named = next((w for w in OPTION.findall(complaint) if options.get(_plain(w))), None)
    given = [word for word in words if not OPTION.match(word)]
    if named is None:
        needs = " and ".join(positional)
        what = f", not only {' '.join(given)}" if given else ""
        return OptionError(f"`{prog}` needs {needs}{what}. `{prog} -h` explains them.")
    hint, same = options[_plain(named)]
    at = next(i for i, w in enumerate(words) if _plain(w.partition("=")[0]) in same)
    name, equals, value = words[at].partition("=")
    values = [value] if equals else []
    for word in words[at + 1 :]:
        if (values and (equals or typing.get_origin(hint) is not tuple)) or OPTION.match(word):
            break
        values.append(word)
    takes = _in_words(hint)
    if not values:
        return OptionError(f"{name} must be followed by {takes}.")
    close = ""
    if typing.get_origin(hint) is Literal:
        found = nearest(values[0], map(str, typing.get_args(hint)))
        close = f" {found}" if found.startswith("Did") else ""
    return OptionError(f"{name} takes {takes}, not {' '.join(values)!r}.{close}")


def _in_words(hint: Any) -> str:
    """What an option of this type takes."""
    if typing.get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, typing.get_args(hint)))}"
    if typing.get_origin(hint) is tuple:
        part = typing.get_args(hint)[0]
        return {int: "whole numbers", float: "numbers"}.get(part, "words")
    return {int: "a whole number", float: "a number", Path: "a path"}.get(hint, "a word")


def _encodes(word: str) -> bool:
    """Whether there is UTF-8 for a word, as there is none for some bytes in names of files."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_paths(arguments: Any) -> None:
    """Refuse paths that no file can have."""
    for field in fields(arguments):
        value = getattr(arguments, field.name)
        if is_dataclass(value):
            _check_paths(value)
        for path in value if isinstance(value, tuple) else (value,):
            if isinstance(path, Path):
                try:
                    path.exists()
                except OSError as error:
                    raise OptionError(f"No file can be called {path}: {error.strerror}.") from None


def _plain(option: str) -> str:
    return option.partition("=")[0].replace("_", "-")


def signature(kind: Any, values: Any = None) -> tuple[dict[str, Any], list[str]]:
    """The options with their types and other spellings, and the names of what has no dashes.

    `values` has the defaults, if they are not those of the dataclass.
    """
    options: dict[str, Any] = dict.fromkeys(("-h", "--help"))
    positional: list[str] = []
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint, *extras = annotated(hints[field.name])
        default = field.default if values is None else getattr(values, field.name)
        if is_dataclass(hint):
            more, names = signature(hint, None if default is MISSING else default)
            options |= more
            positional += names
            continue
        if tyro.conf.Positional in extras:
            positional.append(field.name.upper())
            continue
        if typing.get_origin(hint) is dict:
            # A command line has no dictionaries; a command has an option of its own for each.
            continue
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        same = spellings(field.name, extras, default)
        options |= dict.fromkeys(same, (hint, same))
    return options, positional
