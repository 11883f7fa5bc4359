"""What a sampler needs of a machine, with its chains laid out for speed."""

from abc import abstractmethod
from typing import Any, Literal, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from ansatz.models.boltzmann.noise import uniform
from ansatz.models.boltzmann.units import Units, log_odds, valued

Rule = Literal["gibbs", "metropolis"]
Beta: TypeAlias = float | Float[Array, ""] | Float[Array, " chain"]
"""An inverse temperature, of all chains or one of each."""
State: TypeAlias = Float[Array, "node chain"]
Laid: TypeAlias = PyTree[Shaped[Array, "_ chain"]]
"""Chains in the order of a kernel."""


class Parts(NamedTuple):
    """What a state says but for its first block, of independent units that can be summed out.

    `rest` is the energy with the first block taken for zero, `field` the pull on its units.
    Both are linear in the biases and weights.
    """

    rest: Float[Array, " chain"]
    field: Float[Array, "first chain"]


class AbstractKernel(eqx.Module):
    """A machine and the nodes that are clamped, ready to change many chains at once.

    Blocks of independent units are changed in turn, the first one first.
    """

    @abstractmethod
    def lay(self, state: State) -> Laid:
        """Chains in the order of the machine's nodes, put in that of the kernel."""

    @abstractmethod
    def restore(self, laid: Laid) -> State:
        """The inverse of `lay`."""

    @abstractmethod
    def sweep(self, laid: Laid, key: PRNGKeyArray, beta: Beta, rule: Rule = "gibbs") -> Laid:
        """Every unit that is not clamped changed once: p ∝ exp(-beta E) stays what it is."""

    @abstractmethod
    def redraw_first(self, laid: Laid, key: PRNGKeyArray, beta: Beta) -> Laid:
        """The units of the first block drawn given all others."""

    @abstractmethod
    def parts(self, laid: Laid) -> Parts:
        """The energy but for the first block, and the pull on that."""

    @abstractmethod
    def log_sum(self, parts: Parts, beta: Beta) -> Float[Array, " chain"]:
        """log of the sum over the first block of exp(-beta E)."""

    @property
    @abstractmethod
    def enumerated(self) -> int:
        """How many units are free and outside the first block."""

    @abstractmethod
    def numbered(self, held: Laid, index: Int[Array, " number"]) -> Any:
        """A chain for each number in `index`, whose bits are the states of the enumerated units.

        The first block is zero, and clamped units are those of the one chain `held`.
        """

    @abstractmethod
    def energies(self, laid: Laid) -> Float[Array, " chain"]:
        """The energy of every chain."""


def blend(low: Any, high: Any, t: Float[Array, ""]) -> Any:
    """(1 - t) low + t high, array by array: energies blend as their parameters do."""
    return jax.tree.map(lambda a, b: (1 - t) * a + t * b, low, high)


def ups(
    key: PRNGKeyArray,
    old: Shaped[Array, "block chain"],
    field: Float[Array, "block chain"],
    beta: Beta,
    units: Units,
    rule: Rule,
) -> Bool[Array, "block chain"]:
    """Which independent units are up next, under p ∝ exp(beta field s).

    Gibbs draws them afresh, up with probability 1/(1 + exp(-log odds)); Metropolis proposes the
    other value and accepts it with probability min(1, exp(-beta ΔE)).
    """
    inverse = jnp.broadcast_to(jnp.asarray(beta, field.dtype), field.shape[1:])[None]
    odds = log_odds(inverse * field, units)
    u = uniform(key, field.shape, field.dtype)
    if rule == "gibbs":
        # u < 1/(1 + e), without the division.
        return u * (1 + jnp.exp(-odds)) < 1
    up = old > 0
    return up != (u < jnp.exp(jnp.where(up, -odds, odds)))


def run(
    kernel: AbstractKernel,
    laid: Laid,
    key: PRNGKeyArray,
    sweeps: int | Int[Array, ""],
    beta: Beta = 1.0,
    rule: Rule = "gibbs",
) -> Laid:
    """The chains after so many sweeps."""

    def step(i: Int[Array, ""], laid: Laid) -> Laid:
        return kernel.sweep(laid, jax.random.fold_in(key, i), beta, rule)

    return jax.lax.fori_loop(0, sweeps, step, laid)


def of_bits(
    index: Int[Array, " chain"], count: int, units: Units, dtype: jnp.dtype
) -> Shaped[Array, "unit chain"]:
    """The states of `count` units of which a number has the bits."""
    bits = (index[None] >> jnp.arange(count)[:, None]) & 1
    return valued(bits == 1, units, dtype)
