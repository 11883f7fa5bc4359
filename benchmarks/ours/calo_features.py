"""Features of showers by this package."""

import json
import sys
import time
from importlib.metadata import version

import numpy as np

from ansatz.calo.features import FeatureMaker
from ansatz.calo.geometry import geometry


def main() -> None:
    work = json.loads(sys.argv[1])
    shape = geometry(work["geometry"])
    rng = np.random.default_rng(0)
    energies = rng.uniform(1e3, 1e6, work["showers"])
    showers = rng.exponential(10, (work["showers"], shape.voxels)).astype(np.float32)
    showers *= rng.random(showers.shape, np.float32) < 0.25
    make = FeatureMaker(shape)
    make(energies[:64], showers[:64]).vector()
    started = time.perf_counter()
    make(energies, showers).vector()
    seconds = time.perf_counter() - started
    versions = {"numpy": version("numpy")}
    print(json.dumps({"rate": work["showers"] / seconds, "versions": versions}))


if __name__ == "__main__":
    main()
