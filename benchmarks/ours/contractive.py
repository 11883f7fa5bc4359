"""Contractive autoencoders learnt by this package, as a user has them learnt."""

import json
import sys
from importlib.metadata import version
from typing import Any

from clock import Clock

from ansatz.data.options import DataOptions
from ansatz.models.reduce import AutoencoderRecipe
from ansatz.runs.fit import fit
from ansatz.runs.run import Run


def learn(work: dict[str, Any]) -> dict[str, float]:
    """One fit: its steps per second from the end of the first epoch on, and what it ended with."""
    recipe = AutoencoderRecipe(
        activation="tanh",
        hidden=tuple(work["hidden"]),
        latent=work["latent"],
        code=work["code"],
        contract=work["contract"],
        contract_decoder=work["contract_decoder"],
        error="squared",
        preprocess=("none",),
        batch=work["batch"],
        epochs=work["epochs"],
        validation=0.0,
        test=0.0,
    )
    clock = Clock()
    run = fit(recipe, work["data"], DataOptions(), watcher=clock)
    if not isinstance(run, Run):
        raise ValueError("One model was to be learnt, not several.")
    ends, steps = clock.ends, run.record.spec.steps_per_epoch
    last = run.history[-1]
    return {
        "rate": steps * (len(ends) - 1) / (ends[-1] - ends[0]),
        "reconstruction": last["reconstruction"],
        "jacobian": last["jacobian"],
    }


found = learn(json.loads(sys.argv[1]))
versions = {name: version(name) for name in ("jaxlib", "equinox", "optax", "numpy")}
print(json.dumps({**found, "versions": versions}))
