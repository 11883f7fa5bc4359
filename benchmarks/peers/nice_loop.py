"""NICE learnt by a plain loop in PyTorch, as an expert writes it."""

import json
import sys
import time
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus


class NICE(nn.Module):
    """Additive couplings, by turns of even and odd pixels, a scaling, logistic noise."""

    def __init__(self, size: int, layers: int, width: int, depth: int) -> None:
        super().__init__()
        half = size // 2
        widths = [half, *[width] * depth, half]
        self.nets = nn.ModuleList()
        for _ in range(layers):
            parts: list[nn.Module] = []
            for a, b in pairwise(widths):
                parts += [nn.Linear(a, b), nn.ReLU()]
            self.nets.append(nn.Sequential(*parts[:-1]))
        self.log_scale = nn.Parameter(torch.zeros(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x)."""
        even, odd = x[:, ::2], x[:, 1::2]
        for net in self.nets:
            even, odd = odd + net(even), even
        z = torch.cat([even, odd], 1) * self.log_scale.exp()
        return -(softplus(z) + softplus(-z)).sum(1) + self.log_scale.sum()


def learn(work: dict) -> dict[str, float]:
    """One fit: its rate from the end of the first epoch on, and the loss it ended with."""
    torch.manual_seed(0)
    events = torch.from_numpy(np.load(work["data"])).float()
    model = NICE(events.shape[1], work["layers"], work["width"], work["depth"])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    ends = []
    for _ in range(work["epochs"]):
        total = torch.zeros(())
        for chosen in torch.randperm(len(events)).split(work["batch"]):
            grey = events.index_select(0, chosen)
            loss = -model((grey + torch.rand_like(grey)) / 256).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(chosen)
        mean_loss = total.item() / len(events)
        ends.append(time.perf_counter())
    return {"rate": len(events) * (len(ends) - 1) / (ends[-1] - ends[0]), "loss": mean_loss}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    print(json.dumps({**learn(given), "versions": {"PyTorch": torch.__version__}}))
