"""Settings: frozen dataclasses of plain values, made from what a user or a file says."""

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from ansatz.protocol.errors import OptionError, nearest

Own = TypeVar("Own", bound="Settings")

LARGEST = float(np.finfo(np.float32).max)
"""What single precision has no number above."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A set of named plain values, each with a type and a default."""

    kind: ClassVar[str] = "settings"
    """What a message calls them."""

    @classmethod
    def of(cls: type[Own], settings: Mapping[str, Any]) -> Own:
        """These settings, each checked for its name and its type, and defaults for the rest."""
        hints = typing.get_type_hints(cls)
        known = [field.name for field in fields(cls)]
        values = {}
        for name, value in settings.items():
            if name not in known:
                raise OptionError(f"{cls.kind} has no setting {name!r}. {nearest(name, known)}")
            values[name] = convert(value, hints[name], f"The setting {name!r} of {cls.kind}")
        return cls(**values)

    def with_settings(self: Own, settings: Mapping[str, Any]) -> Own:
        """The same with some settings changed."""
        return type(self).of({**self.settings(), **settings})

    def settings(self) -> dict[str, Any]:
        """All settings that are set, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def convert(value: Any, hint: Any, place: str) -> Any:
    """`value` as the type that `hint` asks for.

    Whole numbers pass as floats, lists as tuples, and one word as a list of words.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value not in arguments:
            known = [str(argument) for argument in arguments]
            raise OptionError(
                f"{place} cannot be {value!r}. {nearest(str(value), known)} "
                f"It is one of: {', '.join(known)}."
            )
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return convert(value, next(a for a in arguments if a is not type(None)), place)
    if origin is tuple and arguments[0] is str and isinstance(value, str):
        return (value,)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(convert(part, arguments[0], place) for part in value)
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return dict(value)
    if hint in (int, float) and not isinstance(value, bool):
        # Whole numbers pass for any number, and NumPy's for Python's.
        if isinstance(value, Integral):
            return hint(value)
        if hint is float and isinstance(value, Real):
            value = float(value)
    plain = origin or hint
    if isinstance(value, plain) and not (plain is not bool and isinstance(value, bool)):
        if isinstance(value, float) and not abs(value) <= LARGEST:
            raise OptionError(f"{place} must be a finite number below {LARGEST:.2g}, not {value}.")
        return value
    wanted = {
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        str: "a word",
        dict: "a table",
    }
    raise OptionError(f"{place} must be {wanted.get(plain, 'a list')}, not {value!r}.")
