"""What lies where in a run's folder, and how one comes into being."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jaxtyping import PyTree

from ansatz.protocol.errors import RunError
from ansatz.runs.arrays import load_arrays, save_arrays
from ansatz.runs.checkpoints import Checkpoints, last_good
from ansatz.runs.files import alone, new_folder
from ansatz.runs.history import append_line, cut_back, read_lines
from ansatz.runs.record import NAME, Record


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: `recipe.toml`, `history.jsonl`, `timing.jsonl`, `checkpoints/` and, once
    finished, `model.safetensors`.

    An ensemble has a `recipe.toml` of its own and a run `seed-N` for each member.
    """

    path: Path

    def members(self, record: Record) -> list["RunFolder"]:
        """The runs that the record of this folder is one of: itself, or an ensemble's."""
        if record.members == 1:
            return [self]
        seeds = range(record.recipe.seed, record.recipe.seed + record.members)
        return [RunFolder(self.path / f"seed-{seed}") for seed in seeds]

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / "checkpoints")

    @property
    def finished(self) -> bool:
        return self.model.exists()

    def history(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "history.jsonl")

    def log(self, row: dict[str, Any], seconds: float) -> None:
        """Add an epoch to the history, and its clock time apart from it."""
        append_line(self.path / "history.jsonl", row)
        append_line(
            self.path / "timing.jsonl",
            {"epoch": row["epoch"], "step": row["step"], "seconds": round(seconds, 3)},
        )

    def finish(self, pipeline: PyTree, step: int) -> None:
        """Write the model that the run ends with."""
        save_arrays(self.model, pipeline, {"step": step})

    def check(self) -> None:
        """Refuse what could not be reopened, before anything is changed."""
        Record.load(self.path)
        read_lines(self.path / "history.jsonl")
        read_lines(self.path / "timing.jsonl")
        if os.path.lexists(self.model) and not self.model.is_file():
            raise RunError(f"{self.model} is no file.")

    def reopen(self, record: Record, step: int) -> None:
        """Make the folder that of an unfinished run which stands at `step`."""
        for half_written in self.path.rglob(".*.part"):
            half_written.unlink()
        record.save(self.path)
        cut_back(self.path / "history.jsonl", step)
        cut_back(self.path / "timing.jsonl", step)
        self.model.unlink(missing_ok=True)

    def saved_pipeline(self) -> tuple[Path, dict[str, Any]]:
        """The file that holds the model as far as it got, and its arrays by name."""
        if self.finished:
            try:
                return self.model, load_arrays(self.model)[0]
            except RunError as error:
                raise RunError(
                    f"{error} To make it again from the last checkpoint: "
                    f"ansatz fit --resume {self.path}"
                ) from error
        ((path, arrays, _),) = last_good([self.checkpoints])
        return path, part(arrays, "pipeline")


def part(arrays: dict[str, Any], name: str) -> dict[str, Any]:
    """The arrays whose path begins with `name`, by the rest of their path."""
    prefix = f"{name}."
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def check_free(path: Path, force: bool) -> None:
    """Refuse a folder that exists, unless it is a run or empty and may be replaced."""
    if not path.exists():
        return
    if not force:
        raise RunError(
            f"{path} exists. Choose another --out, go on with it by `ansatz fit --resume {path}`, "
            "or replace it with --force."
        )
    if Path.cwd().is_relative_to(path.resolve()):
        raise RunError(f"{path} is the folder you are in; give --out the name of a new one.")
    replaceable = path.is_dir() and ((path / NAME).exists() or not any(path.iterdir()))
    if not replaceable:
        raise RunError(f"{path} exists and is not a run; it will not be replaced.")
    with alone(path):
        pass


def create(
    path: Path, record: Record, saved: list[tuple[PyTree, dict[str, Any]]], *, force: bool = False
) -> RunFolder:
    """A new run with its record and what its first checkpoint holds, in place of an old one.

    An ensemble has a checkpoint for each member.

    It is put together beside `path` and renamed, so that a run's folder can always be resumed.
    """
    with new_folder(path, lambda: check_free(path, force)) as new:
        record.save(new)
        for m, own in enumerate(RunFolder(new).members(record)):
            if record.members > 1:
                own.path.mkdir()
                replace(record, member=m).save(own.path)
            own.checkpoints.folder.mkdir()
            own.checkpoints.save(0, *saved[m])
    return RunFolder(path)
