"""Adversarial nets learnt by a plain loop in PyTorch, as an expert writes it.

The players take turns; the generator's draws for the discriminator's turn keep no graph, and in
its own turn the discriminator's parameters need no gradient. The events are one tensor in memory,
and both optimisers are the fused ones.
"""

import json
import sys
import time
from itertools import pairwise

import numpy as np
import torch
from torch.nn import Linear, ReLU, Sequential
from torch.nn.functional import softplus


def net(*widths: int) -> Sequential:
    """A perceptron with ReLU between its layers."""
    layers = [part for two in pairwise(widths) for part in (Linear(*two), ReLU())]
    return Sequential(*layers[:-1])


def penalty(discriminator: Sequential, x: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """The mean of (|gradient of the score| - 1)^2 between events and samples."""
    share = torch.rand(len(x), 1)
    between = (share * x + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    return ((slope.square().sum(1) + 1e-12).sqrt() - 1).square().mean()


def learn(work: dict) -> dict[str, float]:
    """One fit: steps of the discriminator per second after the first epoch, and the last gap."""
    torch.manual_seed(0)
    events = torch.from_numpy(np.load(work["data"])).float()
    count, batch, latent = len(events), work["batch"], work["latent"]
    hidden = [work["width"]] * work["depth"]
    generator = net(latent, *hidden, events.shape[1])
    discriminator = net(events.shape[1], *hidden, 1)
    settings = {"lr": 1e-3, "betas": (0.0, 0.99), "fused": True}
    moves = torch.optim.Adam(generator.parameters(), **settings)
    tells = torch.optim.Adam(discriminator.parameters(), **settings)
    wasserstein = work["loss"] == "wasserstein"
    ends, step, gap = [], 0, torch.zeros(())
    for _ in range(work["epochs"]):
        for chosen in torch.randperm(count).split(batch):
            x = events.index_select(0, chosen)
            with torch.no_grad():
                fake = generator(torch.randn(len(x), latent))
            real_score, fake_score = discriminator(x), discriminator(fake)
            gap = (real_score.mean() - fake_score.mean()).detach()
            if wasserstein:
                loss = fake_score.mean() - real_score.mean()
                loss = loss + work["penalty"] * penalty(discriminator, x, fake)
            else:
                loss = softplus(-real_score).mean() + softplus(fake_score).mean()
            tells.zero_grad(set_to_none=True)
            loss.backward()
            tells.step()
            step += 1
            if step % work["discriminator_steps"]:
                continue
            discriminator.requires_grad_(False)
            score = discriminator(generator(torch.randn(len(x), latent)))
            loss = -score.mean() if wasserstein else softplus(-score).mean()
            moves.zero_grad(set_to_none=True)
            loss.backward()
            moves.step()
            discriminator.requires_grad_(True)
        ends.append(time.perf_counter())
    return {"rate": step / len(ends) * (len(ends) - 1) / (ends[-1] - ends[0]), "gap": gap.item()}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    print(json.dumps({**learn(given), "versions": {"PyTorch": torch.__version__}}))
