"""Which events each step of an epoch sees, by their places in the epoch's order."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int


class Places(NamedTuple):
    """The places in the epoch's order that one batch holds, and which of them are no padding."""

    order: Int[Array, " rows"]
    real: Bool[Array, " rows"]


class Epoch(eqx.Module):
    """n events cut into ceil(n / batch) steps, whose sizes differ by one event at most.

    So no small last batch adds its noise. A batch has as many rows as the largest, and more
    where they must divide among `devices`; rows too many repeat the last event.
    """

    events: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    rows: int = eqx.field(static=True)

    def __init__(self, events: int, batch: int, devices: int = 1) -> None:
        self.events = events
        self.steps = -(-events // batch)
        largest = -(-events // self.steps)
        self.rows = -(-largest // devices) * devices

    def start(self, step: int) -> int:
        """The place of the first event of a step within the epoch; of its end at `steps`."""
        whole, more = divmod(self.events, self.steps)
        return whole * step + min(step, more)

    def places(self, step: Int[Array, ""]) -> Places:
        """The places of a step, which counts from the first epoch on."""
        whole, more = divmod(self.events, self.steps)
        within = step % self.steps
        start = whole * within + jnp.minimum(within, more)
        stop = whole * (within + 1) + jnp.minimum(within + 1, more)
        order = start + jnp.arange(self.rows, dtype=step.dtype)
        return Places(jnp.minimum(order, self.events - 1), order < stop)
