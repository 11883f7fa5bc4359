"""The same machine learnt by scikit-learn's BernoulliRBM, in single precision."""

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import jax.numpy as jnp
import numpy as np
from sklearn.neural_network import BernoulliRBM

from ansatz.models.boltzmann import RestrictedMachine
from ansatz.models.boltzmann.pseudo import pseudo_log_likelihood


def learn(work: dict[str, Any]) -> dict[str, float]:
    """One fit: its rate from the end of the first epoch on, and the pseudo-likelihood after it."""
    events = np.load(work["data"]).astype(np.float32)
    machine = BernoulliRBM(
        n_components=work["hidden"],
        learning_rate=0.05,
        batch_size=work["batch"],
        n_iter=1,
        random_state=0,
    )
    machine.fit(events)
    # An epoch alone takes the time of one after the first: nothing is compiled.
    epochs = work["epochs"] - 1
    machine.set_params(n_iter=work["epochs"])
    started = time.perf_counter()
    machine.fit(events)
    seconds = (time.perf_counter() - started) * epochs / work["epochs"]
    learnt = RestrictedMachine.of(
        machine.intercept_visible_, machine.intercept_hidden_, machine.components_.T
    )
    pseudo = pseudo_log_likelihood(learnt, jnp.asarray(events[:1000]))
    return {"rate": len(events) * epochs / seconds, "pseudo": float(pseudo.mean())}


def main() -> None:
    found = learn(json.loads(sys.argv[1]))
    versions = {name: version(name) for name in ("scikit-learn", "numpy")}
    print(json.dumps({**found, "versions": versions}))


if __name__ == "__main__":
    main()
