"""How many spins a second D-Wave's simulated annealer changes at a fixed temperature."""

import json
import sys
import time
from multiprocessing import get_context

import dimod
import dwave.samplers
import numpy as np


def model(path: str) -> dimod.BinaryQuadraticModel:
    """The machine of a file; its energy has the other sign there."""
    given = np.load(path)
    linear = dict(enumerate((-given["bias"]).tolist()))
    pairs = zip(given["edges"].tolist(), (-given["weight"]).tolist(), strict=True)
    return dimod.BinaryQuadraticModel.from_ising(linear, {tuple(e): w for e, w in pairs})


def run(path: str, chains: int, sweeps: int, seed: int) -> float:
    """Seconds that the sampler alone takes."""
    bqm = model(path)
    began = time.perf_counter()
    dwave.samplers.SimulatedAnnealingSampler().sample(
        bqm,
        num_reads=chains,
        num_sweeps=sweeps,
        beta_range=[1, 1],
        proposal_acceptance_criteria="Gibbs",
        seed=seed,
    )
    return time.perf_counter() - began


def main() -> None:
    """As many processes as the work says, each with its share of the chains."""
    work = json.loads(sys.argv[1])
    result: dict = {}
    with get_context("spawn").Pool(work["processes"]) as pool:
        for case in work["cases"]:
            share = case["chains"] // work["processes"]
            nodes = len(np.load(case["machine"])["bias"])
            # Thirty million a second, to choose how much is enough.
            sweeps = max(2, int(work["seconds"] * 3e7 / (nodes * share)))
            calls = [(case["machine"], share, sweeps, seed) for seed in range(work["processes"])]
            seconds = max(pool.starmap(run, calls, chunksize=1))
            result[case["name"]] = sweeps * nodes * share * work["processes"] / seconds
    versions = {"dwave-samplers": dwave.samplers.__version__}
    print(json.dumps(result | {"versions": versions}))


if __name__ == "__main__":
    main()
