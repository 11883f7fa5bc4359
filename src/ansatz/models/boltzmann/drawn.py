"""A machine whose samples come from a device."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine, one_chain
from ansatz.models.boltzmann.device import Device
from ansatz.models.boltzmann.kernel import State
from ansatz.models.boltzmann.sampling import sample, start
from ansatz.protocol.capabilities import Condition, Sampler


class DrawnMachine(Sampler):
    """Events of a machine as a device draws them; a condition is clamped."""

    machine: AbstractMachine
    device: Device = eqx.field(static=True)

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, "..."]:
        """One event; vmapped, as many reads at once."""
        return self.machine.events(one_chain(self, key, condition))[0]

    def chains(
        self, key: PRNGKeyArray, count: int, given: Float[Array, "condition chain"] | None
    ) -> State:
        """A read for each of so many chains, each with what it is given."""
        key_start, key = jax.random.split(key)
        machine, clamped = self.machine, () if given is None else self.machine.given
        state = start(key_start, machine, count)
        if given is not None:
            up = machine.upped(given).astype(machine.dtype)
            state = state.at[np.asarray(clamped, int)].set(jnp.asarray(up))
        return sample(key, machine, state, machine.sweeps, clamped=clamped, device=self.device)
