"""Flows learnt and used by this package, as a user has them learnt."""

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from vae import Clock

from ansatz.data.options import DataOptions
from ansatz.models.flow import FlowRecipe
from ansatz.runs.fit import fit
from ansatz.runs.run import Run


def rate(function: Any, n: int, seconds: float) -> float:
    """Events per second of a call that makes n of them, called again and again."""
    function()
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        function()
        calls += 1
    return n * calls / (time.perf_counter() - began)


def learn(work: dict[str, Any]) -> dict[str, float]:
    """One fit, timed from the end of the first epoch on, and what the model does in use."""
    recipe = FlowRecipe(**work["settings"], epochs=work["epochs"], validation=0.0, test=0.0)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        run = fit(recipe, work["data"], DataOptions(), out=Path(folder) / "run", watcher=clock)
        if not isinstance(run, Run):
            raise ValueError("One model was to be learnt, not several.")
    ends = clock.ends
    found = {
        "rate": run.record.spec.events * (len(ends) - 1) / (ends[-1] - ends[0]),
        "loss": run.history[-1]["loss"],
        "parameters": sum(
            leaf.size for leaf in jax.tree.leaves(eqx.filter(run.model, eqx.is_inexact_array))
        ),
    }
    if work["used"]:
        n, model = work["used"], run.model
        events = jnp.asarray(np.load(work["data"])[:n])
        keys = jax.random.split(jax.random.key(0), n)
        score = eqx.filter_jit(lambda m, x: jax.vmap(m.log_prob)(x))
        draw = eqx.filter_jit(lambda m, k: jax.vmap(m.sample)(k))
        for name, call in (
            ("score", lambda: score(model, events).block_until_ready()),
            ("draw", lambda: draw(model, keys).block_until_ready()),
        ):
            found[name] = rate(call, n, work["seconds"])
    return found


def main() -> None:
    found = learn(json.loads(sys.argv[1]))
    versions = {name: version(name) for name in ("jaxlib", "equinox", "optax", "numpy")}
    print(json.dumps({**found, "versions": versions}))


if __name__ == "__main__":
    main()
