"""`ansatz calo`: showers in calorimeters: simulate them, read them, judge them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from ansatz.cli import calo_baseline, calo_evaluate, calo_generate
from ansatz.cli.arguments import Common, parse, say, wants_help
from ansatz.cli.output import print_json, print_table
from ansatz.protocol.errors import OptionError, nearest
from ansatz.runs.watched import watched

if TYPE_CHECKING:
    from ansatz.calo.info import Info as FileInfo

HELP = """usage: ansatz calo simulate [options]
       ansatz calo info FILE [options]
       ansatz calo features FILE [options]
       ansatz calo fit FILE [options]
       ansatz calo generate RUN [options]
       ansatz calo evaluate REFERENCE GENERATED [options]
       ansatz calo baseline FILE [options]

Simulate showers of particles in a calorimeter, say what a file of them holds, compute their
features, learn to generate them, do so, judge generated ones by those of a reference, or make
showers without a model that a generator has to beat.
"""

PARTS = ("simulate", "info", "features", "fit", "generate", "evaluate", "baseline")

TOGETHER = 256
"""Showers in memory at a time."""

ShowersPath = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]


@dataclass(frozen=True, kw_only=True)
class Simulate(Common):
    """Simulate electromagnetic showers: synthetic ones, of the GFLASH parametrisation."""

    geometry: str = "dataset2"
    """The voxels: dataset1-photons, dataset2 or dataset3."""
    number: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1000
    """How many showers."""
    energy: str | None = None
    """Incident energies in MeV, log-uniform in a:b or from a list a,b,c; those of the challenge
    if not given."""
    seed: int = 0
    """Decides every shower."""
    out: Path = Path("showers.h5")
    """File to write, HDF5."""
    force: bool = False
    """Replace the file if it is there already."""
    c: float | None = None
    """Sampling fluctuation in root GeV, sigma/E = c / root E; a calibration constant, as the
    next two are."""
    response: float | None = None
    """Seen over incident energy at 30 GeV."""
    slope: float | None = None
    """By how much the response rises with every factor of ten in energy."""
    threshold: float | None = None
    """Voxels of less energy, MeV, are empty; the challenge's cut if not given."""
    smooth: bool = False
    """Give all showers of an energy the same longitudinal profile."""


@dataclass(frozen=True, kw_only=True)
class Info(Common):
    """Say what a file of showers holds: geometry, energies, how empty it is, whence it comes."""

    file: ShowersPath
    """An HDF5 file as the CaloChallenge has them."""
    geometry: str | None = None
    """The geometry's name or its binning file, XML; told by the file if not given."""


def run(words: list[str]) -> int:
    """Parse, do, print."""
    if wants_help(words):
        print(HELP)
        return 0
    name, *rest = words
    if name == "simulate":
        return _simulate(parse(Simulate, rest, "ansatz calo simulate"))
    if name == "info":
        return _info(parse(Info, rest, "ansatz calo info"))
    if name == "features":
        return calo_evaluate.features(rest)
    if name == "fit":
        return calo_generate.fit(rest)
    if name == "generate":
        return calo_generate.generate(rest)
    if name == "evaluate":
        return calo_evaluate.evaluate(rest)
    if name == "baseline":
        return calo_baseline.baseline(rest)
    raise OptionError(f"There is no command 'calo {name}'. {nearest(name, PARTS)}")


def _simulate(found: Simulate) -> int:
    from ansatz.calo.energies import DEFAULTS, energies
    from ansatz.calo.geometry import geometry
    from ansatz.calo.simulate import simulator_of, write

    simulator = simulator_of(
        geometry(found.geometry),
        c=found.c,
        response=found.response,
        slope=found.slope,
        threshold=found.threshold,
        smooth=found.smooth,
    )
    chosen = energies(found.energy or DEFAULTS[simulator.geometry.name])
    said = write(
        simulator,
        chosen,
        found.number,
        found.out,
        seed=found.seed,
        force=found.force,
        watch=partial(watched, quiet=found.quiet),
    )
    if found.json:
        print_json({"out": str(found.out), **said, "geometry": simulator.geometry.name})
    elif not found.quiet:
        say(f"{found.number:,} synthetic showers are in {found.out}.")
    return 0


def _info(found: Info) -> int:
    from ansatz.calo.geometry import geometry
    from ansatz.calo.info import info
    from ansatz.calo.showers import ShowerFile

    file = ShowerFile(found.file, geometry(found.geometry) if found.geometry else None)
    blocks = file.blocks(TOGETHER)
    told = info(file, watched(blocks, len(file), "Reading", quiet=found.quiet, count=_showers))
    if found.json:
        print_json(told.to_dict())
    else:
        print_table(_rows(told))
    return 0


def _showers(block: tuple[Any, Any]) -> int:
    """How many showers a block has."""
    return len(block[0])


def _rows(told: "FileInfo") -> list[tuple[str, str]]:
    """What there is to say, with its names."""
    import numpy as np

    file, geometry = told.file, told.file.geometry
    origin = {True: "synthetic", False: "not synthetic", None: "not said"}[file.synthetic]
    energies = np.unique(file.energies)
    listed = f": {', '.join(f'{e:g}' for e in energies)}" if len(energies) <= 20 else ""
    rows = [
        ("file", f"{file.path}, {told.bytes / 1e6:,.1f} MB"),
        ("showers", f"{len(file):,}"),
        ("origin", origin),
        ("geometry", f"{geometry.name}, {geometry.particle}s"),
        ("voxels", f"{geometry.voxels:,} in {len(geometry.ids)} layers"),
        ("E_inc", f"{energies[0]:g} to {energies[-1]:g} MeV{listed}"),
        ("E_tot / E_inc", f"{told.ratio:.4f} ± {told.spread:.4f}"),
        ("voxel energies", f"{told.smallest:.4g} to {told.largest:.4g} MeV, where not 0"),
        ("empty voxels", f"{told.sparsity:.2%} below {geometry.cut:.4g} MeV"),
        ("most energy", f"in layer {geometry.ids[int(told.in_layer.argmax())]}"),
    ]
    for name, value in file.attributes.items():
        told_above = name in ("synthetic", "geometry", "binning", "particle", "number")
        if not told_above and not isinstance(value, list | dict):
            rows.append((f"  {name}", str(value)))
    return rows
