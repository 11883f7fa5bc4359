"""`ansatz fit`: a new run, or one that goes on."""

from dataclasses import dataclass, make_dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from ansatz.cli.arguments import Common, DataName, parse, say, wants_help
from ansatz.cli.output import print_json
from ansatz.cli.width import filled
from ansatz.data.options import DataOptions
from ansatz.protocol.errors import AnsatzError, OptionError
from ansatz.runs.watched import watched

HELP = """usage: ansatz fit RECIPE DATA [options]
       ansatz fit --resume RUN [DATA] [--epochs N]

Fit a model to data and keep it in a folder, the run.

{explained}

`ansatz fit RECIPE -h` lists the settings of a recipe.
"""

EXPLAINED = """RECIPE is one of {recipes}, or a recipe.toml. DATA is a file (npy, npz, HDF5, CSV or
another table, idx), a folder of idx files, or one of the names that `ansatz data list` shows."""


@dataclass(frozen=True, kw_only=True)
class Place(Common):
    """Where the run goes, and where it starts from."""

    data: DataName
    """The data: a file, a folder or a name."""
    out: Path | None = None
    """The run's folder; runs/RECIPE-DATA if not given."""
    force: bool = False
    """Replace a run that is there already."""
    start: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Begin with the weights of this run."""
    group: tuple[str, ...] = ()
    """Settings for a part of the model alone, as encoder.rate=1e-4."""
    no_report: bool = False
    """Draw no report when the fit is done."""


@dataclass(frozen=True, kw_only=True)
class Resume(Common):
    """Go on with a run where its last good checkpoint stands."""

    data: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[DATA]")] = None
    """Its data, where they have moved."""
    resume: Path
    """The run's folder."""
    epochs: int | None = None
    """How many epochs in all, if not as many as before."""
    no_report: bool = False
    """Draw no report when the fit is done."""


def run(words: list[str]) -> int:
    """Parse, fit, print."""
    from ansatz.models import recipe_names

    if any(word == "--resume" or word.startswith("--resume=") for word in words):
        return _resume(parse(Resume, words, "ansatz fit"))
    if wants_help(words) or words[0].startswith("-"):
        explained = EXPLAINED.format(recipes=", ".join(recipe_names()))
        print(HELP.format(explained=filled(explained)))
        if not wants_help(words):
            raise OptionError(f"RECIPE and DATA come before {words[0]}.")
        return 0
    return _fit(words[0], words[1:])


def _fit(name: str, words: list[str]) -> int:
    from ansatz.api import find_recipe

    recipe = find_recipe(name)
    kind = make_dataclass(
        "fit",
        [
            ("place", Place),
            ("columns", DataOptions, DataOptions()),
            ("settings", type(recipe), recipe),
        ],
        frozen=True,
    )
    kind.__doc__ = type(recipe).__doc__
    found: Any = parse(kind, words, f"ansatz fit {name}")
    place, columns, settings = found.place, found.columns, found.settings
    # Numbers from the command line are checked as those of a recipe.toml are.
    own = {"groups": _groups(place.group)} if place.group else {}
    settings = settings.with_settings(own)
    from ansatz.cli.main import STARTED
    from ansatz.runs.fit import fit
    from ansatz.runs.progress import Watcher

    out = place.out or Path("runs") / f"{recipe.name}-{Path(place.data).name.split('.')[0]}"
    result = fit(
        settings,
        place.data,
        columns,
        out=out,
        force=place.force,
        start=place.start,
        watcher=None if place.quiet else Watcher(STARTED),
    )
    return _conclude(result, place)


def _resume(found: Resume) -> int:
    from ansatz.cli.main import STARTED
    from ansatz.runs.fit import resume
    from ansatz.runs.progress import Watcher

    watcher = None if found.quiet else Watcher(STARTED)
    result = resume(found.resume, epochs=found.epochs, data=found.data, watcher=watcher)
    return _conclude(result, found)


def _conclude(result: Any, asked: Place | Resume) -> int:
    """Draw the report of a fit that is done, and say what there is and how to go on."""
    from ansatz.runs.ensemble import Ensemble
    from ansatz.training.devices import is_first_process

    code = 0 if result.finished else 130
    if not is_first_process():
        return code
    runs = result.members if isinstance(result, Ensemble) else (result,)
    page = None
    if result.finished and not asked.no_report:
        page = _draw(result.path, quiet=asked.quiet)
    if asked.json:
        last = [run.history[-1] if run.history else {} for run in runs]
        each = last[0] if len(runs) == 1 else {"members": last}
        print_json({"run": result.path, "finished": result.finished, "report": page, **each})
    elif not result.finished:
        say(f"Go on with it by: ansatz fit --resume {result.path}")
    elif not asked.quiet:
        verb = "sample" if "sample" in runs[0].can else "encode"
        look = "" if page is None else f" Look at it: {page}."
        say(
            f"The run is {result.path}.{look} Next: ansatz evaluate {result.path}, "
            f"or ansatz {verb} {runs[0].path}."
        )
    return code


def _draw(path: Path, *, quiet: bool) -> Path | None:
    """The page with the report of a run; none if it cannot be written, for the fit is done."""
    from ansatz.report import write_report

    if not quiet:
        say("Drawing the report ...")
    try:
        report = write_report(path, watch=partial(watched, quiet=quiet))
    except AnsatzError as error:
        say(f"There is no report: {error}")
        return None
    for sentence in report.missing:
        say(sentence)
    return report.page


def _groups(words: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """encoder.rate=1e-4 as {"encoder": {"rate": 1e-4}}."""
    import tomllib

    groups: dict[str, dict[str, Any]] = {}
    for word in words:
        place, equals, text = word.partition("=")
        part, dot, setting = place.partition(".")
        if not (equals and dot):
            raise OptionError(f"--group takes part.setting=value, not {word!r}.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        groups.setdefault(part, {})[setting] = value
    return groups
