"""How fast showers' features are computed, and an evaluation's time and memory."""

import sys
from pathlib import Path

from ansatz.calo.energies import energies
from ansatz.calo.geometry import geometry
from ansatz.calo.simulate import attributes, simulate, simulator_of
from ansatz.calo.writing import ShowerWriter
from benchmarks import machine
from benchmarks.harness import Contender, Result, Runs, Setting, interleave
from benchmarks.report import cell, failures, table
from benchmarks.spread import ratios

TITLE = "Features of showers, and their evaluation"
ROUNDS = 3

HERE = Path(__file__).parent
OURS, PLAIN = "this package", "plain NumPy"
VOXELS = {"dataset1-photons": 368, "dataset2": 6480, "dataset3": 40500}
SIZES = (20_000, 100_000)
"""Showers in each file of an evaluation."""


def measure(setting: Setting) -> str:
    """The section of the results."""
    few = 200 if setting.quick else 1
    python = Path(sys.executable)
    contenders = machine.products(setting)
    for name, voxels in VOXELS.items():
        work = {"geometry": name, "showers": max(64, 40_000_000 // voxels // few)}
        for who, place in ((OURS, "ours"), (PLAIN, "peers")):
            script = HERE / place / "calo_features.py"
            contenders.append(Contender(f"{who}, {name}", python, script, work))
    for size in SIZES:
        files = [setting.folder / f"{size}-{seed}.h5" for seed in (1, 2)]
        for seed, path in enumerate(files, 1):
            write_showers(path, size // few, seed)
        work = {"files": [str(path) for path in files]}
        script = HERE / "ours" / "calo_evaluation.py"
        contenders.append(Contender(_evaluated(size), python, script, work))
    runs = interleave(contenders, setting.rounds)
    return "\n\n".join(
        [
            "Random showers with a quarter of their voxels hit, in memory, in float32. Plain "
            "NumPy has the formulas as they are written, layer by layer; both compute in double "
            "precision.",
            machine.describe(runs, setting),
            table(
                ("geometry", "voxels", "showers/s", "plain NumPy", "times as fast"),
                [_row(runs, name) for name in VOXELS],
            ),
            "Evaluation of two files of synthetic showers of dataset 2 with `--quick`, which goes "
            "through all showers and takes the same number of them for nets and neighbours; the "
            "report is not drawn.",
            table(
                ("showers in each file", "seconds", "showers read/s", "peak, MiB"),
                [
                    [
                        f"{size:,}",
                        cell(runs.values(_evaluated(size), lambda r: r["seconds"]), ".0f"),
                        cell(runs.values(_evaluated(size), lambda r: r["rate"]), ",.0f"),
                        cell(runs.values(_evaluated(size), lambda r: r["peak"] / 2**20), ",.0f"),
                    ]
                    for size in SIZES
                ],
            ),
            failures(runs),
        ]
    )


def write_showers(path: Path, count: int, seed: int) -> None:
    """Synthetic showers of dataset 2."""
    simulator = simulator_of(geometry("dataset2"))
    chosen = energies("1e3:1e6")
    said = attributes(simulator, chosen, count, seed)
    with ShowerWriter(path, simulator.geometry, said) as writer:
        for block in simulate(simulator, chosen, count, seed=seed):
            writer.append(*block)


def _evaluated(size: int) -> str:
    return f"evaluation of {size:,}"


def _rate(result: Result) -> float:
    return result["rate"]


def _row(runs: Runs, name: str) -> list[str]:
    ours, plain = (runs.values(f"{who}, {name}", _rate) for who in (OURS, PLAIN))
    gain = cell(ratios(ours, plain), ".1f")
    return [name, f"{VOXELS[name]:,}", cell(ours, ",.0f"), cell(plain, ",.0f"), gain]
