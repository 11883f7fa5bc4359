"""The two half-steps of expectation maximisation, and the bound that neither of them lowers.

For any responsibilities q_n(z) and whatever distribution of missing numbers goes with them,

    log p(x) = F(q, theta) + KL(q || p(z | x)),   F = E_q[log p(x, z)] + H(q) <= log p(x).

The expectation makes q the posterior, so that F touches log p(x); the maximisation makes F as
large as it can be with that q (Neal and Hinton, 1998).
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float

from ansatz.models.mixture.components import AbstractComponents, Moments
from ansatz.protocol.capabilities import Event
from ansatz.protocol.source import Masked

AT_ONCE = 1 << 21
"""Numbers that the events of a tile may take while what they miss is integrated out."""


def flat(event: Event) -> tuple[Float[Array, "n d"], Bool[Array, "n d"] | None]:
    """Events as rows of numbers, and which of these were observed if not all."""
    if isinstance(event, Masked):
        n = len(event.value)
        return event.value.reshape(n, -1), event.observed.reshape(n, -1)
    return event.reshape(len(event), -1), None


def expectation(
    log_weights: Float[Array, " K"],
    components: AbstractComponents,
    event: Event,
    weight: Float[Array, " n"],
) -> tuple[Moments, Float[Array, " n"]]:
    """r_nk = w_k p_k(x_n) / sum_l w_l p_l(x_n): their moments, and log sum_k w_k p_k(x_n).

    The weights need not sum to one. Events count as often as `weight` says. Numbers that are
    missing are integrated out, exactly.
    """
    x, observed = flat(event)
    if observed is None:
        joint = log_weights[None] + jax.vmap(components.log_prob)(x)
        log_evidence = logsumexp(joint, 1)
        responsibility = weight[:, None] * jnp.exp(joint - log_evidence[:, None])
        return components.moments(x, responsibility), log_evidence
    # What is missing has a covariance for each event and component: a few events at a time.
    n, start = len(x), nothing(components)
    tile = max(1, min(n, AT_ONCE // max(start.first.size, start.second.size)))
    tiles = -(-n // tile)
    padding = tiles * tile - n

    def cut(rows: Array) -> Array:
        padded = jnp.concatenate([rows, jnp.zeros((padding, *rows.shape[1:]), rows.dtype)])
        return padded.reshape(tiles, tile, *rows.shape[1:])

    def add(total: Moments, some: tuple[Array, Array, Array]) -> tuple[Moments, Array]:
        x, observed, weight = some
        completed = jax.vmap(components.completed)(x, observed)
        joint = log_weights[None] + completed.log_prob
        log_evidence = logsumexp(joint, 1)
        responsibility = weight[:, None] * jnp.exp(joint - log_evidence[:, None])
        moments = components.completed_moments(completed, responsibility)
        return jax.tree.map(jnp.add, total, moments), log_evidence

    rows = (cut(x), cut(observed), cut(weight))
    total, log_evidence = jax.lax.scan(add, start, rows)
    return total, log_evidence.reshape(-1)[:n]


def maximisation(
    components: AbstractComponents, moments: Moments, floor: float
) -> tuple[Float[Array, " K"], AbstractComponents]:
    """The weights w_k = N_k / N and the components that make F largest, given moments about
    the means of the old components."""
    return moments.count / jnp.sum(moments.count), components.most_likely(moments, floor)


def expected_log_joint(
    log_weights: Float[Array, " K"],
    components: AbstractComponents,
    moments: Moments,
    about: Float[Array, "K d"],
) -> Float[Array, ""]:
    """sum_n E_q[log w_z p_z(x_n)]: all of F that changes with the parameters while q stays.

    The moments are about other means, those of the components that gave q.
    """
    # A component without weight and without events counts nothing.
    chosen = jnp.where(moments.count > 0, log_weights, 0)
    return jnp.sum(moments.count * chosen) + components.expected_log_prob(moments, about)


def nothing(components: AbstractComponents) -> Moments:
    """The moments of no events."""
    mean = components.mean
    shapes = jax.eval_shape(
        components.moments, jnp.zeros((1, mean.shape[1]), mean.dtype), mean[None, :, 0]
    )
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
