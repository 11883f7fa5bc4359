"""Contractive autoencoders learnt by a plain loop in PyTorch, Jacobians by torch.func.

The encoder's, which has fewer rows, by reverse mode, the decoder's, which has fewer columns, by
forward mode, both over the batch by vmap. The events are one tensor in memory, and the optimiser
is the fused one.
"""

import json
import sys
import time
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.func import jacfwd, jacrev, vmap

BEHIND = {"linear": nn.Identity, "sigmoid": nn.Sigmoid}


def perceptron(widths: list[int], last: str) -> nn.Sequential:
    """Linear maps with tanh between them, begun as ours are."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        linear = nn.Linear(before, after)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1], BEHIND[last]())


def learn(work: dict) -> dict[str, float]:
    """One fit: its steps per second from the end of the first epoch on, and what it ended with."""
    torch.manual_seed(0)
    events = torch.from_numpy(np.load(work["data"])).float()
    events = events.reshape(len(events), -1)
    widths = [events.shape[1], *work["hidden"], work["latent"]]
    encode, decode = perceptron(widths, work["code"]), perceptron(widths[::-1], "linear")
    with torch.no_grad():
        decode[-2].bias.copy_(events.mean(0))
    down, up = vmap(jacrev(encode)), vmap(jacfwd(decode))
    optimiser = torch.optim.Adam([*encode.parameters(), *decode.parameters()], lr=1e-3, fused=True)
    ends, steps = [], 0
    for _ in range(work["epochs"]):
        order, steps = torch.randperm(len(events)), 0
        errors, norms = torch.zeros(()), torch.zeros(())
        for chosen in order.split(work["batch"]):
            x = events.index_select(0, chosen)
            code = encode(x)
            error = ((decode(code) - x) ** 2).sum() / len(x)
            norm = (down(x) ** 2).sum() / len(x)
            loss = error + work["contract"] * norm
            if work["contract_decoder"]:
                loss = loss + work["contract_decoder"] * (up(code) ** 2).sum() / len(x)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            errors, norms, steps = errors + error.detach(), norms + norm.detach(), steps + 1
        means = {"reconstruction": errors.item() / steps, "jacobian": norms.item() / steps}
        ends.append(time.perf_counter())
    return {"rate": steps * (len(ends) - 1) / (ends[-1] - ends[0]), **means}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    print(json.dumps({**learn(given), "versions": {"PyTorch": torch.__version__}}))
