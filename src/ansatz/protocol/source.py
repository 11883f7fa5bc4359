"""Where an update gets its batches."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree


class Masked(eqx.Module):
    """An event of which some numbers are missing: its values, and which of them were observed.

    A value that was not observed is zero, and stands for nothing.
    """

    value: Float[Array, "..."]
    observed: Bool[Array, "..."]


class Batch(eqx.Module):
    """Events with a leading axis, their conditions and their weights.

    Weights have mean one over the training events and may be negative. A batch may be padded:
    padding repeats a real event at weight zero, and `size` counts only the real ones. Events
    are `Masked` where the data may miss numbers.
    """

    event: PyTree[Array]
    condition: Float[Array, "batch condition"] | None
    weight: Float[Array, " batch"]
    size: Float[Array, ""]

    def mean(self, values: Float[Array, " batch"]) -> Float[Array, ""]:
        """sum_i w_i v_i / size: without bias for the weighted mean over all events."""
        return jnp.sum(self.weight * values) / self.size


class AbstractSource(eqx.Module):
    """Yields the batch of any step, the same one however often training was interrupted.

    The engine calls `load` on the host before a chunk of steps and hands what it returns to
    every `draw` of that chunk, inside compiled code, where the source's own arrays are traced
    too. Whatever must survive from step to step
    goes through the source's state, which is saved with the checkpoint.
    """

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """How many steps see every event once."""

    @abstractmethod
    def initial(self) -> PyTree:
        """The state before the first step; None for a source without memory."""

    @abstractmethod
    def reach(self, step: int) -> int:
        """How many steps from `step` on, at least one and all of one epoch, a load can serve."""

    @abstractmethod
    def load(self, step: int) -> PyTree:
        """What the steps from `step` on, as far as `reach` says, read.

        Arrays of the same shapes for every step.
        """

    @abstractmethod
    def draw(
        self, state: PyTree, loaded: PyTree, model: Any, step: Array, key: PRNGKeyArray
    ) -> tuple[Batch, PyTree]:
        """The batch of one step and the next state."""


class Draws(AbstractSource):
    """No events, for what learns from draws of its own: a batch says only how many."""

    draws: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    """To an epoch, which is whatever one likes."""
    dtype: str = eqx.field(static=True)

    @property
    def steps_per_epoch(self) -> int:
        return self.steps

    def initial(self) -> None:
        return None

    def reach(self, step: int) -> int:
        return self.steps - step % self.steps

    def load(self, step: int) -> None:
        return None

    def draw(
        self, state: PyTree, loaded: PyTree, model: Any, step: Array, key: PRNGKeyArray
    ) -> tuple[Batch, PyTree]:
        weight = jnp.ones(self.draws, self.dtype)
        return Batch(weight[:, None], None, weight, jnp.sum(weight)), state
