"""A dataset in memory as a source of batches."""

from functools import lru_cache
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, Shaped

from ansatz.data.batch import make_batch
from ansatz.data.conditions import ConditionEncoder
from ansatz.data.dataset import Dataset
from ansatz.data.epoch import Epoch
from ansatz.data.preprocessing import Preprocessing
from ansatz.protocol.errors import DataError
from ansatz.protocol.source import AbstractSource, Batch


class Batches(AbstractSource):
    """The events of a dataset at `index`, every one once an epoch.

    The order depends on the seed and the epoch alone; without a seed it is that of `index`.
    Events wait as they are on disk and are preprocessed when drawn.
    """

    events: Shaped[Array, "events ..."]
    conditions: Float[Array, "events columns"] | None
    weights: Float[Array, " events"] | None
    preprocessing: Preprocessing
    encoder: ConditionEncoder | None
    epoch: Epoch
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
        devices: int = 1,
    ) -> None:
        chosen = dataset.take(index)
        self.events = jnp.asarray(narrow(np.asarray(chosen.events), dtype))
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
        self.epoch = Epoch(len(index), batch, devices)
        self.dtype = dtype
        self.seed = seed

    @property
    def steps_per_epoch(self) -> int:
        return self.epoch.steps

    def initial(self) -> None:
        return None

    def reach(self, step: int) -> int:
        return self.epoch.steps - step % self.epoch.steps

    def load(self, step: int) -> Int[Array, " events"]:
        """The order of events in this epoch."""
        if self.seed is None:
            return jnp.arange(self.epoch.events, dtype=jnp.int32)
        return _order(self.seed, step // self.epoch.steps, self.epoch.events)

    def draw(
        self,
        state: PyTree,
        loaded: Int[Array, " events"],
        model: Any,
        step: Int[Array, ""],
        key: PRNGKeyArray,
    ) -> tuple[Batch, PyTree]:
        places = self.epoch.places(step)
        chosen = loaded[places.order]
        batch = make_batch(
            self.preprocessing,
            self.encoder,
            self.events[chosen],
            None if self.conditions is None else self.conditions[chosen],
            None if self.weights is None else self.weights[chosen],
            places.real,
            dtype=self.dtype,
            key=key,
        )
        return batch, state


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


def narrow(events: np.ndarray, dtype: str) -> np.ndarray:
    """Bytes stay bytes until a batch is drawn; wider numbers take the model's precision."""
    if events.dtype.itemsize > np.dtype(dtype).itemsize or events.dtype == np.float16:
        return events.astype(dtype)
    return events
