"""The record of a run, `recipe.toml`: all that is needed to build its model again."""

import platform
import tomllib
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from ansatz.data.catalogue import CATALOGUE
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

    def check(self) -> None:
        """Refuse what contradicts itself, as a hand may leave it."""
        spec, given = self.spec, self.condition_columns
        sizes = [len(column.categories) for column in given]
        ends = (spec.condition_lowest, spec.condition_highest)
        sound = {
            "spec.shape": bool(spec.shape) and min(spec.shape) > 0,
            "spec.events": spec.events > 0,
            "spec.steps_per_epoch": spec.steps_per_epoch == -(-spec.events // self.recipe.batch),
            "spec.columns": spec.columns == tuple(column.name for column in self.event_columns),
            "event_columns": len(self.event_columns) in (0, spec.size),
            "spec.classes": spec.classes == tuple(sizes),
            "spec.condition": spec.condition == sum(size or 1 for size in sizes),
            "spec.condition_lowest or highest": all(len(end) in (0, len(given)) for end in ends),
            "spec.constant": all(0 <= place < spec.size for place in spec.constant),
            **{
                f"spec.{name}": len(getattr(spec, name)) in (1, spec.size)
                for name in ("levels", "lowest", "highest")
            },
        }
        for name, is_sound in sound.items():
            if not is_sound:
                raise ValueError(f"its {name} does not fit the rest")

    def where(self, data: Any) -> Any:
        """The data of the fit: where somebody says, or else where they were."""
        if data is not None:
            return data
        if self.source is None:
            raise OptionError("The run was fitted to an array in memory: give the data again.")
        if self.source not in CATALOGUE and not Path(self.source).exists():
            raise RunError(
                f"The run was fitted to {self.source}, which is not there. Name the data behind "
                "the run, as they lie now."
            )
        return self.source

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
            data, settings, spec, versions = (
                _table(content[name], name) for name in ("data", "settings", "spec", "versions")
            )
            recipe = recipe_class(content["recipe"]).of(settings)
            record = cls(
                recipe=recipe,
                spec=_of(Spec, spec, "spec"),
                source=convert(data.pop("source", None), str | None, "source"),
                fingerprint=convert(data.pop("fingerprint"), str, "fingerprint"),
                event_dtype=_numbers(data.pop("event_dtype")),
                event_columns=_columns(data.pop("event_columns"), "event_columns"),
                condition_columns=_columns(data.pop("condition_columns"), "condition_columns"),
                options=DataOptions.of(data),
                own_nets=convert(content["own_nets"], tuple[str, ...], "own_nets"),
                member=_member(content.get("member"), recipe),
                versions={
                    name: convert(version, str, f"versions.{name}")
                    for name, version in versions.items()
                },
            )
            record.check()
            return record
        except KeyError as error:
            raise RunError(f"{path} is incomplete: it has no {error}.") from error
        except (TypeError, ValueError, AttributeError, OptionError) as error:
            raise RunError(f"{path} is damaged: {str(error).rstrip('.')}.") from error


Kind = TypeVar("Kind")


def _of(kind: type[Kind], content: dict[str, Any], place: str) -> Kind:
    """A dataclass from a table, each value of the type it should have."""
    hints = get_type_hints(kind)
    return kind(**{n: convert(value, hints[n], f"{place}.{n}") for n, value in content.items()})


def _table(content: Any, name: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{name} is no table but {content!r}")
    return dict(content)


def _columns(content: Any, name: str) -> tuple[Column, ...]:
    if not isinstance(content, list):
        raise ValueError(f"{name} is no list but {content!r}")
    return tuple(_of(Column, _table(column, name), name) for column in content)


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
