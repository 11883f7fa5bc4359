"""Carry out a study: from its name to a folder with runs, claims, figures and a page."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from ansatz.protocol.errors import OptionError, RunError
from ansatz.protocol.watch import Watch, unseen
from ansatz.report.files import FIGURES, write_figures
from ansatz.report.rendering import render
from ansatz.runs.files import alone, unwritable, write_atomic
from ansatz.runs.record import NAME as RECIPE
from ansatz.runs.record import current_versions, read_toml
from ansatz.studies import find_study
from ansatz.studies.outcome import Outcome
from ansatz.studies.page import page
from ansatz.studies.study import Context

RECORD = "study.toml"
"""Written first, it tells the folder of a study from any other."""
CLAIMS = "claims.json"
"""Written last, it tells a study that was carried out from one that was stopped."""


def carry_out(
    name: str,
    *,
    out: str | Path | None = None,
    quick: bool = False,
    force: bool = False,
    resume: bool = False,
    minutes: float | None = None,
    seed: int = 0,
    quiet: bool = False,
    watch: Watch = unseen,
) -> Outcome:
    """Carry out a study in the folder `out`, or studies/NAME.

    With `quick` it is a smaller run that makes the same claims. With `resume` it goes on where it
    was stopped. A study that can be longer or shorter lets its fits take so many `minutes`.
    """
    if force and resume:
        raise OptionError("Give --resume to go on, or --force to begin again, and not both.")
    if minutes is not None and not minutes > 0:
        raise OptionError(f"minutes must be positive; they are {minutes}.")
    if not 0 <= seed < 2**31:
        raise OptionError(f"seed must be at least 0 and below 2147483648; it is {seed}.")
    study = find_study(name)
    folder = Path("studies") / name if out is None else Path(out)
    record = {"study": name, "quick": quick, "seed": seed}
    with _reopened(folder, record) if resume else _opened(folder, force):
        record = {**record, "versions": current_versions()}
        write_atomic(folder / RECORD, tomli_w.dumps(record).encode())
        context = Context(
            folder=folder, quick=quick, seed=seed, minutes=minutes, quiet=quiet, watch=watch
        )
        try:
            findings = study.run(context)
        except OSError as error:
            # A study writes data of its own.
            raise unwritable(folder, error) from error
        renderings = tuple(render(figure) for figure in findings.figures)
        outcome = Outcome(
            study=study,
            out=folder,
            quick=quick,
            seed=seed,
            claims=findings.claims,
            tables=findings.tables,
            runs=tuple(sorted(path.parent for path in folder.glob(f"*/{RECIPE}"))),
            figures=write_figures(folder / FIGURES, renderings),
            page=folder / "report.html",
        )
        write_atomic(outcome.page, page(outcome, renderings, FIGURES).encode())
        content = json.dumps(outcome.to_dict(), indent=2, ensure_ascii=False) + "\n"
        write_atomic(folder / CLAIMS, content.encode())
    return outcome


@contextmanager
def _opened(folder: Path, force: bool) -> Iterator[None]:
    """An empty folder that no other process writes to, in place of an older study's if forced."""
    # Resolved, so that a link goes on to lead to the study.
    place = folder.resolve()
    try:
        if place.exists():
            _check_replaceable(folder, force)
            with alone(place):
                shutil.rmtree(place)
        place.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    with alone(place):
        yield


@contextmanager
def _reopened(folder: Path, wanted: dict[str, Any]) -> Iterator[None]:
    """The folder of the same study, whose fits are still there."""
    if not (folder / RECORD).exists():
        raise RunError(f"{folder} holds no study to go on with; leave --resume out.")
    found = read_toml(folder / RECORD)
    for name, value in wanted.items():
        if found.get(name) != value:
            raise RunError(
                f"{folder} holds a study with {name} = {found.get(name)!r}, not {value!r}: go on "
                "with the same options, or begin again with --force."
            )
    with alone(folder):
        # What is not finished does not claim to be.
        (folder / CLAIMS).unlink(missing_ok=True)
        yield


def _check_replaceable(folder: Path, force: bool) -> None:
    if not force:
        raise RunError(
            f"{folder} exists. Choose another --out, go on with it with --resume, or replace it "
            "with --force."
        )
    if Path.cwd().is_relative_to(folder.resolve()):
        raise RunError(f"{folder} is the folder you are in; give --out the name of a new one.")
    if not folder.is_dir() or not ((folder / RECORD).exists() or not any(folder.iterdir())):
        raise RunError(f"{folder} exists and is no study; it will not be replaced.")
