"""Commands that write, other than a fit, and how to tell what they have written.

What kills them and what fills their disk tries all of them.
"""

import csv
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np
from kill import CASES, COMMON, write_showers

QUIET = "--quiet"
SHOWERS = CASES["calo-qvae"].replace("--epochs 8", "--epochs 2")


@dataclass(frozen=True)
class Command:
    """A command line, how to go on with it, and the file or the folder that it makes."""

    words: str
    makes: str
    go_on: str = ""
    """As before, if nothing else is said."""
    alone: bool = True
    """Whether what it makes has its name only once it is whole."""

    def again(self, folder: Path) -> str:
        """What to say after it was stopped."""
        return self.go_on if self.go_on and (folder / self.makes).exists() else self.words


COMMANDS = {
    "report": Command("report run --quiet", "run", alone=False),
    "sample": Command("sample run -n 200000 --quiet --out new.csv", "new.csv"),
    "simulate": Command(
        "calo simulate --geometry dataset1-photons -n 3000 --quiet --out new.h5", "new.h5"
    ),
    "generate": Command(
        "calo generate showers-run -n 40000 --energy 1e3:1e5 --quiet --out new.h5", "new.h5"
    ),
    "baseline": Command("calo baseline showers.h5 --quiet --out new.h5", "new.h5"),
    "anomaly": Command("anomaly run moons --quiet --out new", "new"),
    "compare": Command(
        "compare moons --recipes kmeans,mixture --steps 30 --quiet --out new",
        "new",
        go_on="compare moons --recipes kmeans,mixture --steps 30 --quiet --out new --resume",
        alone=False,
    ),
    "evaluate": Command("evaluate run --quiet", "run", alone=False),
}


def prepare(folder: Path) -> None:
    """What the commands read: a run, showers, and a run that generates such."""
    write_showers(folder / "showers.h5")
    for words in (
        f"fit vae moons --latent 2 --hidden 16 --epochs 3 {COMMON} --out run",
        f"fit {SHOWERS} {COMMON} --out showers-run",
    ):
        done = run(words, folder, folder)
        assert done.returncode == 0, done.stderr


def command(words: str) -> list[str]:
    """As the system takes it."""
    return [sys.executable, "-m", "ansatz", *words.split()]


def environment(kept: Path) -> dict[str, str]:
    """What was compiled is kept, so that most of the time is work."""
    return os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(kept / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


def run(words: str, folder: Path, kept: Path) -> subprocess.CompletedProcess[str]:
    """A command to its end, in a folder."""
    return subprocess.run(
        command(words),
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(kept),
    )


def whole(path: Path) -> Any:
    """The content of a file, which must be whole: a part of one is an error."""
    match path.suffix:
        case ".h5":
            with h5py.File(path) as file:
                return {name: file[name][()].tobytes() for name in sorted(file)}
        case ".npy" | ".npz":
            found = np.load(path)
            return found.tobytes() if path.suffix == ".npy" else sorted(found.files)
        case ".svg":
            return ElementTree.parse(path).getroot().tag
        case ".png":
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), path
            return "png"
        case ".html":
            assert path.read_text().rstrip().endswith("</html>"), path
            return "html"
        case ".csv":
            rows = list(csv.reader(path.open(newline="")))
            assert len({len(row) for row in rows}) == 1, path
            return rows
    return path.read_bytes()


def content(path: Path) -> dict[str, Any]:
    """Every file that a command has made, all of them whole; drafts have names with dots."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {
        str(file.relative_to(path.parent)): whole(file)
        for file in files
        if not any(part.startswith(".") for part in file.relative_to(path.parent).parts)
    }


def names(files: dict[str, Any]) -> set[str]:
    """Which files there are, but for checkpoints: which steps have one the clock decides."""
    return {name for name in files if "checkpoints" not in name}
