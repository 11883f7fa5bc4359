"""Markov chains of a machine: run, recorded, annealed. The caller keeps their states.

A state is an array (node, chain). Clamped nodes keep the values that the state has for them,
each chain its own. A sampler of D-Wave's Ocean may take the place of our own.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine, clamped_nodes
from ansatz.models.boltzmann.device import Device
from ansatz.models.boltzmann.diagnostics import Mixing, mixing
from ansatz.models.boltzmann.kernel import AbstractKernel, Beta, Laid, Rule, State, run
from ansatz.protocol.errors import OptionError


def start(key: PRNGKeyArray, machine: AbstractMachine, chains: int) -> State:
    """Chains at random: every unit up half the time, Gaussian ones about zero."""
    return machine.start(key, chains, jnp.zeros(machine.nodes, machine.dtype))


def sample(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    state: State,
    sweeps: int = 1,
    *,
    beta: Beta = 1.0,
    clamped: Sequence[int] = (),
    rule: Rule = "gibbs",
    device: Device | None = None,
) -> State:
    """The chains after so many sweeps at inverse temperature `beta`, one or one for each chain.

    With a `device` they are what that gives in their place, at one temperature.
    """
    if device is not None:
        if rule != "gibbs" or np.ndim(beta):
            raise OptionError("A device has a rule of its own, and one temperature for all chains.")
        return device.states(key, machine, state, int(sweeps), beta=float(beta), clamped=clamped)
    kernel = machine.kernel(clamped_nodes(clamped, machine.nodes))
    return _run(key, kernel, state, jnp.asarray(sweeps), jnp.asarray(beta, state.dtype), rule)


@eqx.filter_jit
def _run(
    key: PRNGKeyArray,
    kernel: AbstractKernel,
    state: State,
    sweeps: Int[Array, ""],
    beta: Beta,
    rule: Rule,
) -> State:
    return kernel.restore(run(kernel, kernel.lay(state), key, sweeps, beta, rule))


def anneal(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    state: State,
    betas: Sequence[float] | np.ndarray | Float[Array, " sweep"],
    *,
    clamped: Sequence[int] = (),
    rule: Rule = "gibbs",
) -> State:
    """The chains after one sweep at each inverse temperature in turn: slowly cooled, if they rise.

    Simulated annealing (Kirkpatrick, Gelatt and Vecchi, 1983), to find states of low energy.
    """
    kernel = machine.kernel(clamped_nodes(clamped, machine.nodes))
    return _anneal(key, kernel, state, jnp.asarray(betas, state.dtype), rule)


@eqx.filter_jit
def _anneal(
    key: PRNGKeyArray,
    kernel: AbstractKernel,
    state: State,
    betas: Float[Array, " sweep"],
    rule: Rule,
) -> State:
    def step(laid: Laid, at: tuple[Int[Array, ""], Float[Array, ""]]) -> tuple[Laid, None]:
        i, beta = at
        return kernel.sweep(laid, jax.random.fold_in(key, i), beta, rule), None

    laid, _ = jax.lax.scan(step, kernel.lay(state), (jnp.arange(len(betas)), betas))
    return kernel.restore(laid)


class Draws(eqx.Module):
    """States recorded along chains, with their energies."""

    states: Float[Array, "draw node chain"]
    energies: Float[Array, "draw chain"]
    last: State
    """Where the chains are now: go on from here."""

    @property
    def mixing(self) -> Mixing:
        """How well the chains have mixed, judged by their energies."""
        return mixing(np.asarray(self.energies))


def draw(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    state: State,
    draws: int,
    *,
    burn: int = 0,
    every: int = 1,
    beta: Beta = 1.0,
    clamped: Sequence[int] = (),
    rule: Rule = "gibbs",
) -> Draws:
    """A record of the chains after `burn` sweeps and then after every so many."""
    for name, value, least in (("draws", draws, 1), ("burn", burn, 0), ("every", every, 1)):
        if value < least:
            raise OptionError(f"{name} must be at least {least}; it is {value}.")
    kernel = machine.kernel(clamped_nodes(clamped, machine.nodes))
    sweeps = (jnp.asarray(burn), jnp.asarray(every))
    return _draw(key, kernel, state, draws, sweeps, jnp.asarray(beta, state.dtype), rule)


@eqx.filter_jit
def _draw(
    key: PRNGKeyArray,
    kernel: AbstractKernel,
    state: State,
    draws: int,
    sweeps: tuple[Int[Array, ""], Int[Array, ""]],
    beta: Beta,
    rule: Rule,
) -> Draws:
    burn, every = sweeps
    key_burn, key_draws = jax.random.split(key)

    def step(laid: Laid, i: Int[Array, ""]) -> tuple[Laid, tuple[State, Float[Array, " chain"]]]:
        laid = run(kernel, laid, jax.random.fold_in(key_draws, i), every, beta, rule)
        return laid, (kernel.restore(laid), kernel.energies(laid))

    laid = run(kernel, kernel.lay(state), key_burn, burn, beta, rule)
    laid, (states, energies) = jax.lax.scan(step, laid, jnp.arange(draws))
    return Draws(states, energies, kernel.restore(laid))
