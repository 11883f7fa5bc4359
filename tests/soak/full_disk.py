"""Fill the disk under every command that writes: a sentence, and going on once there is room.

The disk is a small one in memory, so this needs Linux and root. Every command is carried out on
a large disk first, and then with more and more room until there is enough: each time it has to end
with 2 and a sentence, to leave what was there, and to go on to the same end when the disk grows.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import COMMANDS, Command, content, names, prepare, run
from kill import COMMON

PAGE = 4096
LARGE = 512 << 20
FITS = {
    "fit": Command(
        f"fit vae moons --latent 2 --hidden 64 --epochs 4 {COMMON} --out new",
        "new",
        go_on="fit --resume new --quiet --no-report",
    ),
}
ALL = FITS | {name: one for name, one in COMMANDS.items() if name != "evaluate"}


def main() -> int:
    """Try every command on disks of several sizes; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, default=4)
    parser.add_argument("--command", choices=ALL, nargs="*", default=list(ALL))
    arguments = parser.parse_args()
    wrong = tried = 0
    with tempfile.TemporaryDirectory() as name:
        sound, here = Path(name) / "sound", Path(name) / "here"
        sound.mkdir()
        here.mkdir()
        prepare(sound)
        for each in arguments.command:
            one = ALL[each]
            with disk(here, LARGE):
                laid(sound, here)
                empty = used(here)
                done = run(one.words, here, sound)
                assert done.returncode == 0, done.stderr
                expected, needed = content(here / one.makes), used(here) - empty
            for part in range(arguments.sizes):
                # At once, and then ever later.
                room = needed * part // arguments.sizes // PAGE * PAGE
                said = lost(one, sound, here, room, expected)
                tried += 1
                wrong += not said.startswith("ansatz")
                print(f"{each}, {room >> 10} of {needed >> 10} KiB: {said}", flush=True)
    print(f"{tried - wrong} of {tried} full disks lost nothing.")
    return 1 if wrong else 0


def lost(one: Command, sound: Path, here: Path, room: int, expected: dict[str, object]) -> str:
    """The sentence with which it ended, or what is wrong."""
    with disk(here, LARGE):
        laid(sound, here)
        before = {name: content(here / name) for name in ("run", "showers-run", "showers.h5")}
        size(here, used(here) + room)
        done = run(one.words, here, sound)
        said = done.stderr.strip().splitlines()[-1:] or [""]
        if done.returncode != 2 or not said[0].startswith("ansatz: ") or "Traceback" in done.stderr:
            return f"ends with {done.returncode}: {done.stderr.strip()}"
        for name, files in before.items():
            now = content(here / name)
            if any(now.get(file) != found for file, found in files.items()):
                return f"{name} has changed"
        if one.alone and one.makes != "run" and (here / one.makes).is_file():
            return f"{one.makes} is there, and not whole"
        size(here, LARGE)
        done = run(one.again(here), here, sound)
        if done.returncode:
            return f"does not go on: {done.stderr.strip()}"
        if names(content(here / one.makes)) != names(expected):
            return "makes other files"
    return said[0]


def laid(sound: Path, here: Path) -> None:
    """What commands read, on the disk."""
    for path in sound.iterdir():
        if path.name != "compiled":
            (shutil.copytree if path.is_dir() else shutil.copy)(path, here / path.name)


@contextmanager
def disk(place: Path, size: int) -> Iterator[None]:
    """A disk of so many bytes at a place."""
    mounted(place, "-t", "tmpfs", "-o", f"size={size}", "tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def size(place: Path, bytes: int) -> None:
    """Make the disk so large."""
    mounted(place, "-o", f"remount,size={bytes}")


def mounted(place: Path, *how: str) -> None:
    """A disk at a place, or the one that is there in another way."""
    subprocess.run(["mount", *how, place], check=True)


def used(place: Path) -> int:
    """How many bytes of it are taken."""
    found = os.statvfs(place)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


if __name__ == "__main__":
    sys.exit(main())
