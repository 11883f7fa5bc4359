"""The two phases of learning: hidden units under events that are clamped, and all units free.

The slope of -log p(v) in a parameter is the mean of dE/dθ with v clamped, less its mean in the
machine itself. Whatever is drawn, the first block of independent units is summed out.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.device import Device
from ansatz.models.boltzmann.exact import log_z_enumerated
from ansatz.models.boltzmann.kernel import AbstractKernel, Laid, State, run
from ansatz.models.boltzmann.tempering import temper
from ansatz.protocol.capabilities import Scalar

MOST_SUMMED = 8
"""Hidden units that are enumerated for every event."""

Shown = Float[Array, "visible event"]
Chains = Float[Array, "node chain"] | None


class Phase(NamedTuple):
    """A weighted mean of the energy, and its slope, a tree of the machine's form."""

    energy: Scalar
    slope: AbstractMachine


def summable(machine: AbstractMachine) -> bool:
    """Whether an event's hidden units can all be summed out."""
    return machine.kernel(machine.visible).enumerated <= MOST_SUMMED


def clamped_phase(
    machine: AbstractMachine,
    shown: Shown,
    weights: Float[Array, " event"],
    sweeps: int,
    key: PRNGKeyArray,
) -> Phase:
    """The mean over events of -log sum_h exp(-E(v, h)), and its slope.

    Where hidden units are coupled and too many to sum out, all but a block of them are drawn
    instead, `sweeps` sweeps after a random start.
    """
    if summable(machine):
        return _phase(lambda m: free_energies(m, shown), machine, weights)
    state = hidden_drawn(machine, shown, sweeps, key)
    return _phase(lambda m: _summed(m.kernel(m.visible), state), machine, weights)


def free_energies(machine: AbstractMachine, shown: Shown) -> Float[Array, " event"]:
    """-log sum_h exp(-E(v, h)) of every event."""
    kernel = machine.kernel(machine.visible)
    if kernel.enumerated:
        return jax.vmap(machine.free_energy, 1)(shown)
    return _summed(kernel, machine.shown(shown))


def hidden_drawn(machine: AbstractMachine, shown: Shown, sweeps: int, key: PRNGKeyArray) -> State:
    """A state for each event, its hidden units drawn with the visible ones clamped."""
    state = machine.shown(shown)
    if not machine.hidden:
        return state
    key_start, key = jax.random.split(key)
    kernel = machine.kernel(machine.visible)
    if not kernel.enumerated:
        return kernel.restore(kernel.redraw_first(kernel.lay(state), key, 1.0))
    hidden = np.array(machine.hidden, int)
    random = machine.start(key_start, shown.shape[1], jnp.zeros(machine.nodes, machine.dtype))
    laid = kernel.lay(state.at[hidden].set(random[hidden]))
    return kernel.restore(run(kernel, laid, key, sweeps))


class AbstractFreePhase(eqx.Module):
    """How the mean of dE/dθ in the machine itself is found."""

    @property
    def count(self) -> int:
        """How many of the chains that live from step to step are the machine's own: the last."""
        return 0

    @abstractmethod
    def initial(self, machine: AbstractMachine) -> Chains:
        """Chains that live from step to step, if there are any."""

    @abstractmethod
    def __call__(
        self,
        machine: AbstractMachine,
        shown: Shown,
        weights: Float[Array, " event"],
        chains: Chains,
        key: PRNGKeyArray,
    ) -> tuple[Phase, Chains]:
        """The phase, as if every event were the machine's own, and the chains after it."""


class Exact(AbstractFreePhase):
    """By enumeration: -log Z and its slope, without any noise."""

    def initial(self, machine: AbstractMachine) -> Chains:
        return None

    def __call__(
        self,
        machine: AbstractMachine,
        shown: Shown,
        weights: Float[Array, " event"],
        chains: Chains,
        key: PRNGKeyArray,
    ) -> tuple[Phase, Chains]:
        return _phase(lambda m: -log_z_enumerated(m)[None], machine, jnp.sum(weights)[None]), None


class Contrastive(AbstractFreePhase):
    """CD-k: chains that start at the events and run k sweeps (Hinton, 2002).

    Biased towards what k sweeps can reach from the data.
    """

    sweeps: int = eqx.field(static=True)
    clamped: int = eqx.field(static=True)
    held: tuple[int, ...] = eqx.field(static=True, default=())
    """Visible nodes that stay as events have them."""

    def initial(self, machine: AbstractMachine) -> Chains:
        return None

    def __call__(
        self,
        machine: AbstractMachine,
        shown: Shown,
        weights: Float[Array, " event"],
        chains: Chains,
        key: PRNGKeyArray,
    ) -> tuple[Phase, Chains]:
        key_hidden, key = jax.random.split(key)
        kernel = machine.kernel(self.held)
        laid = _swept(
            kernel,
            kernel.lay(hidden_drawn(machine, shown, self.clamped, key_hidden)),
            key,
            self.sweeps,
        )
        return _free(machine, self.held, laid, weights), None


class AbstractChains(AbstractFreePhase):
    """By chains that live from step to step, some sweeps in each."""

    sweeps: int = eqx.field(static=True)
    chains: int = eqx.field(static=True)

    @property
    def count(self) -> int:
        return self.chains

    def initial(self, machine: AbstractMachine) -> Chains:
        return _fresh(machine, self.chains)


class Persistent(AbstractChains):
    """PCD-k: chains that go on from step to step, k sweeps in each (Tieleman, 2008).

    Without bias as long as the machine changes more slowly than its chains forget.
    """

    held: tuple[int, ...] = eqx.field(static=True, default=())
    """Visible nodes, the last ones, at which chains are as events of the step have them: the slope
    then is that of -log p of the others given these."""

    def __call__(
        self,
        machine: AbstractMachine,
        shown: Shown,
        weights: Float[Array, " event"],
        chains: Chains,
        key: PRNGKeyArray,
    ) -> tuple[Phase, Chains]:
        assert chains is not None
        own = _alike(weights, self.chains)
        if self.held:
            event = jnp.arange(self.chains) % len(weights)
            chains = chains.at[np.array(self.held, int)].set(shown[-len(self.held) :, event])
            # Each event's weight is shared among its chains; those of a padded batch have none.
            shares = np.bincount(np.arange(self.chains) % len(weights), minlength=len(weights))
            own = weights[event] / jnp.asarray(np.maximum(shares, 1), weights.dtype)[event]
            own *= jnp.sum(weights) / jnp.sum(own)
        kernel = machine.kernel(self.held)
        laid = _swept(kernel, kernel.lay(chains), key, self.sweeps)
        return _free(machine, self.held, laid, own), kernel.restore(laid)


class Tempered(AbstractChains):
    """Persistent chains at several temperatures that change places (Desjardins et al., 2010).

    Those at inverse temperature 1 give the slope; the hotter ones carry them from mode to mode.
    """

    betas: tuple[float, ...] = eqx.field(static=True)

    def initial(self, machine: AbstractMachine) -> Chains:
        return _fresh(machine, self.chains * len(self.betas))

    def __call__(
        self,
        machine: AbstractMachine,
        shown: Shown,
        weights: Float[Array, " event"],
        chains: Chains,
        key: PRNGKeyArray,
    ) -> tuple[Phase, Chains]:
        assert chains is not None
        found = temper(key, machine, chains, self.betas, 1, every=self.sweeps)
        kernel = machine.kernel()
        cold = kernel.lay(found.states[0])
        return _free(machine, (), cold, _alike(weights, self.chains)), found.last


class Delegated(AbstractChains):
    """States that a device draws, afresh in each step or, where it can, from those before."""

    device: Device = eqx.field(static=True)

    def __call__(
        self,
        machine: AbstractMachine,
        shown: Shown,
        weights: Float[Array, " event"],
        chains: Chains,
        key: PRNGKeyArray,
    ) -> tuple[Phase, Chains]:
        assert chains is not None
        states = self.device.states(key, machine, chains, self.sweeps)
        kernel = machine.kernel()
        return _free(machine, (), kernel.lay(states), _alike(weights, self.chains)), states


def _fresh(machine: AbstractMachine, chains: int) -> State:
    """Chains at random; any key will do, for they forget where they began."""
    return machine.start(jax.random.key(0), chains, jnp.zeros(machine.nodes, machine.dtype))


def _alike(weights: Float[Array, " event"], chains: int) -> Float[Array, " chain"]:
    """As much weight in all, the same for every chain."""
    return jnp.broadcast_to(jnp.sum(weights) / chains, (chains,))


def _swept(kernel: AbstractKernel, laid: Laid, key: PRNGKeyArray, sweeps: int) -> Laid:
    # The first sweep is outside the loop, so that the compiler sees that it draws hidden units
    # afresh and leaves out what drew them before.
    key_first, key = jax.random.split(key)
    laid = kernel.sweep(laid, key_first, 1.0)
    return laid if sweeps == 1 else run(kernel, laid, key, sweeps - 1)


def _summed(kernel: AbstractKernel, state: State) -> Float[Array, " chain"]:
    """-log of the sum of exp(-E) over the first block, of every chain."""
    return -kernel.log_sum(kernel.parts(kernel.lay(state)), 1.0)


def _free(
    machine: AbstractMachine,
    held: tuple[int, ...],
    laid: Laid,
    weights: Float[Array, " chain"],
) -> Phase:
    def energies(m: AbstractMachine) -> Float[Array, " chain"]:
        own = m.kernel(held)
        return -own.log_sum(own.parts(laid), 1.0)

    return _phase(energies, machine, weights)


def _phase(
    energies: Callable[[AbstractMachine], Float[Array, " chain"]],
    machine: AbstractMachine,
    weights: Float[Array, " chain"],
) -> Phase:
    def mean(m: AbstractMachine) -> Scalar:
        return jnp.sum(weights * energies(m))

    return Phase(*eqx.filter_value_and_grad(mean)(machine))
