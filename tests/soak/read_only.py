"""Every command on a disk that may only be read, and on a full one: a sentence, nothing changed.

The disk is one in memory, so this needs Linux and root.
"""

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

import sound_runs
from full_disk import LARGE, disk, mounted, size, used
from promise import Case, tried
from sound_files import sound

COMMANDS = (
    "fit pca plain.npy --latent 1 --quiet --no-report --out new",
    "fit pca plain.npy --latent 1 --quiet --no-report --out plain --force",
    "fit --resume plain --epochs 2 --quiet --no-report",
    "fit --resume several --epochs 2 --quiet --no-report",
    "sample plain -n 3 --quiet",
    "sample plain -n 3 --quiet --out new.npz",
    "sample plain -n 3 --quiet --out new.csv",
    "sample plain -n 3 --quiet --out new/new.h5",
    "score plain plain.npy -K 2 --quiet",
    "encode plain plain.npy --quiet",
    "reconstruct plain plain.npy --quiet",
    "evaluate pca plain.npy --quiet",
    "report pca --quiet",
    "report pca --quiet --out new.html",
    "anomaly pca plain.npy --rate 0.5 --quiet --out new",
    "compare plain.npy --recipes pca --steps 2 --test 0.5 --quiet --out new",
    "components plain.npy --counts 1 --quiet --out new",
    "study linear-gaussian --quick --quiet --out new",
    "calo simulate --geometry dataset1-photons -n 2 --quiet --out new.h5",
    "calo baseline showers.h5 --quiet --out new.h5",
    "calo features showers.h5 --quiet",
    "calo info showers.h5 --quiet",
    "data info plain.npy",
)
READS = ("evaluate", "data info", "calo info")
"""These write nothing and work as ever."""


def main() -> int:
    """Try all of them; 0 if no promise was broken."""
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        place, here = Path(name) / "sound", Path(name) / "here"
        place.mkdir()
        here.mkdir()
        sound_runs.made(place)
        (place / "showers.h5").write_bytes(sound()["showers.h5"])
        for words in COMMANDS:
            for way in ("read-only", "full"):
                with disk(here, LARGE):
                    begun = ("new", "pca/figures") if way == "full" else ()
                    case = Case(way, tuple(words.split()), partial(lay, place, way), begun=begun)
                    found = tried(case, here)
                wanted = 0 if words.startswith(READS) else 2
                if found.code != wanted:
                    found.broken.append(f"ends with {found.code}, not {wanted}")
                if wanted == 2 and f"the disk is {way}" not in found.said:
                    found.broken.append("does not say why")
                broken += bool(found.broken)
                print(f"{'BROKEN ' if found.broken else ''}{found}", flush=True)
    print(f"{2 * len(COMMANDS) - broken} of {2 * len(COMMANDS)} keep the promise.")
    return 1 if broken else 0


def lay(place: Path, way: str, here: Path) -> None:
    """The runs and the data, on a disk that then takes no more."""
    for path in place.iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(path, here / path.name)
    if way == "full":
        size(here, used(here))
    else:
        mounted(here, "-o", "remount,ro")


if __name__ == "__main__":
    sys.exit(main())
