"""How many spins a second thrml's block Gibbs sampling changes."""

import json
import sys
import time
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
from thrml import Block, SamplingSchedule, SpinNode, sample_states
from thrml.models import IsingEBM, IsingSamplingProgram

work = json.loads(sys.argv[1])
result: dict = {}


def run(
    sweeps: int, program: IsingSamplingProgram, keys: jax.Array, state: list, last: list
) -> float:
    """Seconds for so many sweeps and one more, compiled before."""
    schedule = SamplingSchedule(sweeps, 1, 1)

    def chain(key: jax.Array, begin: list) -> list:
        return sample_states(key, program, schedule, begin, [], last)

    made = jax.jit(jax.vmap(chain)).lower(keys, state).compile()
    began = time.perf_counter()
    jax.block_until_ready(made(keys, state))
    return time.perf_counter() - began


for case in work["cases"]:
    given = np.load(case["machine"])
    nodes = [SpinNode() for _ in given["bias"]]
    edges = [(nodes[i], nodes[j]) for i, j in given["edges"].tolist()]
    bias, weight = (jnp.asarray(given[k], jnp.float32) for k in ("bias", "weight"))
    model = IsingEBM(nodes, edges, bias, weight, jnp.array(1.0))
    colours = given["colours"]
    places = [np.flatnonzero(colours == c) for c in range(colours.max() + 1)]
    blocks = [Block([nodes[i] for i in place]) for place in places]
    program = IsingSamplingProgram(model, blocks, [])
    keys = jax.random.split(jax.random.key(0), case["chains"])
    state = [jax.random.bernoulli(keys[0], 0.5, (case["chains"], len(p))) for p in places]
    last = [Block([nodes[places[0][0]]])]
    # Ten million a second, to choose how much is enough and compile it only once.
    sweeps = max(2, int(work["seconds"] * 1e7 / (len(nodes) * case["chains"])))
    seconds = run(sweeps, program, keys, state, last)
    result[case["name"]] = (sweeps + 1) * len(nodes) * case["chains"] / seconds
print(json.dumps(result | {"versions": {"thrml": version("thrml")}}))
