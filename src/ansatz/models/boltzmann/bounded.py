"""The bound of a deep machine whose top is too large to be summed."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.deep import DeepMachine, raised
from ansatz.models.boltzmann.normaliser import log_normaliser
from ansatz.protocol.capabilities import LogZ


class Bounded(NamedTuple):
    """Lower bounds of log p of events, but for what is not known of log Z."""

    values: Float[np.ndarray, " event"]
    """With the middle of what is known of log Z."""
    log_z: LogZ
    """Of the top machine: one estimate, whose error all events share."""

    @property
    def surely(self) -> Float[np.ndarray, " event"]:
        """With the upper end of log Z: bounds if that is one."""
        return self.values + self.log_z.value - self.log_z.high


def bounded(
    key: PRNGKeyArray,
    machine: DeepMachine,
    events: Float[Array, "event ..."],
    *,
    samples: int = 1,
) -> Bounded:
    """The bounds of so many draws, log Z of the top summed where it can be, else annealed.

    Annealing starts from independent units with the means of the events' own hidden units.
    """
    key_z, key_draws, key_raised = jax.random.split(key, 3)
    codes = _raised(key_raised, machine, events)
    found = log_normaliser(key_z, machine.top, codes)
    weights = _log_weights(key_draws, machine, events, samples)
    return Bounded(np.asarray(weights, np.float64) - found.value, found)


@eqx.filter_jit
def _raised(
    key: PRNGKeyArray, machine: DeepMachine, events: Float[Array, "event ..."]
) -> Float[Array, "event hidden"]:
    return raised(key, machine.layers[:-1], events.reshape(len(events), -1))


@eqx.filter_jit
def _log_weights(
    key: PRNGKeyArray, machine: DeepMachine, events: Float[Array, "event ..."], samples: int
) -> Float[Array, " event"]:
    """log of the mean weight of every event, a hundred events at a time."""

    def one(place: Array, event: Float[Array, "..."]) -> Float[Array, ""]:
        own = jax.random.fold_in(key, place)
        weights = machine.log_weights(event, key=own, samples=samples)
        return jax.nn.logsumexp(weights) - jnp.log(jnp.asarray(samples, weights.dtype))

    return jax.lax.map(lambda both: one(*both), (jnp.arange(len(events)), events), batch_size=100)
