"""What all Boltzmann machines share."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, Shaped

from ansatz.models.boltzmann.batched import one_chain
from ansatz.models.boltzmann.drawn import DrawnMachine
from ansatz.models.boltzmann.enumeration import log_sum_free
from ansatz.models.boltzmann.kernel import AbstractKernel, Beta, State, run
from ansatz.models.boltzmann.units import VALUES, Units
from ansatz.protocol.capabilities import (
    Condition,
    Delegating,
    Measure,
    Sampler,
    Scalar,
    Unnormalised,
)
from ansatz.protocol.errors import DataError


class AbstractMachine(Delegating, Unnormalised):
    """p(s) ∝ exp(-beta E(s)) over units of two values, of which events show the visible ones.

    A state is a column of an array (node, chain). Functions of many chains take such arrays;
    those of one event are for `jax.vmap`.
    """

    units: eqx.AbstractVar[Units]
    visible: eqx.AbstractVar[tuple[int, ...]]
    """The nodes that events show, in the order of an event's numbers, and then those that show
    what is given with an event."""
    shape: eqx.AbstractVar[tuple[int, ...]]
    """Of an event."""
    weight: eqx.AbstractVar[Float[Array, "..."]]
    sweeps: eqx.AbstractVar[int]
    """Of Gibbs sampling from a random start before `sample` takes an event."""

    @property
    @abstractmethod
    def nodes(self) -> int:
        """How many units there are."""

    @property
    @abstractmethod
    def gaussian(self) -> bool:
        """Whether visible units are real numbers."""

    @property
    @abstractmethod
    def dtype(self) -> jnp.dtype:
        """Of parameters and states."""

    @abstractmethod
    def kernel(self, clamped: tuple[int, ...] = ()) -> AbstractKernel:
        """What changes the nodes that are not clamped."""

    @abstractmethod
    def exact_kernel(self, clamped: tuple[int, ...] = ()) -> AbstractKernel:
        """The one that leaves the fewest units to enumerate."""

    @abstractmethod
    def log_conditionals(self, event: Float[Array, "..."]) -> Float[Array, " visible"]:
        """log p(v_i | all other visible units) of each unit of an event."""

    @abstractmethod
    def at(self, beta: float | Scalar) -> "AbstractMachine":
        """The machine whose distribution at inverse temperature 1 is that of this one at beta."""

    @abstractmethod
    def independent(self, bias: Float[Array, " node"]) -> "AbstractMachine":
        """The machine of the same kind with these biases and nothing else."""

    @abstractmethod
    def log_independent(self, bias: Float[Array, " node"], free: np.ndarray) -> Scalar:
        """log Z over the free nodes of `independent(bias)`."""

    @abstractmethod
    def under(self, condition: Float[Array, " condition"]) -> tuple["AbstractMachine", Scalar]:
        """The machine that is left when a condition is clamped, and E_here - E_there."""

    @abstractmethod
    def start(self, key: PRNGKeyArray, chains: int, bias: Float[Array, " node"]) -> State:
        """Chains drawn from `independent(bias)`."""

    @abstractmethod
    def check(
        self, values: Shaped[Array, "..."] | np.ndarray, what: str, nodes: Sequence[int]
    ) -> None:
        """Refuse values that these nodes cannot have."""

    @abstractmethod
    def base_bias(self, events: Shaped[Array, "chain ..."] | np.ndarray) -> Float[Array, " node"]:
        """The biases of independent visible units with the means of these events.

        One event of each value is added, so that no bias is infinite; hidden biases are zero.
        """

    @property
    def given(self) -> tuple[int, ...]:
        """The visible nodes that show a condition: categories, one unit up for each."""
        return self.visible[math.prod(self.shape) :]

    @property
    def hidden(self) -> tuple[int, ...]:
        """The nodes that events do not show."""
        shown = set(self.visible)
        return tuple(i for i in range(self.nodes) if i not in shown)

    def energies(self, state: State) -> Float[Array, " chain"]:
        """E of every chain."""
        return _energies(self, state)

    def free_energy(self, event: Float[Array, "..."], beta: Beta = 1.0) -> Scalar:
        """-log sum_h exp(-beta E(v, h)): the hidden units summed out, exactly.

        In closed form where no two hidden units are coupled; else by enumeration of as many of
        them as leave the others independent.
        """
        return _free_energy(self, event, jnp.asarray(beta, self.dtype))

    def energy(self, event: Float[Array, "..."], condition: Condition = None) -> Scalar:
        """-log p(event, condition) up to a constant: the free energy."""
        return self.free_energy(self.joined(event, condition))

    def joined(self, event: Float[Array, "..."], condition: Condition) -> Float[Array, " visible"]:
        """The visible units of an event and its condition, of zeros and ones, or of -1 and +1."""
        if condition is None:
            return event.ravel()
        return jnp.concatenate([event.ravel(), self.upped(condition).astype(event.dtype)])

    def upped(self, condition: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The values of units that are up where the condition is one, down where it is zero."""
        low, high = VALUES[self.units]
        return low + (high - low) * condition

    @property
    def measure(self) -> Measure:
        return "density" if self.gaussian else "probability"

    def continuous(self, event: Float[Array, "..."]) -> Bool[Array, "..."]:
        return jnp.full(self.shape, self.gaussian)

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, "..."]:
        """One event after `sweeps` sweeps; vmapped, as many chains at once.

        A condition is clamped; without one, units that show it are drawn too.
        """
        return self.events(one_chain(self, key, condition))[0]

    def chains(
        self, key: PRNGKeyArray, count: int, given: Float[Array, "condition chain"] | None
    ) -> State:
        """Chains after `sweeps` sweeps from a random start, each with what it is given."""
        key_start, key_run = jax.random.split(key)
        state = self.start(key_start, count, jnp.zeros(self.nodes, self.dtype))
        if given is not None:
            values = self.upped(given).astype(self.dtype)
            state = state.at[np.asarray(self.given, int)].set(values)
        kernel = self.kernel(() if given is None else self.given)
        laid = run(kernel, kernel.lay(state), key_run, self.sweeps)
        return kernel.restore(laid)

    @property
    def asked(self) -> "AbstractMachine":
        return self

    def drawn_by(self, sampler: Any) -> Sampler:
        """The same machine, its events drawn by a `Device`."""
        return DrawnMachine(self, sampler)

    def shown(self, values: Float[Array, "visible chain"]) -> State:
        """A state of these visible units, and hidden ones at zero."""
        state = jnp.zeros((self.nodes, values.shape[1]), self.dtype)
        return state.at[jnp.asarray(self.visible)].set(values.astype(self.dtype))

    def events(self, state: State) -> Float[Array, "chain ..."]:
        """What the visible units of every chain show."""
        own = np.asarray(self.visible[: math.prod(self.shape)], int)
        return state[own].T.reshape(-1, *self.shape)

    def clamp(
        self,
        state: State,
        nodes: Sequence[int] | np.ndarray,
        values: int | float | Shaped[Array, "..."] | np.ndarray,
    ) -> State:
        """The state with these nodes at these values, (clamped, chain) or the same for all."""
        known = clamped_nodes(nodes, self.nodes)
        given = np.asarray(values)
        if given.ndim < 2:
            given = np.broadcast_to(given.reshape(-1, 1), (len(known), state.shape[1]))
        if given.shape != (len(known), state.shape[1]):
            raise DataError(
                f"{len(known)} nodes are clamped in {state.shape[1]} chains: their values are of "
                f"that shape, not of {given.shape}."
            )
        self.check(given, "The value of a clamped unit", known)
        return state.at[np.array(known, int)].set(jnp.asarray(given, self.dtype))

    def states_of(self, events: Shaped[Array, "chain ..."] | np.ndarray) -> State:
        """A chain for each event, which its visible units show; hidden ones are at zero."""
        rows = np.asarray(events).reshape(len(events), -1)
        if rows.shape[1] != len(self.visible):
            raise DataError(
                f"An event of this machine has {len(self.visible)} numbers, not {rows.shape[1]}."
            )
        self.check(rows, "The numbers of an event", self.visible)
        return self.shown(jnp.asarray(rows.T, self.dtype))


@eqx.filter_jit
def _energies(machine: AbstractMachine, state: State) -> Float[Array, " chain"]:
    kernel = machine.kernel()
    return kernel.energies(kernel.lay(state))


@eqx.filter_jit
def _free_energy(machine: AbstractMachine, event: Float[Array, "..."], beta: Beta) -> Scalar:
    kernel = machine.kernel(machine.visible)
    shown = kernel.lay(machine.shown(event.reshape(-1, 1)))
    return -log_sum_free(kernel, shown, beta)


def clamped_nodes(
    nodes: Sequence[int] | np.ndarray, count: int, use: str = "clamp"
) -> tuple[int, ...]:
    """The nodes to clamp, each of them known and named once."""
    known = tuple(int(i) for i in nodes)
    for i in known:
        if not 0 <= i < count:
            raise DataError(
                f"There is no node {i} to {use}: the machine has the nodes 0 to {count - 1}."
            )
    if len(set(known)) != len(known):
        twice = next(i for i in known if known.count(i) > 1)
        raise DataError(f"The node {twice} is there twice among those to {use}.")
    return known
