"""Restricted Boltzmann machines learnt by this package, as a user has them learnt."""

import json
import sys
from typing import Any

import jax.numpy as jnp
import numpy as np
from clock import learnt, say

from ansatz.models.boltzmann import RBMRecipe
from ansatz.models.boltzmann.pseudo import pseudo_log_likelihood


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
    run, clock = learnt(recipe, work["data"])
    events = jnp.asarray(np.load(work["data"])[:1000], "float32")
    return {
        "rate": clock.per_second(run.record.spec.events),
        "pseudo": float(pseudo_log_likelihood(run.model, events).mean()),
    }


def main() -> None:
    say(learn(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
