"""The help of a command: what it takes, with kinds and defaults, as wide as the terminal."""

import ast
import inspect
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from ansatz.cli.width import columns, filled

INDENT = 24

KINDS = {int: "INT", float: "FLOAT", Path: "PATH", str: "TEXT"}


@dataclass(frozen=True)
class Line:
    """One argument: how it is written, and what it is."""

    written: str
    said: str


@dataclass(frozen=True)
class Part:
    """Arguments under one heading."""

    heading: str
    lines: tuple[Line, ...]


def explain(kind: Any, prog: str) -> str:
    """The help of a command whose arguments are the fields of a dataclass."""
    named, parts = _parts(kind, "Options", None)
    parts = [part for part in parts if part.lines]
    width = columns()
    usage = " ".join(["usage:", prog, *(line.written for line in named), "[options]"])
    blocks = [usage, filled(inspect.cleandoc(kind.__doc__ or ""))]
    if named:
        blocks.append(_listed(tuple(named), width))
    blocks += [f"{part.heading}:\n{_listed(part.lines, width)}" for part in parts]
    return "\n\n".join(blocks)


def _parts(kind: Any, heading: str, values: Any) -> tuple[list[Line], list[Part]]:
    """What stands without dashes, and the options, those of dataclasses within apart."""
    named: list[Line] = []
    own: list[Line] = []
    parts: list[Part] = []
    said = documented(kind)
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in _nearest_first(kind):
        hint, *extras = annotated(hints[field.name])
        default = field.default if values is None else getattr(values, field.name)
        if is_dataclass(hint):
            inner = None if default is MISSING else default
            own_words = _heading(hint) != _heading(kind)
            more, within = _parts(hint, _heading(hint) if own_words else "Settings", inner)
            named += more
            parts += within
        elif tyro.conf.Positional in extras:
            shown = next((m for e in extras if (m := getattr(e, "metavar", None))), "")
            named.append(Line(shown or field.name.upper(), said.get(field.name, "")))
        elif typing.get_origin(hint) is not dict:
            own.append(_option(field.name, hint, extras, default, said.get(field.name, "")))
    return named, [Part(heading, tuple(own)), *parts]


def _nearest_first(kind: Any) -> list[Any]:
    """The fields, those of its own before those it inherits."""
    own = [inspect.get_annotations(base) for base in kind.__mro__]
    return sorted(fields(kind), key=lambda f: next(i for i, o in enumerate(own) if f.name in o))


def _option(name: str, hint: Any, extras: list[Any], default: Any, said: str) -> Line:
    long, *short = spellings(name, extras, default)
    if hint is bool:
        return Line(long, said)
    written = f"{', '.join([*short, long])} {_kind(hint)}"
    if default is MISSING:
        return Line(written, f"{said} Required.")
    if default in (None, (), ""):
        return Line(written, said)
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    return Line(written, f"{said} [{shown}]")


def _kind(hint: Any) -> str:
    """What an option of this type takes."""
    if typing.get_origin(hint) is Literal:
        return "|".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) is tuple:
        return f"{_kind(typing.get_args(hint)[0])} ..."
    if args := [a for a in typing.get_args(hint) if a is not type(None)]:
        return "|".join(map(_kind, args))
    return KINDS.get(hint, "TEXT")


def spellings(name: str, extras: list[Any], default: Any) -> list[str]:
    """How an option may be written: with two dashes, then in its other ways.

    What is so unless it is said otherwise has a word that says otherwise.
    """
    long = next((n for e in extras if (n := getattr(e, "name", None))), name).replace("_", "-")
    dashes = "--no-" if default is True else "--"
    return [
        f"{dashes}{long}",
        *(alias for e in extras for alias in getattr(e, "aliases", None) or ()),
    ]


def annotated(hint: Any) -> Iterator[Any]:
    """The type itself, then what is noted beside it."""
    if typing.get_origin(hint) is Annotated:
        yield from typing.get_args(hint)
    else:
        yield hint


def _heading(kind: Any) -> str:
    """The first sentence of a dataclass, without its full stop."""
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0].rstrip(".")


@cache
def documented(kind: type) -> dict[str, str]:
    """What stands below each field of a dataclass and of those it inherits from, on one line."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError):
            # It was made while this runs, or is one of Python's own.
            continue
        (node,) = tree.body
        assert isinstance(node, ast.ClassDef)
        for above, below in pairwise(node.body):
            match above, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = " ".join(text.split())
    return found


def _listed(lines: tuple[Line, ...], width: int) -> str:
    """What is written, and beside it what is said."""
    shown = []
    for line in lines:
        written = f"  {line.written}"
        said = textwrap.wrap(line.said, max(width - INDENT, 20)) or [""]
        if len(written) > INDENT - 2:
            if len(written) > width:
                written = written.replace("|", " | ")
            shown += textwrap.wrap(
                written, width, subsequent_indent=" " * 4, break_on_hyphens=False
            )
        else:
            shown.append(f"{written:{INDENT}}{said.pop(0)}".rstrip())
        shown += [" " * INDENT + more for more in said]
    return "\n".join(shown)
