"""Adversarial nets learnt by this package, as a user has them learnt."""

import json
import sys
from typing import Any

from clock import learnt, say

from ansatz.models.gan import GANRecipe


def learn(work: dict[str, Any]) -> dict[str, float]:
    """One fit: steps of the discriminator per second, and the mean score's gap at the end."""
    recipe = GANRecipe(
        loss=work["loss"],
        constraint=work["constraint"],
        penalty=work["penalty"],
        discriminator_steps=work["discriminator_steps"],
        preprocess=("none",),
        hidden=(work["width"],) * work["depth"],
        latent=work["latent"],
        activation="relu",
        output="real",
        average=0.0,
        schedule="constant",
        batch=work["batch"],
        epochs=work["epochs"],
        validation=0.0,
        test=0.0,
    )
    run, clock = learnt(recipe, work["data"])
    return {
        "rate": clock.per_second(run.record.spec.steps_per_epoch),
        "gap": run.history[-1]["gap"],
    }


def main() -> None:
    say(learn(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
