"""How fast showers are simulated and written, and in how much memory."""

import sys
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.harness import Contender, Result, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import ratios

TITLE = "Simulating calorimeter showers"
ROUNDS = 3

HERE = Path(__file__).parent
WRITTEN, ONLY, PLAIN, LONG = (
    "written",
    "simulated only",
    "plain NumPy, written",
    "ten times as many",
)
C, RANGE = 0.11, "1e3:1e6"
GEV = (1, 10, 100, 1000)
GEOMETRIES = {
    "dataset1-photons": (368, ",".join(str(2**k) for k in range(8, 23))),
    "dataset2": (6480, RANGE),
    "dataset3": (40500, RANGE),
}


def measure(setting: Setting) -> str:
    """The section of the results."""
    few = 20 if setting.quick else 1

    def ours(name: str, number: int, **work: Any) -> Contender:
        work = {"geometry": "dataset2", "energy": RANGE, "write": True} | work
        work |= {"number": number // few, "folder": str(setting.folder)}
        return Contender(name, Path(sys.executable), HERE / "ours" / "showers.py", work)

    plain = {"energy": RANGE, "c": C, "number": 2000 // few, "folder": str(setting.folder)}
    script = HERE / "peers" / "numpy_showers.py"
    runs = interleave(
        [
            *machine.products(setting),
            ours(WRITTEN, 20_000, c=C),
            ours(ONLY, 20_000, c=C, write=False),
            Contender(PLAIN, Path(sys.executable), script, plain),
            ours(LONG, 200_000, c=C),
            *(ours(f"{gev} GeV", 10_000, c=C, energy=str(1000 * gev)) for gev in GEV),
            *(
                ours(name, 10_000 if voxels < 10_000 else 4000, geometry=name, energy=energy)
                for name, (voxels, energy) in GEOMETRIES.items()
            ),
        ],
        setting.rounds,
    )
    gain = ratios(runs.values(WRITTEN, _rate), runs.values(PLAIN, _rate))
    return "\n\n".join(
        [
            "Showers of electrons of 1 GeV to 1 TeV in the voxels of dataset 2 with c = "
            f"{C} √GeV, written to HDF5 as float32 with gzip. A spot is a portion of energy of "
            "the parametrisation. The package draws how many spots fall into each ring as numbers "
            "and not spot by spot, which has the same distribution; its spots per second are "
            "those that its showers are made of. Plain NumPy draws the radius and the angle of "
            "every spot, on one core.",
            machine.describe(runs, setting),
            table(
                ("showers", "showers/s", "10⁶ spots/s", "bytes a shower", "peak, MiB"),
                [_row(runs, name) for name in (WRITTEN, LONG, ONLY, PLAIN)],
            ),
            "\n".join(
                [
                    aim("showers written per second", runs.values(WRITTEN, _rate), 2000, ",.0f"),
                    aim("10⁶ spots per second, written", runs.values(WRITTEN, _spots), 30, ".0f"),
                    f"- Written, against plain NumPy: {cell(gain, '.1f')} times as fast.",
                ]
            ),
            "How it grows with the energy of all showers, written:",
            table(
                ("energy", "showers/s", "10⁶ spots/s", "bytes a shower", "peak, MiB"),
                [_row(runs, f"{gev} GeV") for gev in GEV],
            ),
            "How it grows with the voxels, at each geometry's own energies and c, written:",
            table(
                ("geometry", "voxels", "showers/s", "10⁶ spots/s", "bytes a shower", "peak, MiB"),
                [
                    [name, f"{voxels:,}", *_row(runs, name)[1:]]
                    for name, (voxels, _) in GEOMETRIES.items()
                ],
            ),
            failures(runs),
        ]
    )


def _rate(result: Result) -> float:
    return result["rate"]


def _spots(result: Result) -> float:
    return result["spots"] / 1e6


def _row(runs: Runs, name: str) -> list[str]:
    row = [name, cell(runs.values(name, _rate), ",.0f"), cell(runs.values(name, _spots), ",.1f")]
    if name == PLAIN:
        return [*row, "", ""]
    size = "" if name == ONLY else cell(runs.values(name, lambda r: r["bytes"]), ",.0f")
    return [*row, size, cell(runs.values(name, lambda r: r["peak"] / 2**20), ",.0f")]
