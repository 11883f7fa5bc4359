"""Variational autoencoders learnt by this package, as a user has them learnt."""

import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
from clock import learnt, say

from ansatz.data.options import DataOptions
from ansatz.models.vae import VAERecipe


def learn(work: dict[str, Any], folder: Path) -> dict[str, float]:
    """One fit: its rate, the loss it ended with, and how many parameters it has.

    The rate is that of events per second from the end of the first epoch on.
    """
    recipe = VAERecipe(
        likelihood=("bernoulli",),
        activation=work.get("activation", "relu"),
        samples=work.get("samples", 1),
        hidden=(work["width"],) * 2,
        latent=work["latent"],
        batch=work["batch"],
        epochs=work["epochs"],
        validation=0.0,
        test=0.0,
    )
    options = DataOptions(buffer=work.get("buffer", DataOptions.buffer))
    out = folder / "run" if work.get("keeps") else None
    run, clock = learnt(recipe, work["data"], options, out=out)
    nets = (run.model.encoder, run.model.decoder)
    parameters = jax.tree.leaves(eqx.filter(nets, eqx.is_inexact_array))
    return {
        "rate": clock.per_second(run.record.spec.events),
        "loss": run.history[-1]["loss"],
        "parameters": sum(leaf.size for leaf in parameters),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        fit = learn(json.loads(sys.argv[1]), Path(folder))
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    say({**fit, "peak": peak})


if __name__ == "__main__":
    main()
