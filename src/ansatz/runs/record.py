"""The record of a run, `recipe.toml`: all that is needed to build its model again."""

import platform
import tomllib
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_type_hints

from ansatz.data.catalogue import CATALOGUE
from ansatz.data.dataset import Column
from ansatz.data.options import DataOptions
from ansatz.models import recipe_class
from ansatz.protocol.errors import OptionError, RunError
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.settings import convert
from ansatz.runs.files import write_atomic

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
            data = dict(content["data"])
            columns = {
                name: tuple(
                    Column(c["name"], c["unit"], tuple(c["categories"])) for c in data.pop(name)
                )
                for name in ("event_columns", "condition_columns")
            }
            return cls(
                recipe=recipe_class(content["recipe"]).of(content["settings"]),
                spec=_spec(content["spec"]),
                source=data.pop("source", None),
                fingerprint=data.pop("fingerprint"),
                event_dtype=data.pop("event_dtype"),
                options=DataOptions.of(data),
                own_nets=tuple(content["own_nets"]),
                member=content.get("member"),
                versions=dict(content["versions"]),
                **columns,
            )
        except KeyError as error:
            raise RunError(f"{path} is incomplete: it has no {error}.") from error
        except (TypeError, ValueError, AttributeError, OptionError) as error:
            raise RunError(f"{path} is damaged: {str(error).rstrip('.')}.") from error


def _spec(content: dict[str, Any]) -> Spec:
    """The specification of the data, each value of the type it should have."""
    hints = get_type_hints(Spec)
    return Spec(**{n: convert(value, hints[n], f"spec.{n}") for n, value in content.items()})


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"There is no file {path}.") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is not a TOML file: {error}.") from error


def _without_none(value: Any) -> Any:
    """TOML has no null: what is unset is left out."""
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in value]
    return value
