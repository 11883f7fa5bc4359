"""Contractive autoencoders learnt by this package, as a user has them learnt."""

import json
import sys
from typing import Any

from clock import learnt, say

from ansatz.models.reduce import AutoencoderRecipe


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
    run, clock = learnt(recipe, work["data"])
    last = run.history[-1]
    return {
        "rate": clock.per_second(run.record.spec.steps_per_epoch),
        "reconstruction": last["reconstruction"],
        "jacobian": last["jacobian"],
    }


say(learn(json.loads(sys.argv[1])))
