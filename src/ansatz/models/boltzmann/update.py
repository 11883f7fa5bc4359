"""The update of a Boltzmann machine: a gradient, and an honest look at every epoch's end."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.exact import log_z_enumerated
from ansatz.models.boltzmann.objective import shown
from ansatz.models.boltzmann.phases import Shown, free_energies, summable
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.units import VALUES
from ansatz.protocol.capabilities import Scalar
from ansatz.protocol.gradient import GradientUpdate
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractUpdate, Metrics, Score, Step

MOST_WATCHED = 16
"""Units that are enumerated at the end of every epoch."""


def watchable(machine: AbstractMachine) -> bool:
    """Whether the exact log-likelihood costs little enough to be had every epoch."""
    return summable(machine) and machine.exact_kernel().enumerated <= MOST_WATCHED


class MachineState(eqx.Module):
    """The state of the gradient, and log Z of the machine as it was at the end of an epoch."""

    inner: Any
    log_z: Scalar | None


class MachineUpdate(AbstractUpdate):
    """Follows the gradient; small machines are judged by their exact log-likelihood.

    Others have no number that would say which is better: then the last one is kept, and the
    pseudo-likelihood and the free energy of held-out events are there to be watched.
    """

    gradient: GradientUpdate
    exact: bool = eqx.field(static=True)
    """Whether the machine is small enough."""

    @property
    def score(self) -> Score | None:
        return Score("log_likelihood", "higher") if self.exact else None

    def initial(self, model: AbstractMachine) -> MachineState:
        nothing = jnp.zeros((), model.dtype) if self.exact else None
        return MachineState(self.gradient.initial(model), nothing)

    def __call__(
        self, state: MachineState, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> tuple[MachineState, Metrics]:
        inner, metrics = self.gradient(state.inner, batch, step, key)
        return MachineState(inner, state.log_z), metrics

    def finish_epoch(self, state: MachineState) -> MachineState:
        log_z = log_z_enumerated(self.model(state)) if self.exact else None
        return MachineState(state.inner, log_z)

    def model(self, state: MachineState) -> AbstractMachine:
        return self.gradient.model(state.inner)

    def evaluate(self, state: MachineState, batch: Batch, step: Step, key: PRNGKeyArray) -> Metrics:
        machine = self.model(state)
        if not summable(machine):
            return {}
        seen = shown(machine, batch)
        free = free_energies(machine, seen)
        found = {"free_energy": batch.mean(free)}
        if state.log_z is not None:
            found["log_likelihood"] = batch.mean(-free - state.log_z)
        elif not (isinstance(machine, RestrictedMachine) and machine.gaussian):
            found["pseudo_likelihood"] = batch.mean(pseudo_of_one(machine, seen, free, key))
        return found


def pseudo_of_one(
    machine: AbstractMachine, seen: Shown, free: Float[Array, " event"], key: PRNGKeyArray
) -> Float[Array, " event"]:
    """n log p(v_i | all others) of one of each event's n visible units, chosen at random.

    Its mean over the choice is the pseudo-log-likelihood.
    """
    count, events = seen.shape
    low, high = VALUES[machine.units]
    chosen = jax.random.randint(key, (events,), 0, count)
    column = jnp.arange(events)
    flipped = seen.at[chosen, column].set(low + high - seen[chosen, column])
    return -count * jax.nn.softplus(free - free_energies(machine, flipped))
