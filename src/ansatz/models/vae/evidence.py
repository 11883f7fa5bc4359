"""log p(x) from importance weights: a lower bound, an estimate beyond it, and how good they are."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.protocol.capabilities import Evidence

DRAWS_AT_ONCE = 50


def evidence(
    log_weight: Callable[[PRNGKeyArray], Float[Array, ""]], key: PRNGKeyArray, samples: int
) -> Evidence:
    """The evidence of `samples` independent log-weights log p(x, z_k) - log q(z_k | x).

    They are drawn and summed a few at a time.
    Only the sums of as many lanes as are drawn at once are kept, so memory does not grow with
    the number of draws. The correction is a jackknife that leaves out one lane after the other:
    G L - sum_g (1 - n_g/K) L_(-g) for G lanes of n_g draws (Busing et al., 1999; for this bound
    Nowozin, 2018). It is no bound: where it lies far from the bound, K is too small for both.
    """
    lanes = min(samples, DRAWS_AT_ONCE)
    rounds = -(-samples // lanes)

    def one(draw: Array) -> Array:
        return jnp.where(draw < samples, log_weight(jax.random.fold_in(key, draw)), -jnp.inf)

    def add(sums: tuple[Array, Array], first: Array) -> tuple[tuple[Array, Array], None]:
        s = jax.vmap(one)(first + jnp.arange(lanes))
        total, squares = sums
        return (jnp.logaddexp(total, s), jnp.logaddexp(squares, 2 * s)), None

    like = jax.eval_shape(log_weight, key)
    start = jnp.full(lanes, -jnp.inf, like.dtype)
    (total, squares), _ = jax.lax.scan(add, (start, start), lanes * jnp.arange(rounds))
    whole = jax.nn.logsumexp(total)
    count = jnp.asarray(samples, like.dtype)
    bound = whole - jnp.log(count)
    effective = jnp.exp(2 * whole - jax.nn.logsumexp(squares))
    if samples == 1:
        return Evidence(bound, bound, effective)
    sizes = jnp.asarray(np.bincount(np.arange(samples) % lanes), like.dtype)
    others = jnp.where(jnp.eye(lanes, dtype=bool), -jnp.inf, total[None, :])
    without = jax.nn.logsumexp(others, axis=1) - jnp.log(count - sizes)
    corrected = lanes * bound - jnp.sum((1 - sizes / count) * without)
    return Evidence(bound, jnp.where(jnp.isfinite(bound), corrected, bound), effective)
