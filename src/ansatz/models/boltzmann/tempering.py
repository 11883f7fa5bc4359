"""Parallel tempering: chains at several temperatures that change places (Geyer, 1991)."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine, clamped_nodes
from ansatz.models.boltzmann.diagnostics import Mixing, mixing
from ansatz.models.boltzmann.kernel import AbstractKernel, State
from ansatz.protocol.errors import OptionError

Ladder = Int[Array, "rung chain"]
"""Which column of a family of chains is on each rung."""


class Tempered(eqx.Module):
    """The record of the chains on the last rung, and how often neighbouring rungs swapped."""

    states: Float[Array, "draw node chain"]
    energies: Float[Array, "draw chain"]
    swaps: Float[Array, " gap"]
    """The fraction of proposals accepted between each rung and the next; aim at a fifth or
    more."""
    last: Float[Array, "node column"]
    """All chains, rung by rung: go on from here."""

    @property
    def mixing(self) -> Mixing:
        """How well the chains of the last rung have mixed, judged by their energies."""
        return mixing(np.asarray(self.energies))


def temper(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    state: State,
    betas: Sequence[float] | np.ndarray | Float[Array, " rung"],
    draws: int,
    *,
    burn: int = 0,
    every: int = 1,
    clamped: Sequence[int] = (),
) -> Tempered:
    """Draws at the last of `betas`, from families of as many chains as there are betas.

    The columns of `state` are the chains rung by rung, those at betas[0] first. After each
    sweep rungs k and k + 1 swap with probability min(1, exp[(beta_k - beta_(k+1)) (E_k -
    E_(k+1))]), for even k and odd k in turn.
    """
    ladder = jnp.asarray(betas, state.dtype)
    rungs, columns = len(ladder), state.shape[1]
    if rungs < 2 or columns % rungs:
        raise OptionError(
            f"Tempering needs two rungs at least and a whole number of chains on each, not "
            f"{columns} chains on {rungs} rungs."
        )
    for name, value, least in (("draws", draws, 1), ("burn", burn, 0), ("every", every, 1)):
        if value < least:
            raise OptionError(f"{name} must be at least {least}; it is {value}.")
    kernel = machine.kernel(clamped_nodes(clamped, machine.nodes))
    return _temper(key, kernel, state, ladder, draws, (jnp.asarray(burn), jnp.asarray(every)))


@eqx.filter_jit
def _temper(
    key: PRNGKeyArray,
    kernel: AbstractKernel,
    state: State,
    betas: Float[Array, " rung"],
    draws: int,
    sweeps: tuple[Int[Array, ""], Int[Array, ""]],
) -> Tempered:
    rungs, chains = len(betas), state.shape[1] // len(betas)
    burn, every = sweeps
    key_burn, key_draws = jax.random.split(key)

    # The temperatures move, the chains stay where they are: a swap costs no copy of a state.
    def round_(
        i: Int[Array, ""], carry: tuple[Any, Ladder, Float[Array, " gap"]], key: PRNGKeyArray
    ) -> tuple[Any, Ladder, Float[Array, " gap"]]:
        laid, columns, swaps = carry
        key_sweep, key_swap = jax.random.split(jax.random.fold_in(key, i))
        rung = jnp.argsort(columns, axis=0)
        laid = kernel.sweep(laid, key_sweep, betas[rung].ravel())
        energies = kernel.energies(laid).reshape(rungs, chains)
        columns, accepted = _swap(key_swap, i, columns, energies, betas)
        return laid, columns, swaps + accepted

    def rounds(
        carry: tuple, first: Int[Array, ""], last: Int[Array, ""], key: PRNGKeyArray
    ) -> tuple:
        return jax.lax.fori_loop(first, last, lambda i, c: round_(i, c, key), carry)

    def draw(carry: tuple, i: Int[Array, ""]) -> tuple[tuple, tuple]:
        carry = rounds(carry, i * every, (i + 1) * every, key_draws)
        laid, columns, _ = carry
        cold = columns[-1] * chains + jnp.arange(chains)
        energies = kernel.energies(laid)
        return carry, (kernel.restore(laid)[:, cold], energies[cold])

    columns = jnp.broadcast_to(jnp.arange(rungs)[:, None], (rungs, chains))
    none = jnp.zeros(rungs - 1, betas.dtype)
    laid, columns, _ = rounds(
        (kernel.lay(state), columns, none), jnp.zeros_like(burn), burn, key_burn
    )
    carry, (states, energies) = jax.lax.scan(draw, (laid, columns, none), jnp.arange(draws))
    laid, columns, swaps = carry
    order = (columns * chains + jnp.arange(chains)[None]).ravel()
    # Pairs 0-1, 2-3, ... have had their turn in rounds 0, 2, ..., and the others in 1, 3, ...
    proposed = jnp.maximum((every * draws + 1 - jnp.arange(rungs - 1) % 2) // 2, 1)
    accepted = swaps / proposed.astype(betas.dtype)
    return Tempered(states, energies, accepted, kernel.restore(laid)[:, order])


def _swap(
    key: PRNGKeyArray,
    turn: Int[Array, ""],
    columns: Ladder,
    energies: Float[Array, "rung chain"],
    betas: Float[Array, " rung"],
) -> tuple[Ladder, Float[Array, " gap"]]:
    rungs, chains = columns.shape
    energy = jnp.take_along_axis(energies, columns, axis=0)
    log_ratio = (betas[:-1] - betas[1:])[:, None] * (energy[:-1] - energy[1:])
    uniform = jax.random.uniform(key, (rungs - 1, chains), betas.dtype)
    turns = (jnp.arange(rungs - 1) % 2 == turn % 2)[:, None]
    accepted: Bool[Array, "gap chain"] = turns & (jnp.log(uniform) < log_ratio)
    none = jnp.zeros((1, chains), bool)
    up, down = jnp.concatenate([accepted, none]), jnp.concatenate([none, accepted])
    swapped = jnp.where(up, jnp.roll(columns, -1, 0), columns)
    swapped = jnp.where(down, jnp.roll(columns, 1, 0), swapped)
    return swapped, jnp.mean(accepted.astype(betas.dtype), axis=1)
