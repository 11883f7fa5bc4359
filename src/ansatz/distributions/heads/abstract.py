"""What every head can do."""

import abc
import math
from typing import ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.abstract import AbstractDistribution
from ansatz.distributions.elementwise import AbstractElementwise

Measure = Literal["density", "probability", "mixed"]


class AbstractHead(eqx.Module):
    """A map from a network's raw output, a vector of any real numbers, to a distribution.

    `shape` is the shape of an event.
    """

    shape: eqx.AbstractVar[tuple[int, ...]]

    @property
    @abc.abstractmethod
    def measure(self) -> Measure:
        """What p(x) is at an event: a density, a probability, or one in some coordinates and the
        other in others."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many raw numbers there are."""

    @abc.abstractmethod
    def __call__(self, raw: Float[Array, " size"]) -> AbstractDistribution:
        """The distribution that the raw output stands for."""

    @abc.abstractmethod
    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        """A raw output whose distribution fits these events, as nearly as it can.

        Set as the bias of a network's last layer, it starts training from the data's own
        averages. Numbers that were not `observed` do not count. A coordinate that does not
        vary, up to rounding, starts with unit scale, since it says nothing of its scale.
        """

    @abc.abstractmethod
    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        """The coordinates at which the event x has a density, and not a probability."""


class AbstractDensityHead(AbstractHead):
    """A head whose distributions have a density."""

    measure: ClassVar[Measure] = "density"

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        return jnp.ones(x.shape, bool)


class AbstractProbabilityHead(AbstractHead):
    """A head whose distributions give every event a probability."""

    measure: ClassVar[Measure] = "probability"

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        return jnp.zeros(x.shape, bool)


class AbstractElementwiseHead(AbstractHead):
    """A head for independent coordinates, each with as many raw numbers as the others.

    The raw output is an array of shape (numbers, *event shape), row by row.
    """

    @property
    @abc.abstractmethod
    def numbers(self) -> int:
        """How many raw numbers a coordinate has."""

    @abc.abstractmethod
    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> AbstractElementwise:
        """The distribution, from the raw numbers of each coordinate."""

    @abc.abstractmethod
    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        """The raw numbers of each coordinate that fit these events."""

    @property
    def size(self) -> int:
        return self.numbers * math.prod(self.shape)

    def __call__(self, raw: Float[Array, " size"]) -> AbstractElementwise:
        check_raw(self, raw)
        return self.elementwise(raw.reshape(self.numbers, *self.shape))

    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        check_events(self, events, observed)
        return self.fitted(events, observed).ravel()


def check_raw(head: AbstractHead, raw: Array) -> None:
    """Raises unless `raw` is one raw output for the head."""
    if jnp.shape(raw) != (head.size,):
        raise ValueError(
            f"This {type(head).__name__}, for events of shape {head.shape}, needs a raw output "
            f"of shape ({head.size},), but it was given shape {jnp.shape(raw)}."
        )


def check_events(head: AbstractHead, events: Array, observed: Array | None) -> None:
    """Raises unless `events` are events of the head, and `observed` is of their shape."""
    shape = jnp.shape(events)
    if not shape or shape[1:] != head.shape:
        raise ValueError(
            f"This {type(head).__name__} needs events of shape (n, *{head.shape}), but they have "
            f"shape {shape}."
        )
    if observed is not None and jnp.shape(observed) != shape:
        raise ValueError(
            f"The events have shape {shape} and `observed` has shape {jnp.shape(observed)}; they "
            "must agree."
        )
