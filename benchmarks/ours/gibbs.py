"""How many units a second Gibbs sampling changes, and how far apart its draws are independent."""

import json
import platform
import sys
import time

import equinox
import jax
import jax.numpy as jnp
import numpy as np

from ansatz.models.boltzmann import BoltzmannMachine, Graph
from ansatz.models.boltzmann.sampling import draw, sample, start

work = json.loads(sys.argv[1])
result: dict = {}
for case in work["cases"]:
    given = np.load(case["machine"])
    graph = Graph.of(given["edges"], len(given["bias"]), given["colours"])
    machine = BoltzmannMachine.of(graph, given["bias"], given["weight"], units="spin")
    state = start(jax.random.key(0), machine, case["chains"])

    def run(sweeps: int, machine: BoltzmannMachine = machine, state: jax.Array = state) -> float:
        began = time.perf_counter()
        sample(jax.random.key(1), machine, state, sweeps).block_until_ready()
        return time.perf_counter() - began

    run(2)
    sweeps = max(2, int(2 * work["seconds"] / run(2)))
    result[case["name"]] = sweeps * graph.nodes * case["chains"] / run(sweeps)
    if work["times"]:
        few = jnp.asarray(state[:, :64])
        record = draw(jax.random.key(2), machine, few, 400, burn=200)
        result["time " + case["name"]] = record.mixing.autocorrelation_time
versions = {
    "Python": platform.python_version(),
    "JAX": jax.__version__,
    "equinox": equinox.__version__,
}
print(json.dumps(result | {"versions": versions}))
