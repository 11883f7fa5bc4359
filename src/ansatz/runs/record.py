"""The record of a run, `recipe.toml`: all that is needed to build its model again."""

import platform
import tomllib
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from ansatz.data.dataset import Column
from ansatz.data.options import DataOptions
from ansatz.models import recipe_class
from ansatz.protocol.errors import OptionError, RunError
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.settings import convert
from ansatz.runs.files import read_bytes, write_atomic

NAME = "recipe.toml"
WATCHED = ("ansatz-learn", "jax", "equinox", "optax", "numpy")


def current_versions() -> dict[str, str]:
    """The versions of what a fit's numbers depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in WATCHED}}


@dataclass(frozen=True)
class Record:
    """The settings, the data they were used on, and what the data look like."""

    recipe: Recipe
    spec: Spec
    source: str | None
    """Where the data came from: a path or a name; None for an array in memory."""
    options: DataOptions
    fingerprint: str
    event_dtype: str
    """The type of raw events, to which samples return if it is one of whole numbers."""
    event_columns: tuple[Column, ...] = ()
    condition_columns: tuple[Column, ...] = ()
    own_nets: tuple[str, ...] = ()
    """Nets that were given in Python and must be given again to load."""
    member: int | None = None
    """Which one of an ensemble this is; None for a run of its own, or for the ensemble."""
    versions: dict[str, str] = field(default_factory=current_versions)

    @property
    def members(self) -> int:
        """How many models this is the record of."""
        return self.recipe.seeds if self.member is None else 1

    @property
    def noise(self) -> int:
        """The seed of first parameters and noise."""
        return self.recipe.seed + (self.member or 0)

    def save(self, folder: Path) -> None:
        """Write it into a run's folder."""
        import tomli_w

        content = {
            "recipe": self.recipe.name,
            "own_nets": list(self.own_nets),
            "member": self.member,
            "settings": self.recipe.settings(),
            "data": {
                "fingerprint": self.fingerprint,
                "event_dtype": self.event_dtype,
                **({} if self.source is None else {"source": self.source}),
                **asdict(self.options),
                "event_columns": [asdict(column) for column in self.event_columns],
                "condition_columns": [asdict(column) for column in self.condition_columns],
            },
            "spec": asdict(self.spec),
            "versions": self.versions,
        }
        write_atomic(folder / NAME, tomli_w.dumps(_without_none(content)).encode())

    @classmethod
    def load(cls, folder: Path) -> "Record":
        """Read it from a run's folder."""
        if not folder.is_dir():
            raise RunError(f"There is no run {folder}.")
        path = folder / NAME
        if not path.exists():
            raise RunError(f"{folder} is not a run: it has no {NAME}.")
        content = read_toml(path)
        try:
            if not isinstance(content["recipe"], str):
                raise ValueError("the recipe's name is no text")
            data = dict(content["data"])
            recipe = recipe_class(content["recipe"]).of(content["settings"])
            return cls(
                recipe=recipe,
                spec=_of(Spec, content["spec"], "spec"),
                source=convert(data.pop("source", None), str | None, "source"),
                fingerprint=convert(data.pop("fingerprint"), str, "fingerprint"),
                event_dtype=_numbers(data.pop("event_dtype")),
                event_columns=_columns(data.pop("event_columns")),
                condition_columns=_columns(data.pop("condition_columns")),
                options=DataOptions.of(data),
                own_nets=convert(content["own_nets"], tuple[str, ...], "own_nets"),
                member=_member(content.get("member"), recipe),
                versions={
                    name: convert(version, str, f"versions.{name}")
                    for name, version in content["versions"].items()
                },
            )
        except KeyError as error:
            raise RunError(f"{path} is incomplete: it has no {error}.") from error
        except (TypeError, ValueError, AttributeError, OptionError) as error:
            raise RunError(f"{path} is damaged: {str(error).rstrip('.')}.") from error


Kind = TypeVar("Kind")


def _of(kind: type[Kind], content: dict[str, Any], place: str) -> Kind:
    """A dataclass from a table, each value of the type it should have."""
    hints = get_type_hints(kind)
    return kind(**{n: convert(value, hints[n], f"{place}.{n}") for n, value in content.items()})


def _columns(content: list[dict[str, Any]]) -> tuple[Column, ...]:
    return tuple(_of(Column, column, "a column") for column in content)


def _numbers(name: Any) -> str:
    """The name of a type of real numbers."""
    if np.dtype(convert(name, str, "event_dtype")).kind not in "biuf":
        raise ValueError(f"event_dtype is no type of real numbers but {name!r}")
    return str(name)


def _member(number: Any, recipe: Recipe) -> int | None:
    member: int | None = convert(number, int | None, "member")
    if member is not None and not 0 <= member < recipe.seeds:
        raise ValueError(f"member is {member}, of {recipe.seeds} fits")
    return member


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file."""
    try:
        return tomllib.loads(read_bytes(path).decode("utf-8"))
    # Tables in tables without end are too much for the parser.
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RunError(f"{path} is not a TOML file: {error}.") from error


def _without_none(value: Any) -> Any:
    """TOML has no null: what is unset is left out."""
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in value]
    return value
