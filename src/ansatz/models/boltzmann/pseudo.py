"""The pseudo-likelihood, to watch learning by (Besag, 1975): it says nothing of log Z."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ansatz.models.boltzmann.abstract import AbstractMachine


@eqx.filter_jit
def pseudo_log_likelihood(
    machine: AbstractMachine, events: Float[Array, "event ..."]
) -> Float[Array, " event"]:
    """sum_i log p(v_i | all other visible units) of each event, in nats.

    Not a likelihood, nor a bound on one: good for seeing that learning goes on, and for no
    comparison of machines.
    """
    return jax.lax.map(lambda event: machine.log_conditionals(event).sum(), events)
