"""The peers' own environment: PyTorch never enters the project's."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.harness import Failure, last_line

WANTED = Path(__file__).parent / "peers.txt"


def peers(folder: Path) -> Path | Failure:
    """The interpreter of the peers' environment in `folder`, made if it is not there.

    It is made again when `peers.txt` has changed.
    """
    python, ready = folder / "bin" / "python", folder / "ready.txt"
    wanted = WANTED.read_text(encoding="utf-8")
    if python.exists() and ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return python
    print(f"Installing the peers into {folder} ...", file=sys.stderr, flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*pip, "-r", str(WANTED)],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            why = last_line(made.stderr or made.stdout)
            return Failure(f"The peers' environment could not be made: {why}")
    ready.write_text(wanted, encoding="utf-8")
    return python
