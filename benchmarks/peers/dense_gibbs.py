"""How many spins a second PyTorch changes by products with a dense matrix, colour by colour."""

import json
import sys
import time

import numpy as np
import torch

work = json.loads(sys.argv[1])
torch.set_num_threads(work["threads"])
result: dict = {}


def run(sweeps: int, parts: list, state: torch.Tensor) -> float:
    """Seconds for so many sweeps."""
    began = time.perf_counter()
    for _ in range(sweeps):
        for block, columns, own in parts:
            odds = 2 * (state @ columns + own)
            up = torch.rand(state.shape[0], len(block)) < torch.sigmoid(odds)
            state[:, block] = 2.0 * up - 1
    return time.perf_counter() - began


for case in work["cases"]:
    given = np.load(case["machine"])
    nodes, chains = len(given["bias"]), case["chains"]
    dense = torch.zeros((nodes, nodes))
    i, j = torch.from_numpy(given["edges"].astype(np.int64)).T
    weight = torch.from_numpy(given["weight"].astype(np.float32))
    dense[i, j] = dense[j, i] = weight
    bias = torch.from_numpy(given["bias"].astype(np.float32))
    colours = given["colours"]
    blocks = [torch.from_numpy(np.flatnonzero(colours == c)) for c in range(colours.max() + 1)]
    parts = [(block, dense[:, block].contiguous(), bias[block]) for block in blocks]
    state = 2.0 * torch.randint(0, 2, (chains, nodes)) - 1

    run(1, parts, state)
    sweeps = max(1, int(work["seconds"] / run(1, parts, state)))
    result[case["name"]] = sweeps * nodes * chains / run(sweeps, parts, state)
print(json.dumps(result | {"versions": {"PyTorch": torch.__version__}}))
