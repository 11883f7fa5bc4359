"""What an event is a picture of, said by a machine that shows a category together with it."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.protocol.errors import OptionError


@eqx.filter_jit
def log_classes(
    machine: AbstractMachine, events: Float[Array, "event ..."]
) -> Float[Array, "event class"]:
    """log p(k | v) = -F(v, k) - log sum_j exp(-F(v, j)), for the categories k of one condition.

    log Z is the same for all and drops out: exact for any machine whose hidden units can be
    summed out.
    """
    classes = len(machine.given)
    if not classes:
        raise OptionError("The machine shows no condition, and so can tell no categories apart.")
    each = jnp.eye(classes, dtype=machine.dtype)

    def one(event: Float[Array, "..."]) -> Float[Array, " class"]:
        energies = jax.vmap(lambda condition: machine.energy(event, condition))(each)
        return jax.nn.log_softmax(-energies)

    return jax.lax.map(one, events, batch_size=min(100, len(events)))
