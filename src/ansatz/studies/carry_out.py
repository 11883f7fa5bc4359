"""Carry out a study: from its name to a folder with runs, claims, figures and a page."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tomli_w

from ansatz.evaluate.watch import Watch, unseen
from ansatz.protocol.errors import OptionError, RunError
from ansatz.report.files import FIGURES, write_figures
from ansatz.report.rendering import render
from ansatz.runs.files import unwritable, write_atomic
from ansatz.runs.folder import RunFolder
from ansatz.runs.record import NAME as RECIPE
from ansatz.runs.record import current_versions
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
    seed: int = 0,
    quiet: bool = False,
    watch: Watch = unseen,
) -> Outcome:
    """Carry out a study in the folder `out`, or studies/NAME.

    With `quick` it is a smaller run that makes the same claims.
    """
    if not 0 <= seed < 2**31:
        raise OptionError(f"seed must be at least 0 and below 2147483648; it is {seed}.")
    study = find_study(name)
    folder = Path("studies") / name if out is None else Path(out)
    with _opened(folder, force):
        record = {"study": name, "quick": quick, "seed": seed, "versions": current_versions()}
        write_atomic(folder / RECORD, tomli_w.dumps(record).encode())
        findings = study.run(
            Context(folder=folder, quick=quick, seed=seed, quiet=quiet, watch=watch)
        )
        renderings = tuple(render(figure) for figure in findings.figures)
        outcome = Outcome(
            study=study,
            out=folder,
            quick=quick,
            seed=seed,
            claims=findings.claims,
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
            with RunFolder(place).alone():
                shutil.rmtree(place)
        place.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    with RunFolder(place).alone():
        yield


def _check_replaceable(folder: Path, force: bool) -> None:
    if not force:
        raise RunError(f"{folder} exists. Choose another --out, or replace it with --force.")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise RunError(f"{folder} is the folder you are in; give --out the name of a new one.")
    if not folder.is_dir() or not ((folder / RECORD).exists() or not any(folder.iterdir())):
        raise RunError(f"{folder} exists and is no study; it will not be replaced.")
