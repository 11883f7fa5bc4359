"""A machine whose samples come from a device."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.batched import one_chain
from ansatz.models.boltzmann.kernel import State
from ansatz.protocol.capabilities import Condition, Sampler


class DrawnMachine(Sampler):
    """Events of a machine as a device draws them; a condition is clamped."""

    machine: Any
    device: Any = eqx.field(static=True)
    """A `Device`, or what gives states by the same call."""

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, "..."]:
        """One event; vmapped, as many reads at once."""
        return self.machine.events(one_chain(self, key, condition))[0]

    def chains(
        self, key: PRNGKeyArray, count: int, given: Float[Array, "condition chain"] | None
    ) -> State:
        """A read for each of so many chains, each with what it is given."""
        key_start, key = jax.random.split(key)
        machine, clamped = self.machine, () if given is None else self.machine.given
        state = machine.start(key_start, count, jnp.zeros(machine.nodes, machine.dtype))
        if given is not None:
            up = machine.upped(given).astype(machine.dtype)
            state = state.at[np.asarray(clamped, int)].set(jnp.asarray(up))
        return self.device.states(key, machine, state, machine.sweeps, clamped=clamped)
