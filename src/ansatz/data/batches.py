"""A dataset in memory as a source of batches."""

from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, Shaped

from ansatz.data.conditions import ConditionEncoder
from ansatz.data.dataset import Dataset
from ansatz.data.preprocessing import Preprocessing
from ansatz.protocol.errors import DataError
from ansatz.protocol.source import AbstractSource, Batch


class Batches(AbstractSource):
    """The events of a dataset at `index`, every one once an epoch.

    An epoch has ceil(n / batch) steps, and their sizes differ by one event at most, so that no
    small last batch adds its noise. The order depends on the seed and the epoch alone; without
    a seed it is that of `index`. Events wait as they are on disk and are preprocessed when
    drawn.
    """

    events: Shaped[Array, "events ..."]
    conditions: Float[Array, "events columns"] | None
    weights: Float[Array, " events"] | None
    preprocessing: Preprocessing
    encoder: ConditionEncoder | None
    steps: int = eqx.field(static=True)
    dtype: str = eqx.field(static=True)
    seed: int | None = eqx.field(static=True)

    def __init__(
        self,
        dataset: Dataset,
        index: np.ndarray,
        preprocessing: Preprocessing,
        encoder: ConditionEncoder | None,
        *,
        batch: int,
        dtype: str,
        seed: int | None,
    ) -> None:
        chosen = dataset.take(index)
        self.events = jnp.asarray(_narrow(chosen.events, dtype))
        self.conditions = (
            None
            if encoder is None or chosen.conditions is None
            else jnp.asarray(chosen.conditions, dtype)
        )
        self.weights = (
            None
            if chosen.weights is None
            else jnp.asarray(relative(chosen.weights, dataset.name), dtype)
        )
        self.preprocessing = preprocessing
        self.encoder = encoder
        self.steps = -(-len(index) // batch)
        self.dtype = dtype
        self.seed = seed

    @property
    def steps_per_epoch(self) -> int:
        return self.steps

    def initial(self) -> None:
        return None

    def load(self, step: int, steps: int) -> Int[Array, " events"]:
        """The order of events in this epoch."""
        if self.seed is None:
            return jnp.arange(len(self.events), dtype=jnp.int32)
        return _order(self.seed, step // self.steps, len(self.events))

    def draw(
        self,
        state: PyTree,
        loaded: Int[Array, " events"],
        model: Any,
        step: Int[Array, ""],
        key: PRNGKeyArray,
    ) -> tuple[Batch, PyTree]:
        count = len(self.events)
        whole, rest = divmod(count, self.steps)
        within = step % self.steps
        start = whole * within + jnp.minimum(within, rest)
        stop = whole * (within + 1) + jnp.minimum(within + 1, rest)
        places = start + jnp.arange(whole + (rest > 0), dtype=step.dtype)
        real = places < stop
        chosen = loaded[jnp.minimum(places, count - 1)]
        events, _ = jax.vmap(self.preprocessing.forward)(
            self.events[chosen].astype(self.dtype), jax.random.split(key, len(places))
        )
        weight = real.astype(self.dtype)
        if self.weights is not None:
            weight = weight * self.weights[chosen]
        condition = None
        if self.conditions is not None and self.encoder is not None:
            condition = jax.vmap(self.encoder)(self.conditions[chosen])
        return Batch(events, condition, weight, jnp.sum(real).astype(self.dtype)), state


# The shuffle of an epoch is asked for at every chunk of it; the last ones are kept.
@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> Int[Array, " events"]:
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    return jnp.asarray(generator.permutation(count), jnp.int32)


def relative(weights: np.ndarray, name: str) -> np.ndarray:
    """Weights divided by their mean, which must be positive for the average to mean anything."""
    mean = float(weights.mean(dtype=np.float64))
    if not mean > 0:
        raise DataError(f"The weights of {name} have mean {mean:g}; it must be positive.")
    return weights / mean


def _narrow(events: np.ndarray, dtype: str) -> np.ndarray:
    """Bytes stay bytes until a batch is drawn; wider numbers take the model's precision."""
    if events.dtype.itemsize > np.dtype(dtype).itemsize or events.dtype == np.float16:
        return events.astype(dtype)
    return events
