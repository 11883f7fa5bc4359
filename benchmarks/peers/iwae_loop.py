"""Importance-weighted autoencoders learnt by a plain loop in PyTorch, as an expert writes it."""

import json
import math
import sys
import time

import numpy as np
import torch
from torch.nn import Linear, Sequential, Tanh
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

EVENT = 784


def nets(width: int, latent: int) -> tuple[Sequential, Sequential]:
    """The encoder to two numbers for each of a code's, and the decoder to an event's logits."""
    return (
        Sequential(
            Linear(EVENT, width), Tanh(), Linear(width, width), Tanh(), Linear(width, 2 * latent)
        ),
        Sequential(
            Linear(latent, width), Tanh(), Linear(width, width), Tanh(), Linear(width, EVENT)
        ),
    )


def learn(work: dict) -> dict[str, float]:
    """One fit: its rate from the end of the first epoch on, and the loss it ended with."""
    torch.manual_seed(0)
    events = torch.from_numpy(np.load(work["data"])).float()
    count, batch, samples = len(events), work["batch"], work["samples"]
    encode, decode = nets(work["width"], work["latent"])
    parameters = [*encode.parameters(), *decode.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    ends = []
    for _ in range(work["epochs"]):
        order, total = torch.randperm(count), torch.zeros(())
        for chosen in order.split(batch):
            x = events.index_select(0, chosen)
            mean, raw = encode(x).chunk(2, dim=1)
            scale = softplus(raw)
            noise = torch.randn(samples, *mean.shape)
            code = mean + scale * noise
            logits = decode(code)
            fit = -binary_cross_entropy_with_logits(
                logits, x.expand_as(logits), reduction="none"
            ).sum(2)
            # log p(z) - log q(z | x): the constants cancel.
            price = ((noise**2 - code**2) / 2).sum(2) + scale.log().sum(1)
            bound = torch.logsumexp(fit + price, 0) - math.log(samples)
            loss = -bound.mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(x)
        mean_loss = total.item() / count
        ends.append(time.perf_counter())
    return {"rate": count * (len(ends) - 1) / (ends[-1] - ends[0]), "loss": mean_loss}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    print(json.dumps({**learn(given), "versions": {"PyTorch": torch.__version__}}))
