"""Features of showers as a plain script computes them: the formulas, layer by layer."""

import json
import sys
import time
from importlib.metadata import version

import numpy as np

from ansatz.calo.geometry import Geometry, geometry


def features(shape: Geometry, energies: np.ndarray, showers: np.ndarray) -> np.ndarray:
    """The vector of every shower."""
    kept = np.where(showers < shape.cut, 0, showers).astype(np.float64)
    centres = shape.centres()
    sums, empty = [], []
    lengths: dict[str, list[np.ndarray]] = {}
    for part, angles in zip(shape.layers, shape.n_alpha, strict=True):
        x = kept[:, part]
        total = x.sum(axis=1)
        sums.append(total)
        empty.append(1 - (x > 0).mean(axis=1))
        for name in ("eta", "phi", "r"):
            if angles == 1 and name != "r":
                continue
            c = getattr(centres, name)[part]
            centre = (c * x).sum(axis=1) / (total + 1e-16)
            square = (c * c * x).sum(axis=1) / (total + 1e-16)
            lengths.setdefault(f"EC {name}", []).append(centre / 100)
            width = np.sqrt(np.clip(square - centre**2, 0, None))
            lengths.setdefault(f"W {name}", []).append(width / 100)
    columns = [np.log10(energies), *(np.log10(total + 1e-8) for total in sums)]
    for name in ("EC eta", "EC phi", "W eta", "W phi"):
        columns += lengths[name]
    columns += [np.log10(kept.sum(axis=1) + 1e-8), *empty, *lengths["EC r"], *lengths["W r"]]
    return np.stack(columns, axis=1)


def main() -> None:
    work = json.loads(sys.argv[1])
    shape = geometry(work["geometry"])
    rng = np.random.default_rng(0)
    energies = rng.uniform(1e3, 1e6, work["showers"])
    showers = rng.exponential(10, (work["showers"], shape.voxels)).astype(np.float32)
    showers *= rng.random(showers.shape, np.float32) < 0.25
    features(shape, energies[:64], showers[:64])
    started = time.perf_counter()
    # A thousand at a time, as files are read.
    for start in range(0, len(showers), 1000):
        features(shape, energies[start : start + 1000], showers[start : start + 1000])
    seconds = time.perf_counter() - started
    versions = {"numpy": version("numpy")}
    print(json.dumps({"rate": work["showers"] / seconds, "versions": versions}))


if __name__ == "__main__":
    main()
