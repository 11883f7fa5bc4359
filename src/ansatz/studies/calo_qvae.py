"""A generator of calorimeter showers, from simulated ones to a judgement by fresh ones."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ansatz.calo import baselines, simulate, unfinished
from ansatz.calo.effort import DEFAULT, QUICK, Effort
from ansatz.calo.energies import energies
from ansatz.calo.evaluation import Evaluation, Standard
from ansatz.calo.figures import figures
from ansatz.calo.geometry import geometry
from ansatz.calo.report import write as write_evaluation
from ansatz.calo.report import written
from ansatz.calo.showers import ShowerFile
from ansatz.calo.writing import ShowerWriter
from ansatz.protocol.figures import Figure
from ansatz.report.page import Grid
from ansatz.report.write import write_report
from ansatz.runs.run import Run
from ansatz.studies import calo_qvae_claims as claiming
from ansatz.studies.calo_qvae_claims import Made
from ansatz.studies.study import Context, Findings, Study

GEOMETRY = geometry("dataset2")
ENERGIES = energies("1e3:1e6")
SHOWN = (
    "shower",
    "single",
    "average",
    "profiles",
    "response",
    "correlations",
    "pairs",
    "hits",
    "voxels",
)
"""The beginnings of the names of an evaluation's figures that the study shows too."""


@dataclass(frozen=True)
class Size:
    """How much is spent."""

    showers: int
    """Simulated to learn from, simulated to judge by, and generated."""
    epochs: int
    annealing: int
    """Steps in which log Z of the prior is annealed, which generating does not need."""
    effort: Effort
    twin: bool
    """Whether the same with independent coins as prior is fitted too."""


SMALL = Size(10_000, 12, 50, QUICK, twin=False)
LARGE = Size(100_000, 8, 1000, DEFAULT, twin=True)


class CaloQVAEStudy(Study):
    """Showers of electrons in the geometry of the CaloChallenge's dataset 2 are simulated, a VAE
    of bits with a Boltzmann machine on Pegasus as prior learns them, and showers that it generates
    are judged by fresh ones of the simulation, beside baselines without a model: layers, or
    voxels, exchanged among showers of nearest energy. All showers are synthetic, of the
    parametrisation of `ansatz calo simulate`: no figure here is of a full simulation. The folder
    `evaluation` has a page with every histogram. That of the fit is `fit/report.html`, and
    `ansatz report` draws it where this run was a quick one.
    """

    name: ClassVar[str] = "calo-qvae"
    title: ClassVar[str] = "A generator of calorimeter showers, judged by fresh ones"

    def run(self, context: Context) -> Findings:
        size = SMALL if context.quick else LARGE
        train, fresh, another = (
            _simulated(context, name, k, size.showers)
            for k, name in enumerate(("train", "fresh", "another"))
        )
        learnt: dict[str, Any] = {
            "events": "showers",
            "conditions": "incident_energies",
            "epochs": size.epochs,
            "annealing": size.annealing,
        }
        (run,) = context.fit("fit", "calo-qvae", train, **learnt)
        if not context.quick:
            write_report(run)
        standard = Standard.of(
            ShowerFile(fresh), ShowerFile(another), size.effort, context.seed, context.watch
        )
        own = _generated(context, run, "generated", fresh)
        found = standard.judge(ShowerFile(own))
        write_evaluation(found, context.folder / "evaluation", force=True)
        judged, spare = {"generated": found}, replace(size.effort, classified=0, neighbours=0)
        if size.twin:
            (twin,) = context.fit("twin", "calo-qvae", train, prior="bernoulli", **learnt)
            path = _generated(context, twin, "generated-twin", fresh)
            judged["twin"] = standard.judge(ShowerFile(path), spare)
        for name, make in BASELINES.items():
            path = context.folder / f"{name.replace(' ', '-')}.h5"
            if not path.exists():
                make(train, path, context)
            judged[name] = standard.judge(ShowerFile(path), spare)
        asked = ShowerFile(fresh).energies
        made = Made.of(run, own, asked, context.seed)
        claims = [*claiming.of_files(made), *claiming.quick(found, judged["mean shower"])]
        if size.twin:
            claims = [*claiming.of_files(made), *claiming.full(found, judged["twin"])]
        return Findings(tuple(claims), _shown(found), tables(judged, size))


def _simulated(context: Context, name: str, k: int, showers: int) -> Path:
    path = context.folder / f"{name}.h5"
    if not path.exists():
        simulator = simulate.simulator_of(GEOMETRY)
        seed = 3 * context.seed + k
        simulate.write(simulator, ENERGIES, showers, path, seed=seed, watch=context.watch)
    return path


def _generated(context: Context, run: Run, name: str, fresh: Path) -> Path:
    """Showers of a run at the energies of the fresh ones."""
    path = context.folder / f"{name}.h5"
    if not path.exists():
        asked = {"run": name, "energies": fresh.name, "seed": context.seed}
        incident = ShowerFile(fresh).energies
        unfinished.write(run, incident, path, asked, seed=context.seed, watch=context.watch)
    return path


def _exchanged(shuffle: baselines.Shuffle) -> Callable[[Path, Path, Context], None]:
    def make(train: Path, out: Path, context: Context) -> None:
        baselines.write(ShowerFile(train), shuffle, out, seed=context.seed, watch=context.watch)

    return make


def mean_showers(train: Path, out: Path, context: Context) -> None:
    """Every shower as the mean of those of nearest energy: what knows no fluctuations."""
    file = ShowerFile(train)
    with ShowerWriter(out, file.geometry, {"synthetic": True, "about": "Mean showers."}) as writer:
        for incident, showers in baselines.baseline(file, "layers", watch=context.watch):
            writer.append(incident, np.broadcast_to(showers.mean(0), showers.shape))


BASELINES: dict[str, Callable[[Path, Path, Context], None]] = {
    "layers exchanged": _exchanged("layers"),
    "voxels exchanged": _exchanged("voxels"),
    "mean shower": mean_showers,
}


def _shown(found: Evaluation) -> tuple[Figure, ...]:
    return tuple(f for f in figures(found) if f.name.startswith(SHOWN))


def tables(judged: dict[str, Evaluation], size: Size) -> tuple[Grid, ...]:
    """All that was judged, side by side."""
    found = judged["generated"]
    reduced = (
        ""
        if size.effort is DEFAULT
        else " REDUCED SETTINGS: no figure here is to be compared with one that is published."
    )
    rows = [
        (merit.name, written(merit.floor), *(_cell(each, merit.name) for each in judged.values()))
        for merit in found.merits
    ]
    told = [claiming.ratios(each) for each in judged.values()]
    rows += [(name, "1", *(written(each[name]) for each in told)) for name in told[0]]
    return (
        Grid(
            title="Showers of every origin by fresh ones of the simulation",
            caption=f"{size.showers:,} showers of each kind; FPD and KPD × 10³. The floor is what "
            "another file of the simulation comes to. Without a model, layers or voxels of the "
            "showers that the fit learnt from are exchanged among 20 of nearest energy, or each is "
            "the mean of these. Below, by the fresh showers and so 1 if right: mean and width of "
            "E_tot / E_inc in the decade from an energy, hits of a shower and MeV of a hit. All "
            f"showers are synthetic; what is published is of a full simulation.{reduced}",
            header=("", "floor", *judged),
            rows=tuple(rows),
        ),
    )


def _cell(found: Evaluation, name: str) -> str:
    values = [merit.value for merit in found.merits if merit.name == name]
    return written(values[0]) if values else "—"
