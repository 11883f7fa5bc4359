"""Sums over all states, but for a first block of independent units that is summed in closed form.

log sum_s exp(-beta E(s)) = log sum_a exp(-beta E(a) + sum_i log sum_(s_i) exp(beta f_i(a) s_i))
with a the states of all free units outside the first block and f_i(a) the pull on its unit i.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ansatz.models.boltzmann.kernel import AbstractKernel, Beta, Laid
from ansatz.protocol.capabilities import Scalar
from ansatz.protocol.errors import OptionError

MOST = 22
"""Units whose states are enumerated: four million states."""

CHUNK = 12
"""Units whose states are held at once."""


def check_enumerable(count: int) -> None:
    """Refuse to enumerate more than can be."""
    if count > MOST:
        raise OptionError(
            f"Even with one block of independent units summed out, {count} units are left to "
            f"enumerate, and {MOST} are the most: estimate log Z by annealed importance sampling "
            "(`sandwich`), or use a graph of small treewidth."
        )


def log_weights(
    kernel: AbstractKernel, held: Laid, index: Int[Array, " number"], beta: Beta
) -> Float[Array, " number"]:
    """log of what the states numbered `index` of the enumerated units weigh in the sum."""
    return kernel.log_sum(kernel.parts(kernel.numbered(held, index)), beta)


def log_sum_free(kernel: AbstractKernel, held: Laid, beta: Beta = 1.0) -> Scalar:
    """log of the sum of exp(-beta E) over all free units; clamped ones are as in `held`.

    `held` is one chain. Differentiable: the slope in a bias is that unit's mean.
    """
    count = kernel.enumerated
    check_enumerable(count)
    size = min(count, CHUNK)
    offsets = jnp.arange(2**size)

    @jax.checkpoint
    def chunk(start: Int[Array, ""]) -> Scalar:
        return jax.nn.logsumexp(log_weights(kernel, held, start + offsets, beta))

    starts = jnp.arange(2 ** (count - size)) << size
    if count == size:
        return chunk(starts[0])
    return jax.nn.logsumexp(jax.lax.map(chunk, starts))
