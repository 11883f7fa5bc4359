"""The same showers as a plain script makes them: NumPy, spot by spot, one shower after the other.

It takes its formulas from the package, and draws and writes on its own.
"""

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ansatz.calo import gflash
from ansatz.calo.calibration import CALIBRATIONS
from ansatz.calo.energies import energies
from ansatz.calo.medium import DETECTORS

LAYERS, ANGLES, RINGS, WIDTH, CUT = 45, 16, 9, 4.65, 0.5e-3 / 0.033
TOGETHER = 500


def shower(incident: float, c: float, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """One shower of dataset 2, MeV, and how many spots it has."""
    detector = DETECTORS["dataset2"]
    medium, edges = detector.medium, np.array(detector.edges)
    energy = np.array([incident / 1000])
    moments = gflash.moments(medium, energy)
    t, a = moments.shapes(rng.normal(size=(2, 1)))
    part = np.diff(gflash.deposited(t, a, edges))
    before = gflash.deposited(*gflash.spots_profile(medium, t, a), edges)
    number = np.maximum(np.rint(gflash.spots(energy, c) * np.diff(before)), 1).astype(int)
    response = CALIBRATIONS["dataset2"].response_at(energy)
    deposit = 1000 * response * c * c * rng.gamma(np.maximum(energy * part, 0) / (c * c))
    tau = (edges[1:] + edges[:-1]) / 2 / gflash.mean_depth(t, a, moments.ln_a)
    profile = gflash.radial(medium, energy, tau)
    layer = np.repeat(np.arange(LAYERS), number)
    core = rng.uniform(size=len(layer)) < profile.p[layer]
    u = rng.uniform(size=len(layer))
    radius = np.where(core, profile.core[layer], profile.tail[layer]) * np.sqrt(u / (1 - u))
    ring = (radius * medium.moliere_radius / WIDTH).astype(int)
    angle = rng.integers(0, ANGLES, len(layer))
    inside = ring < RINGS
    place = ((layer * ANGLES + angle) * RINGS + ring)[inside]
    weight = (deposit / number)[layer[inside]]
    row = np.bincount(place, weight, LAYERS * ANGLES * RINGS)
    return np.where(row < CUT, 0, row).astype(np.float32), len(layer)


def main() -> None:
    work: dict[str, Any] = json.loads(sys.argv[1])
    rng = np.random.default_rng(0)
    number, total = work["number"], 0
    shower(1e4, work["c"], rng)
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(dir=work["folder"]) as folder,
        h5py.File(Path(folder) / "showers.h5", "w") as file,
    ):
        incident = energies(work["energy"]).draw(rng, number)
        file.create_dataset("incident_energies", data=incident[:, None])
        shape = (number, LAYERS * ANGLES * RINGS)
        rows = file.create_dataset("showers", shape, "f4", compression="gzip", compression_opts=1)
        for start in range(0, number, TOGETHER):
            made = [shower(energy, work["c"], rng) for energy in incident[start : start + TOGETHER]]
            rows[start : start + TOGETHER] = np.stack([row for row, _ in made])
            total += sum(spots for _, spots in made)
    seconds = time.perf_counter() - started
    versions = {name: version(name) for name in ("numpy", "scipy", "h5py")}
    print(json.dumps({"rate": number / seconds, "spots": total / seconds, "versions": versions}))


if __name__ == "__main__":
    main()
