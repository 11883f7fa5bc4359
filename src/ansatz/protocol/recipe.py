"""A recipe: all the settings of a fit, as plain values that can be saved, typed and compared."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import equinox as eqx
from jaxtyping import Array, PRNGKeyArray

from ansatz.protocol.capabilities import Condition, LogZ
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.measure import Measure
from ansatz.protocol.settings import Settings
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate

Kind = Literal["binary", "whole", "unit", "real"]


@dataclass(frozen=True)
class Spec:
    """What a model must know of the data to be built: nothing that needs the data themselves."""

    shape: tuple[int, ...]
    condition: int = 0
    """How many numbers a condition has once categories are unfolded."""
    classes: tuple[int, ...] = ()
    """How many categories each column of the condition has, 0 for a number."""
    events: int = 1
    """How many events there are to learn from."""
    steps_per_epoch: int = 1
    columns: tuple[str, ...] = ()
    """The names of the columns of a table."""
    levels: tuple[int, ...] = (0,)
    """How many values whole numbers take, from zero up to the largest, 0 for other numbers: one
    for each column, or for all numbers of events without columns."""
    lowest: tuple[float, ...] = (-math.inf,)
    """The least value, likewise."""
    highest: tuple[float, ...] = (math.inf,)
    """The largest value, likewise."""
    condition_lowest: tuple[float, ...] = ()
    """The least value of each column of the condition, of categories their least number."""
    condition_highest: tuple[float, ...] = ()
    """The largest value, likewise."""
    constant: tuple[int, ...] = ()
    """The places of numbers that never vary, of an event laid out in a row."""
    missing: bool = False
    """Whether numbers of an event may be missing: then events are `Masked`."""

    @property
    def size(self) -> int:
        """How many numbers an event has."""
        return math.prod(self.shape)

    @property
    def kind(self) -> Kind:
        """What the values of raw events are.

        Zeros and ones ("binary"), whole numbers from zero up ("whole"), numbers within [0, 1]
        ("unit"), or any numbers ("real").
        """
        if all(self.levels):
            return "binary" if max(self.levels) <= 2 else "whole"
        return "unit" if min(self.lowest) >= 0 and max(self.highest) <= 1 else "real"


MOST = 2**31
"""Whole numbers are below this: accelerators count with 32 bits."""

_LEAST = {"epochs": 1, "batch": 1, "patience": 0, "seed": 0, "seeds": 1, "devices": 0}


@dataclass(frozen=True, kw_only=True)
class Recipe(Settings, ABC):
    """The settings that every family has; a family's own recipe adds what it needs."""

    name: ClassVar[str]
    """What the command line calls it."""
    family: ClassVar[type[eqx.Module]]
    """The class of models it makes, off which its capabilities are read."""
    nets: ClassVar[tuple[str, ...]] = ()
    """The parts that a user may replace by an `equinox.Module` of their own, in Python."""
    remedy: ClassVar[str] = ""
    """What else to try where a number of the fit is not finite."""
    takes_missing: ClassVar[bool] = False
    """Whether it learns from events of which some numbers are missing."""
    log_conditions: ClassVar[bool] = False
    """Whether it is given the logarithms of a condition's numbers, and not standardised ones."""
    takes_negative: ClassVar[bool] = True
    """Whether it learns from events with negative weights."""
    one_pass: ClassVar[bool] = False
    """Whether one pass over the events finds all there is to learn from them."""
    of_bits: ClassVar[bool] = False
    """Whether it is made for numbers of two values, and makes such of the data where it can."""

    preprocess: tuple[str, ...] = ("auto",)
    """Steps between the data and the model: scale, standardise, logit, log1p, dequantise,
    binarise, threshold, spin, with a number after '=' where one is needed; 'auto' chooses by the
    data, 'none' leaves them as they are."""
    epochs: int = 50
    """How many times to go through the training events."""
    batch: int = 128
    """Events in a step."""
    patience: int = 20
    """Stop after so many epochs without a better validation score; 0 never stops early."""
    validation: float = 0.1
    """Fraction of the events kept to validate on, where the data do not say."""
    test: float = 0.1
    """Fraction of the events kept to test on, where the data do not say."""
    dtype: Literal["float32", "float64"] = "float32"
    """The precision of parameters and events."""
    seed: int = 0
    """Decides the split, the first parameters, the order of events and all noise."""
    seeds: int = 1
    """Fit so many models side by side, which share the split and the order of events and have
    first parameters and noise of their own: those of seed, seed + 1, and so on."""
    devices: int = 0
    """Devices that share every batch; 0 takes all there are."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise OptionError(f"{name} must be at least {least}; it is {getattr(self, name)}.")
        for name, value in self.settings().items():
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(each, int) and abs(each) >= MOST for each in values):
                raise OptionError(f"{name} must be below {MOST}; it is {value}.")
        if self.seed + self.seeds > MOST:
            raise OptionError(f"seed must be below {MOST}; it is {self.seed}.")

    def resolve(self, spec: Spec) -> "Recipe":
        """The recipe with every 'auto' replaced by what suits the data."""
        return self

    @abstractmethod
    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> eqx.Module:
        """A model of the right shapes with random parameters."""

    @abstractmethod
    def update(self, spec: Spec) -> AbstractUpdate:
        """How the model learns."""

    def untouched(self, spec: Spec) -> tuple[int, ...]:
        """The columns that no step of the preprocessing may touch."""
        return ()

    def initialise(self, model: Any, batch: Batch, key: PRNGKeyArray) -> Any:
        """The model with what depends on data set from a first, large batch of events."""
        return model

    def check(self, model: Any, batch: Batch) -> None:
        """Refuse nets of the user's own that do not do on first events what the model needs."""

    def conclude(self, model: Any, key: PRNGKeyArray, held: Iterable[Batch] = ()) -> Any:
        """The model with what can only be found once it has learnt: a normaliser, say.

        `held` are the events that models were compared on, batch by batch, drawn as they are asked
        for: what has to be measured on events that it has not learnt from. Once, at the end of a
        fit, and not for compilation.
        """
        return model

    def log_normaliser(
        self, model: Any, key: PRNGKeyArray, events: Array, condition: Condition = None
    ) -> LogZ:
        """log sum_x exp(-E(x | c)) of a model that is `Unnormalised`, not for compilation.

        `events` are such as it was learnt from, from which an estimate may start.
        """
        raise NotImplementedError(f"{type(self).__name__} knows of no normaliser.")

    def caveat(self, model: Any) -> str:
        """What else is to be said of a log-likelihood of the model, to go on a sentence with."""
        return ""

    def remarks(self, model: Any, spec: Spec) -> tuple[str, ...]:
        """What whoever fitted the model should be warned of, each in a sentence or two."""
        return ()

    def remarks_on(self, history: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """What the metrics of the fit, epoch by epoch, give warning of, likewise."""
        return ()

    def figures(self, model: Any, subject: Subject) -> tuple[Figure, ...]:
        """What only this family knows to show of a model, as arrays and labels."""
        return ()

    def diagnose(
        self, model: Any, batch: Batch, key: PRNGKeyArray, *, refine: int = 0
    ) -> tuple[Measure, ...]:
        """What only this family knows to measure of a model on some events it has not seen.

        A family with a posterior refines that of every event by so many steps, to see what the
        guess at it misses.
        """
        return ()
