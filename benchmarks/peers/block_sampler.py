"""How many spins a second the BlockSampler of D-Wave's PyTorch plugin changes."""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import torch
from dwave.plugins.torch.models import GraphRestrictedBoltzmannMachine
from dwave.plugins.torch.samplers import BlockSampler

work = json.loads(sys.argv[1])
torch.set_num_threads(work["threads"])
result: dict = {}


def run(sweeps: int, machine: torch.nn.Module, colours: list[int], chains: int) -> float:
    """Seconds for so many sweeps."""
    sampler = BlockSampler(machine, colours.__getitem__, chains, [1.0] * sweeps)
    began = time.perf_counter()
    sampler.sample()
    return time.perf_counter() - began


for case in work["cases"]:
    given = np.load(case["machine"])
    edges = [tuple(edge) for edge in given["edges"].tolist()]
    linear = dict(enumerate((-given["bias"]).tolist()))
    quadratic = dict(zip(edges, (-given["weight"]).tolist(), strict=True))
    machine = GraphRestrictedBoltzmannMachine(
        list(linear), edges, linear=linear, quadratic=quadratic
    )
    colours = given["colours"].tolist()
    sweeps = max(1, int(work["seconds"] / run(1, machine, colours, case["chains"])))
    seconds = run(sweeps, machine, colours, case["chains"])
    result[case["name"]] = sweeps * len(linear) * case["chains"] / seconds
versions = {"dwave-pytorch-plugin": version("dwave-pytorch-plugin"), "PyTorch": torch.__version__}
print(json.dumps(result | {"versions": versions}))
