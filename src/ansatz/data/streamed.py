"""A dataset whose events are stored in a file as a source of batches."""

import weakref
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from ansatz.data.batch import make_batch
from ansatz.data.batches import Batches, narrow, relative
from ansatz.data.conditions import ConditionEncoder
from ansatz.data.dataset import Dataset
from ansatz.data.epoch import Epoch
from ansatz.data.prefetch import Prefetch
from ansatz.data.preprocessing import Preprocessing
from ansatz.data.slabs import Slab, Slabs
from ansatz.data.stored import Stored
from ansatz.protocol.source import AbstractSource, Batch


class Streamed(AbstractSource):
    """The stored events of a dataset at `index`, every one once an epoch.

    They come in the order of `Shuffle`, a function of the seed, the epoch and the buffer alone;
    without a seed in that of the file. They are read in slabs of many steps: a window that is
    shuffled, a slab that is used and one that is made ready take a quarter of the buffer each.
    """

    preprocessing: Preprocessing
    encoder: ConditionEncoder | None
    epoch: Epoch
    steps: int = eqx.field(static=True)
    """How many steps a slab holds."""
    prefetch: Prefetch = eqx.field(static=True)
    dtype: str = eqx.field(static=True)

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
        stored = dataset.events
        if not isinstance(stored, Stored):
            raise ValueError("Only events that are stored in a file can be streamed.")
        conditions = None if encoder is None else dataset.conditions
        weights = None
        if dataset.weights is not None:
            weights = np.zeros(len(dataset), dtype)
            weights[index] = relative(dataset.weights[index], dataset.name)
        self.preprocessing = preprocessing
        self.encoder = encoder
        self.epoch = Epoch(len(index), batch, devices)
        slabs = Slabs(
            stored,
            index,
            None if conditions is None else conditions.astype(dtype),
            weights,
            self.epoch,
            narrow(np.empty(0, stored.dtype), dtype).dtype,
            seed,
        )
        self.steps = slabs.steps
        self.prefetch = Prefetch(slabs)
        self.dtype = dtype
        # Compiled code remembers static fields for as long as the program runs.
        weakref.finalize(self, self.prefetch.forget).atexit = False

    @property
    def steps_per_epoch(self) -> int:
        return self.epoch.steps

    def initial(self) -> None:
        return None

    def reach(self, step: int) -> int:
        within = step % self.epoch.steps
        return min(self.steps - within % self.steps, self.epoch.steps - within)

    def load(self, step: int) -> Slab:
        """The slab of this step: what all its steps read, the same arrays for each."""
        epoch, within = divmod(step, self.epoch.steps)
        number = epoch * self.prefetch.slabs.per_epoch + within // self.steps
        return self.prefetch.load(number)

    def draw(
        self,
        state: PyTree,
        loaded: Slab,
        model: Any,
        step: Int[Array, ""],
        key: PRNGKeyArray,
    ) -> tuple[Batch, PyTree]:
        at = step % self.epoch.steps % self.steps
        own = jax.tree.map(lambda values: values[at], loaded)
        batch = make_batch(
            self.preprocessing,
            self.encoder,
            own.events,
            own.conditions,
            own.weights,
            self.epoch.places(step).real,
            dtype=self.dtype,
            key=key,
        )
        return batch, state


def source_of(
    dataset: Dataset,
    index: np.ndarray,
    preprocessing: Preprocessing,
    encoder: ConditionEncoder | None,
    *,
    batch: int,
    dtype: str,
    seed: int | None,
    devices: int = 1,
) -> Batches | Streamed:
    """The events at `index` as a source of batches: from memory, or from the file they are in."""
    kind = Streamed if isinstance(dataset.events, Stored) else Batches
    return kind(
        dataset,
        index,
        preprocessing,
        encoder,
        batch=batch,
        dtype=dtype,
        seed=seed,
        devices=devices,
    )
