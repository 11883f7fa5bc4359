"""Showers simulated by this package, as a user has them simulated."""

import json
import resource
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ansatz.calo.energies import Energies, energies
from ansatz.calo.geometry import geometry
from ansatz.calo.gflash import spots
from ansatz.calo.simulate import attributes, simulate, simulator_of
from ansatz.calo.simulator import Simulator
from ansatz.calo.writing import ShowerWriter

WARM = 256
"""Showers made before the clock starts."""


def make(simulator: Simulator, chosen: Energies, number: int, out: Path | None) -> float:
    """How many spots the showers have; they are written to a file if one is named."""
    total = 0.0
    blocks = simulate(simulator, chosen, number)
    if out is None:
        for drawn, _ in blocks:
            total += float(spots(drawn / 1000, simulator.calibration.c).sum())
        return total
    said = attributes(simulator, chosen, number, 0)
    with ShowerWriter(out, simulator.geometry, said, force=True) as writer:
        for drawn, showers in blocks:
            writer.append(drawn, showers)
            total += float(spots(drawn / 1000, simulator.calibration.c).sum())
    return total


def main() -> None:
    work: dict[str, Any] = json.loads(sys.argv[1])
    simulator = simulator_of(geometry(work["geometry"]), c=work.get("c"))
    chosen = energies(work["energy"])
    with tempfile.TemporaryDirectory(dir=work["folder"]) as folder:
        out = Path(folder) / "showers.h5" if work["write"] else None
        make(simulator, chosen, WARM, out)
        started = time.perf_counter()
        total = make(simulator, chosen, work["number"], out)
        seconds = time.perf_counter() - started
        size = out.stat().st_size if out else 0
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    result = {
        "rate": work["number"] / seconds,
        "spots": total / seconds,
        "bytes": size / work["number"],
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "versions": {name: version(name) for name in ("numpy", "scipy", "h5py")},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
