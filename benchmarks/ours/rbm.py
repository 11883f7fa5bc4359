"""Restricted Boltzmann machines learnt by this package, as a user has them learnt."""

import json
import sys
from importlib.metadata import version
from typing import Any

import jax.numpy as jnp
import numpy as np
from clock import Clock

from ansatz.data.options import DataOptions
from ansatz.models.boltzmann import RBMRecipe
from ansatz.models.boltzmann.pseudo import pseudo_log_likelihood
from ansatz.runs.fit import fit
from ansatz.runs.run import Run


def learn(work: dict[str, Any]) -> dict[str, float]:
    """One fit: its rate from the end of the first epoch on, and the pseudo-likelihood after it."""
    recipe = RBMRecipe(
        hidden=work["hidden"],
        method=work["method"],
        chains=work["batch"],
        batch=work["batch"],
        epochs=work["epochs"],
        rate=0.05,
        momentum=0.0,
        validation=0.0,
        test=0.0,
    )
    clock = Clock()
    run = fit(recipe, work["data"], DataOptions(), watcher=clock)
    if not isinstance(run, Run):
        raise ValueError("One model was to be learnt, not several.")
    events = jnp.asarray(np.load(work["data"])[:1000], "float32")
    return {
        "rate": clock.per_second(run.record.spec.events),
        "pseudo": float(pseudo_log_likelihood(run.model, events).mean()),
    }


def main() -> None:
    found = learn(json.loads(sys.argv[1]))
    versions = {name: version(name) for name in ("jaxlib", "equinox", "optax", "numpy")}
    print(json.dumps({**found, "versions": versions}))


if __name__ == "__main__":
    main()
