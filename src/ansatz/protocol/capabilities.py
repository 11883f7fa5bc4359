"""What a model can do.

A model is an `equinox.Module` that acts on one event; batches are `jax.vmap`'s. Each
capability is an abstract class with one or two methods. A family inherits those it has and no
others, and the tables that a user sees are read off the classes.
"""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import equinox as eqx
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree, Shaped

from ansatz.protocol.source import Masked

Event: TypeAlias = PyTree[Shaped[Array, "..."]]
Condition = Float[Array, " condition"] | None
Scalar = Float[Array, ""]
Measure = Literal["density", "probability", "mixed"]


class Sampler(eqx.Module):
    """Draws x ~ p(x | c)."""

    @abstractmethod
    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Event:
        """One event."""


class Delegating(Sampler):
    """Can leave the drawing to a sampler from outside this package."""

    @property
    @abstractmethod
    def asked(self) -> Any:
        """What the sampler is asked for; None if it cannot be asked after all."""

    @abstractmethod
    def drawn_by(self, sampler: Any) -> Sampler:
        """The same distribution, its events drawn by another sampler."""


class Likelihood(eqx.Module):
    """Knows something of log p(x | c)."""

    @property
    @abstractmethod
    def measure(self) -> Measure:
        """What p is: a density, a probability of discrete events, or some of each."""

    @abstractmethod
    def continuous(self, event: Event) -> Bool[Array, "..."]:
        """The numbers of an event of which p is a density, so that it changes with their unit."""


class Density(Likelihood):
    """Knows log p(x | c) exactly, in nats."""

    @abstractmethod
    def log_prob(self, event: Event, condition: Condition = None) -> Scalar:
        """The log-density of one event, or its log-probability where events are discrete."""


class Evidence(eqx.Module):
    """What K weights w_k, drawn with the mean p(x | c), say of log p(x | c)."""

    bound: Scalar
    """log (1/K) sum_k w_k, which lies below log p(x | c) in the mean."""
    corrected: Scalar
    """The bound without the part of its bias that falls as 1/K: no bound, but closer. Of a single
    weight it is the bound itself."""
    effective: Scalar
    """(sum_k w_k)^2 / sum_k w_k^2: how many draws from the posterior the K are worth."""


class Bound(Likelihood):
    """Knows a stochastic lower bound on log p(x | c), in nats, that `samples` draws tighten."""

    @abstractmethod
    def evidence(
        self,
        event: Event,
        condition: Condition = None,
        *,
        key: PRNGKeyArray,
        samples: int,
    ) -> Evidence:
        """The bound of so many draws, and how far it can be off."""

    def bound(
        self,
        event: Event,
        condition: Condition = None,
        *,
        key: PRNGKeyArray,
        samples: int = 1,
    ) -> Scalar:
        """An estimate whose expectation is at most log p(x | c)."""
        return self.evidence(event, condition, key=key, samples=samples).bound


class Energy(eqx.Module):
    """Knows E(x | c) = -log p(x | c) up to a constant."""

    @abstractmethod
    def energy(self, event: Event, condition: Condition = None) -> Scalar:
        """The energy of one event."""


class LogZ(NamedTuple):
    """What is known of a log normaliser: its value, or two estimates that err to either side."""

    low: float
    high: float
    error: float
    """The larger standard error of the two; zero if it is exact."""
    what: str

    @property
    def value(self) -> float:
        """The middle."""
        return (self.low + self.high) / 2


class Unnormalised(Likelihood, Energy):
    """Knows log p(x | c) but for a normaliser, which its recipe can sum or estimate."""


class Codec(eqx.Module):
    """Compresses an event to a code and expands a code to an event."""

    of_classes: ClassVar[bool] = False
    """Whether a code holds the probability of each of several classes."""

    @abstractmethod
    def encode(self, event: Event, condition: Condition = None) -> Float[Array, " code"]:
        """The code of one event."""

    @abstractmethod
    def decode(self, code: Float[Array, " code"], condition: Condition = None) -> Event:
        """The event expected for a code."""


class CodeSampler(eqx.Module):
    """Draws codes as the model believes them to be distributed."""

    @abstractmethod
    def sample_code(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, " code"]:
        """One code, to be decoded."""


class Posterior(eqx.Module):
    """Has a distribution of codes for every event, and not one code alone."""

    @abstractmethod
    def draw_code(
        self, key: PRNGKeyArray, event: Event, condition: Condition = None
    ) -> Float[Array, " code"]:
        """One code, drawn for the event."""


class Completer(eqx.Module):
    """Knows p(x_m | x_o, c) exactly: what is missing of an event, given what was observed of it."""

    @abstractmethod
    def complete(self, event: Masked, condition: Condition = None) -> Event:
        """The event with what is missing as it is expected: E[x_m | x_o, c]."""

    @abstractmethod
    def draw_missing(self, key: PRNGKeyArray, event: Masked, condition: Condition = None) -> Event:
        """The event with what is missing drawn: x_m ~ p(x_m | x_o, c)."""


CAPABILITIES: dict[str, type[eqx.Module]] = {
    "sample": Sampler,
    "log_prob": Density,
    "bound": Bound,
    "energy": Energy,
    "encode": Codec,
    "decode": Codec,
    "sample_code": CodeSampler,
    "complete": Completer,
}


def capabilities(model: type[Any]) -> tuple[str, ...]:
    """The names of what models of this class can do."""
    return tuple(name for name, kind in CAPABILITIES.items() if issubclass(model, kind))
