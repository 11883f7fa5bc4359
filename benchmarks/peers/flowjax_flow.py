"""Coupling flows learnt by flowjax's own training loop, and used as its distributions are."""

import json
import sys
import time
from importlib.metadata import version

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flowjax.distributions import Normal
from flowjax.flows import coupling_flow
from flowjax.train import fit_to_data
from flowjax.train.losses import MaximumLikelihoodLoss
from plain_rate import rate


def learn(work: dict) -> dict[str, float]:
    """One fit, timed once all is compiled, and what the flow does in use."""
    events = np.load(work["data"])
    key = jax.random.key(0)
    flow = coupling_flow(
        key,
        base_dist=Normal(jnp.zeros(events.shape[1])),
        flow_layers=work["layers"],
        nn_width=work["width"],
        nn_depth=work["depth"],
    )
    # The same objects in both fits, for which the step is compiled once.
    common = {
        "optimizer": optax.adam(1e-3),
        "loss_fn": MaximumLikelihoodLoss(),
        "batch_size": work["batch"],
        "val_prop": work["batch"] / len(events),
        "show_progress": False,
    }
    fit_to_data(key, flow, events, max_epochs=1, **common)
    epochs = work["epochs"] - 1
    began = time.perf_counter()
    flow, losses = fit_to_data(key, flow, events, max_epochs=epochs, max_patience=epochs, **common)
    seconds = time.perf_counter() - began
    n = work["used"]
    some, key = jnp.asarray(events[:n]), jax.random.key(1)
    score = eqx.filter_jit(lambda f, x: f.log_prob(x))
    draw = eqx.filter_jit(lambda f, k: f.sample(k, (n,)))
    return {
        "rate": len(events) * epochs / seconds,
        "loss": float(losses["train"][-1]),
        "score": rate(lambda: score(flow, some).block_until_ready(), n, work["seconds"]),
        "draw": rate(lambda: draw(flow, key).block_until_ready(), n, work["seconds"]),
    }


if __name__ == "__main__":
    found = learn(json.loads(sys.argv[1]))
    print(json.dumps({**found, "versions": {"flowjax": version("flowjax")}}))
