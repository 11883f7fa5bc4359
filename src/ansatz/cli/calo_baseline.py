"""`ansatz calo baseline`: showers that any generator has to beat, without a model."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ansatz.cli.arguments import Common, parse, say
from ansatz.cli.output import print_json
from ansatz.runs.watched import watched


@dataclass(frozen=True, kw_only=True)
class Baseline(Common):
    """Exchange layers or voxels among showers of nearest energy: a generator has to beat that.

    Judge what is written by another file of the same kind.
    """

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """An HDF5 file as the CaloChallenge has them."""
    shuffle: Literal["layers", "voxels"] = "layers"
    """What is given to another shower at random, among at least 20 of nearest energy."""
    geometry: str | None = None
    """The geometry's name or its binning file, XML; told by the file if not given."""
    seed: int = 0
    """Decides what goes where."""
    out: Path = Path("baseline.h5")
    """File to write, HDF5, with energies rising."""
    force: bool = False
    """Replace the file if it is there already."""


def baseline(words: list[str]) -> int:
    """Parse, exchange, write."""
    found = parse(Baseline, words, "ansatz calo baseline")
    from ansatz.calo import baselines
    from ansatz.calo.geometry import geometry
    from ansatz.calo.showers import ShowerFile

    file = ShowerFile(found.file, geometry(found.geometry) if found.geometry else None)
    baselines.write(
        file,
        found.shuffle,
        found.out,
        seed=found.seed,
        force=found.force,
        watch=partial(watched, quiet=found.quiet),
    )
    if found.json:
        print_json({"out": str(found.out), "showers": len(file), "shuffle": found.shuffle})
    elif not found.quiet:
        say(f"{len(file):,} showers with exchanged {found.shuffle} are in {found.out}.")
    return 0
