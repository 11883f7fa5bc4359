"""Coupling flows of zuko in a plain loop, as its documentation has them learnt."""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import torch
import zuko
from plain_rate import rate


def learn(work: dict) -> dict[str, float]:
    """One fit from the end of the first epoch on, and what the flow does in use."""
    torch.manual_seed(0)
    events = torch.from_numpy(np.load(work["data"]))
    flow = zuko.flows.NICE(
        events.shape[1],
        transforms=work["layers"],
        hidden_features=[work["width"]] * work["depth"],
    )
    optimiser = torch.optim.Adam(flow.parameters(), lr=1e-3, fused=True)
    ends = []
    for _ in range(work["epochs"]):
        total = torch.zeros(())
        for chosen in torch.randperm(len(events)).split(work["batch"]):
            loss = -flow().log_prob(events.index_select(0, chosen)).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(chosen)
        mean_loss = total.item() / len(events)
        ends.append(time.perf_counter())
    n = work["used"]
    with torch.no_grad():
        return {
            "rate": len(events) * (len(ends) - 1) / (ends[-1] - ends[0]),
            "loss": mean_loss,
            "score": rate(lambda: flow().log_prob(events[:n]), n, work["seconds"]),
            "draw": rate(lambda: flow().sample((n,)), n, work["seconds"]),
        }


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    print(json.dumps({**learn(given), "versions": {"zuko": version("zuko")}}))
