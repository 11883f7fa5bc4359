"""What is known of a machine's log Z: summed exactly, or annealed from both sides."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, Shaped

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.elimination import narrow
from ansatz.models.boltzmann.exact import enumerable, log_z
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.sandwich import Sandwich, sandwich
from ansatz.protocol.capabilities import Condition, LogZ

CHAINS, STEPS = 256, 1000


def log_normaliser(
    key: PRNGKeyArray,
    machine: AbstractMachine,
    events: Shaped[Array, "event ..."] | np.ndarray | None,
    condition: Condition = None,
) -> LogZ:
    """log Z, of events and conditions together, or of events under one condition.

    Exact where states can be enumerated; else annealed from both sides, beginning with
    independent units of the means of the events.
    """
    if condition is not None:
        left, shift = machine.under(condition)
        found = log_normaliser(key, left, events)
        return found._replace(low=found.low - float(shift), high=found.high - float(shift))
    if machine.given:
        # What the conditions are like, events do not tell.
        events = None
    if enumerable(machine) or (isinstance(machine, BoltzmannMachine) and narrow(machine)):
        value = float(log_z(machine))
        return LogZ(value, value, 0.0, "exact")
    bias = jnp.zeros(machine.nodes, machine.dtype) if events is None else machine.base_bias(events)
    return in_words(sandwich(key, machine, bias=bias, chains=CHAINS, steps=STEPS))


def in_words(found: Sandwich) -> LogZ:
    """Two estimates as numbers and what they are."""
    kind = (
        "exact samples"
        if found.mixing is None
        else (f"tempered chains, R-hat {found.mixing.r_hat:.3f}")
    )
    low, high = found.low, found.high
    doubts = f"; unreliable: {' and '.join(found.doubts)}" if found.doubts else ""
    what = (
        f"log Z annealed: forward {low.log_z:.2f} ± {low.error:.2g}, in reverse from {kind} "
        f"{high.log_z:.2f} ± {high.error:.2g}{doubts}"
    )
    return LogZ(low.log_z, high.log_z, max(low.error, high.error), what)
