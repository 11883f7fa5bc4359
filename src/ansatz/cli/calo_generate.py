"""`ansatz calo fit` and `ansatz calo generate`: a generator of showers, and showers from it."""

from argparse import ArgumentParser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from ansatz.cli.arguments import Common, parse, say
from ansatz.cli.output import print_json
from ansatz.cli.sampler import Sampler, device_of
from ansatz.protocol.errors import OptionError
from ansatz.runs.watched import watched

RECIPE = "calo-qvae"


@dataclass(frozen=True, kw_only=True)
class Generate(Common):
    """Generate showers at given energies from a run of `ansatz calo fit`.

    What was made before a run was stopped is kept in a folder beside the file, and the same
    command goes on with it.
    """

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    number: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1000
    """How many showers."""
    energy: str | None = None
    """Incident energies in MeV, log-uniform in a:b or from a list a,b,c; those of the challenge
    if not given."""
    like: Path | None = None
    """Or a file of showers, for each of which there is to be one of the same energy."""
    seed: int = 0
    """Decides every shower."""
    sampler: Sampler = "own"
    """What draws the prior's units: our own chains, the simulated annealer of dwave-samplers, or
    D-Wave's quantum computer, at a temperature that is estimated first."""
    out: Path = Path("generated.h5")
    """File to write, HDF5."""
    force: bool = False
    """Replace the file if it is there already."""


def fit(words: list[str]) -> int:
    """`ansatz fit calo-qvae`, told by the file of showers what is in it."""
    from ansatz.calo.geometry import as_text, geometry
    from ansatz.calo.showers import ShowerFile
    from ansatz.cli import fit as of_any

    asks = not words or words[0].startswith("-")
    if asks or any(word in ("-h", "--help") for word in words):
        return of_any.run(words if any(w.startswith("--resume") for w in words) else [RECIPE, "-h"])
    named = _named(words)
    file = ShowerFile(words[0], geometry(named) if named else None)
    told = ["--events", "showers", "--conditions", "incident_energies"]
    if named is None:
        told += ["--geometry", as_text(file.geometry)]
    return of_any.run([RECIPE, words[0], *told, *words[1:]])


def _named(words: list[str]) -> str | None:
    """The geometry that is asked for among words of which the recipe explains the others; an empty
    word where none follows, which the recipe refuses."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--geometry", nargs="?", const="")
    found, _ = parser.parse_known_args(words)
    named: str | None = found.geometry
    return named


def generate(words: list[str]) -> int:
    """Parse, generate, write."""
    found = parse(Generate, words, "ansatz calo generate")
    from ansatz.calo.energies import DEFAULTS, energies
    from ansatz.calo.generate import check_energies, check_generator
    from ansatz.calo.showers import ShowerFile
    from ansatz.calo.unfinished import write
    from ansatz.runs.load import load

    if found.number < 1:
        raise OptionError(f"-n must be at least 1; it is {found.number}.")
    run: Any = load(found.run)
    check_generator(run)
    geometry = run.record.recipe.voxels
    if found.like is not None:
        if found.energy is not None:
            raise OptionError("Give --energy or --like, not both.")
        chosen, drawn = found.like.name, ShowerFile(found.like, geometry).energies
    else:
        asked_for = found.energy or DEFAULTS.get(geometry.name)
        if asked_for is None:
            raise OptionError(
                f"The challenge has no energies for the geometry {geometry.name}: give --energy or "
                "--like."
            )
        wanted = energies(asked_for)
        chosen = str(wanted)
        drawn = wanted.draw(np.random.default_rng(found.seed), found.number)
    check_energies(run, drawn)
    asked = {
        "run": str(found.run.resolve()),
        "showers": len(drawn),
        "energies": chosen,
        "seed": found.seed,
        "sampler": found.sampler,
    }
    write(
        run,
        drawn,
        found.out,
        asked,
        seed=found.seed,
        device=lambda: device_of(found.sampler, run, found.seed, quiet=found.quiet),
        force=found.force,
        watch=partial(watched, quiet=found.quiet),
    )
    if found.json:
        print_json({"out": str(found.out), **asked})
    elif not found.quiet:
        say(f"{len(drawn):,} generated showers are in {found.out}.")
    return 0
