"""How fast JAX multiplies matrices."""

import json
import platform
import sys
import time

import jax
import jax.numpy as jnp

work = json.loads(sys.argv[1])
n = work["size"]
a, b = jnp.ones((2, n, n), jnp.float32)
product = jax.jit(jnp.matmul)
for _ in range(2):
    product(a, b).block_until_ready()
started, count = time.perf_counter(), 0
while (seconds := time.perf_counter() - started) < work["seconds"]:
    product(a, b).block_until_ready()
    count += 1
versions = {"Python": platform.python_version(), "JAX": jax.__version__}
print(json.dumps({"rate": count * 2 * n**3 / seconds, "versions": versions}))
