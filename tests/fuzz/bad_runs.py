"""Folders of runs that were edited by hand, or damaged, and the commands that use them."""

import json
import os
import random
import shutil
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import tomli_w
from damage import damaged, edited
from promise import Case

RUN = "run"
COMMANDS = (
    "sample run -n 3 --quiet --out new.npy",
    "sample run -n 2 --json --out new.csv",
    "score run plain.npy -K 2 --quiet --out new.npy",
    "encode run plain.npy --quiet --out new.npy",
    "evaluate run plain.npy -K 2 --quiet",
    "evaluate run --quiet -K 2",
    "report run --quiet --out new.html",
    "fit --resume run --quiet --no-report",
    "fit --resume run --epochs 3 --quiet --no-report",
    "fit vae plain.npy --latent 1 --hidden 4 --from run --quiet --no-report --out new",
    "fit vae plain.npy --quiet --no-report --out run",
    "compare plain.npy --runs run --quiet --out new",
    "anomaly run plain.npy -K 2 --quiet --out new",
)
WRITES = ("new", "new.npy", "new.csv", "new.html")

Edit = Callable[[Path], object]


def cases(seed: int, runs: dict[str, Path], *, rounds: int = 1) -> Iterator[Case]:
    """Every file of every run damaged, every record edited, one command each."""
    chance = random.Random(f"runs {seed}")
    for each in range(rounds):
        found = []
        for name, run in runs.items():
            for title, edit in (*_edits(run, chance), *_structure(run)):
                command = chance.choice(COMMANDS)
                case = Case(
                    f"{name}: {title} {seed}.{each} ({command})",
                    tuple(command.split()),
                    partial(_lay, run, edit),
                    may=(*WRITES, "run") if "--resume" in command else (*WRITES, "run/figures"),
                )
                found.append(case)
        chance.shuffle(found)
        yield from found


def _lay(run: Path, edit: Edit, folder: Path) -> None:
    shutil.copytree(run, folder / RUN)
    shutil.copy(run.parent / "plain.npy", folder)
    edit(folder / RUN)


def _files(run: Path) -> list[Path]:
    found = sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file())
    return [path for path in found if path.suffix in (".toml", ".jsonl", ".safetensors")]


def _edits(run: Path, chance: random.Random) -> Iterator[tuple[str, Edit]]:
    for file in _files(run):
        for way in range(3):
            what, content = damaged((run / file).read_bytes(), chance)
            yield f"{file} {what} {way}", partial(_write, file, content)
    for file in (file for file in _files(run) if file.suffix == ".toml"):
        for way in range(14):
            content = tomllib.loads((run / file).read_text())
            for _ in range(chance.choice([1, 1, 1, 2])):
                what, content = edited(content, chance)
            try:
                text = tomli_w.dumps(content).encode()
            except (TypeError, ValueError):
                # There is no way to write that.
                continue
            yield f"{file} {what} {way}", partial(_write, file, text)
    for file in (file for file in _files(run) if file.suffix == ".jsonl"):
        for way in range(5):
            rows = [json.loads(line) for line in (run / file).read_text().splitlines()]
            what, rows = edited(rows, chance)
            text = "".join(json.dumps(row) + "\n" for row in (*rows, {"step": 99, "epoch": 9}))
            yield f"{file} {what} {way}", partial(_write, file, text.encode())


def _structure(run: Path) -> Iterator[tuple[str, Edit]]:
    for file in _files(run):
        yield f"no {file}", partial(_gone, file)
        yield f"{file} empty", partial(_write, file, b"")
        yield f"{file} a folder", partial(_folder, file)
        yield f"{file} a dangling link", partial(_link, file)
    yield "no checkpoints", lambda run: shutil.rmtree(next(run.rglob("checkpoints")))
    yield "checkpoints a file", _file_for_checkpoints
    yield "a stray checkpoint", _stray
    yield "another run's weights", partial(_swapped, run.parent)


def _write(file: Path, content: bytes, run: Path) -> None:
    (run / file).write_bytes(content)


def _gone(file: Path, run: Path) -> None:
    (run / file).unlink()


def _folder(file: Path, run: Path) -> None:
    (run / file).unlink()
    (run / file).mkdir()


def _link(file: Path, run: Path) -> None:
    (run / file).unlink()
    os.symlink("nowhere", run / file)


def _file_for_checkpoints(run: Path) -> None:
    folder = next(run.rglob("checkpoints"))
    shutil.rmtree(folder)
    folder.write_bytes(b"")


def _stray(run: Path) -> None:
    folder = next(run.rglob("checkpoints"))
    (folder / "step-last.safetensors").write_bytes(b"mine")


def _swapped(runs: Path, run: Path) -> None:
    other = runs / "conditional" / "model.safetensors"
    shutil.copy(other, next(run.rglob("model.safetensors")))
