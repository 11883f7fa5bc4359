"""What can be known exactly of a small machine: log Z, means, correlations, samples."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.elimination import eliminate, narrow
from ansatz.models.boltzmann.enumeration import (
    MOST,
    check_enumerable,
    log_sum_free,
    log_weights,
)
from ansatz.models.boltzmann.kernel import AbstractKernel, State
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.protocol.capabilities import Scalar


def log_z(machine: AbstractMachine, beta: float | Scalar = 1.0) -> Scalar:
    """log sum_s exp(-beta E(s)).

    By enumeration of all units but one block of independent ones, which is differentiable; or,
    where those are more than 22, by variable elimination if the graph is narrow enough.
    """
    kernel = machine.exact_kernel()
    if kernel.enumerated > MOST and isinstance(machine, BoltzmannMachine) and narrow(machine):
        return jnp.asarray(eliminate(machine, float(beta)), machine.dtype)
    return log_z_enumerated(machine, beta)


def log_z_enumerated(machine: AbstractMachine, beta: float | Scalar = 1.0) -> Scalar:
    """log Z by enumeration; its slope in a parameter is the mean that the parameter weighs."""
    kernel = machine.exact_kernel()
    check_enumerable(kernel.enumerated)
    return _log_z(kernel, machine.nodes, machine.dtype, jnp.asarray(beta, machine.dtype))


@eqx.filter_jit
def _log_z(kernel: AbstractKernel, nodes: int, dtype: jnp.dtype, beta: Scalar) -> Scalar:
    return log_sum_free(kernel, kernel.lay(jnp.zeros((nodes, 1), dtype)), beta)


def enumerable(machine: AbstractMachine) -> bool:
    """Whether its states can be enumerated."""
    return machine.exact_kernel().enumerated <= MOST


def exact_samples(key: PRNGKeyArray, machine: AbstractMachine, chains: int) -> State:
    """Independent samples of the machine itself, by enumeration."""
    kernel = machine.exact_kernel()
    check_enumerable(kernel.enumerated)
    return _exact_samples(key, kernel, machine.nodes, machine.dtype, chains)


@eqx.filter_jit
def _exact_samples(
    key: PRNGKeyArray, kernel: AbstractKernel, nodes: int, dtype: jnp.dtype, chains: int
) -> State:
    key_index, key_first = jax.random.split(key)
    held = kernel.lay(jnp.zeros((nodes, 1), dtype))
    size = min(kernel.enumerated, 12)
    starts = jnp.arange(2 ** (kernel.enumerated - size)) << size
    offsets = jnp.arange(2**size)
    weights = jax.lax.map(lambda s: log_weights(kernel, held, s + offsets, 1.0), starts).ravel()
    # The inverse of the cumulative weights; a sum of millions would lose what float32 can hold.
    total = jnp.cumsum(jnp.exp(weights - weights.max()))
    uniform = jax.random.uniform(key_index, (chains,), dtype)
    index = jnp.searchsorted(total, uniform * total[-1], side="right")
    laid = kernel.numbered(held, jnp.minimum(index, len(total) - 1))
    return kernel.restore(kernel.redraw_first(laid, key_first, 1.0))
