"""Adversarial nets learnt by this package, as a user has them learnt."""

import json
import sys
from importlib.metadata import version
from typing import Any

from clock import Clock

from ansatz.data.options import DataOptions
from ansatz.models.gan import GANRecipe
from ansatz.runs.fit import fit
from ansatz.runs.run import Run


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
    clock = Clock()
    run = fit(recipe, work["data"], DataOptions(), watcher=clock)
    if not isinstance(run, Run):
        raise ValueError("One model was to be learnt, not several.")
    return {
        "rate": clock.per_second(run.record.spec.steps_per_epoch),
        "gap": run.history[-1]["gap"],
    }


def main() -> None:
    found = learn(json.loads(sys.argv[1]))
    versions = {name: version(name) for name in ("jaxlib", "equinox", "optax", "numpy")}
    print(json.dumps({**found, "versions": versions}))


if __name__ == "__main__":
    main()
