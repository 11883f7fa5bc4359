"""Flows learnt and used by this package, as a user has them learnt."""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from clock import learnt, say

from ansatz.models.flow import FlowRecipe


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
    with tempfile.TemporaryDirectory() as folder:
        run, clock = learnt(recipe, work["data"], out=Path(folder) / "run")
    found = {
        "rate": clock.per_second(run.record.spec.events),
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
    say(learn(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
