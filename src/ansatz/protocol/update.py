"""What a step of learning is: of any kind (`AbstractUpdate`), or down a gradient."""

from abc import abstractmethod
from typing import Any, Literal, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from ansatz.protocol.source import Batch

Metrics = dict[str, Float[Array, ""]]
Step = Int[Array, ""]


class Score(NamedTuple):
    """The validation metric that says which model is best, and which way is better.

    One counts as better than the best so far if it is so by more than `least`.
    """

    metric: str
    better: Literal["lower", "higher"] = "lower"
    least: float = 0.0


class AbstractUpdate(eqx.Module):
    """(state, batch, step, key) -> (state, metrics).

    The engine runs, saves, resumes and reports any update. The state is a pytree that holds
    the model and all that learning must remember.
    """

    @property
    @abstractmethod
    def score(self) -> Score | None:
        """How models are compared on validation events, or None: then the last one is kept."""

    @abstractmethod
    def initial(self, model: Any) -> PyTree:
        """The state from which to learn `model`."""

    @abstractmethod
    def __call__(
        self, state: PyTree, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> tuple[PyTree, Metrics]:
        """One step."""

    def finish_epoch(self, state: PyTree) -> PyTree:
        """What is left to do once every event has been seen, such as to solve from statistics."""
        return state

    @property
    def leaves_nothing(self) -> bool:
        """Whether nothing is left to do then."""
        return type(self).finish_epoch is AbstractUpdate.finish_epoch

    @abstractmethod
    def model(self, state: PyTree) -> Any:
        """The model to validate, to save and to use."""

    @abstractmethod
    def evaluate(self, state: PyTree, batch: Batch, step: Step, key: PRNGKeyArray) -> Metrics:
        """The metrics of `model(state)` on a batch it does not learn from."""


class AbstractObjective(eqx.Module):
    """(model, batch, carry, step, key) -> (loss, carry, metrics), to be made small.

    The carry lives from step to step: persistent chains, running averages.
    """

    @property
    @abstractmethod
    def score(self) -> Score | None:
        """The validation metric, or None where no number on held-out events means better."""

    @abstractmethod
    def initial(self, model: Any) -> PyTree:
        """The carry before the first step."""

    @abstractmethod
    def __call__(
        self, model: Any, batch: Batch, carry: PyTree, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], PyTree, Metrics]:
        """The loss, the next carry, and what to report."""
