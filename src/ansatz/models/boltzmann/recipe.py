"""The settings that all Boltzmann machines share: how they learn, and of which data."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.chains import ChainSettings
from ansatz.models.boltzmann.figures import figures
from ansatz.models.boltzmann.normaliser import log_normaliser
from ansatz.models.boltzmann.objective import NegativeLogLikelihood, shown
from ansatz.models.boltzmann.units import Units, span
from ansatz.models.boltzmann.update import MachineUpdate, watchable
from ansatz.protocol.capabilities import Condition, LogZ
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate


@dataclass(frozen=True, kw_only=True)
class MachineRecipe(ChainSettings, Optimiser, Recipe):
    """How a Boltzmann machine learns."""

    family: ClassVar[type[eqx.Module]] = AbstractMachine
    of_bits: ClassVar[bool] = True

    units: Literal["auto", "binary", "spin"] = "auto"
    """The two values of a unit: 0 and 1, or −1 and +1; 'auto' takes those of the data."""
    clamped: int = 10
    """Sweeps of the hidden units under an event, where they are coupled and too many to sum."""
    average: float = 0.0
    """Decay of the parameters' running average, which is then what is kept; 0 for none."""
    optimiser: Literal["adam", "adamw", "sgd", "rmsprop", "lion"] = "sgd"
    """The rule that turns gradients into steps."""
    rate: float = 0.01
    """Learning rate, the highest the schedule reaches."""

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        Optimiser.__post_init__(self)
        ChainSettings.__post_init__(self)
        if self.clamped < 1:
            raise OptionError(f"clamped must be at least 1; it is {self.clamped}.")

    def resolve(self, spec: Spec) -> "MachineRecipe":
        if any(classes == 0 for classes in spec.classes):
            raise OptionError(
                f"{self.kind} takes categories for conditions, one unit for each, and no numbers."
            )
        units = self._units(spec)
        resolved = replace(self, units=units, preprocess=self._steps(spec, units))
        machine = resolved._example(spec)
        return replace(resolved, method=resolved.chosen(machine))

    def log_normaliser(
        self,
        model: Any,
        key: PRNGKeyArray,
        events: Array,
        condition: Condition = None,
    ) -> LogZ:
        return log_normaliser(key, model, events, condition)

    def initialise(self, model: Any, batch: Batch, key: PRNGKeyArray) -> Any:
        """Start at independent visible units with the means of the events."""
        seen = shown(model, batch)
        return self._begun(model, first_bias(model, seen, batch.weight))

    def update(self, spec: Spec) -> AbstractUpdate:
        machine = self._example(spec)
        objective = NegativeLogLikelihood(
            self.free_phase(self.clamped), self.slope == "centred", self.clamped, self.l1, self.l2
        )
        # The objective has the penalty, for the weights of a graph are a row, as biases are.
        own = self.alone().with_settings({"l1": 0.0, "l2": 0.0})
        steps = self.epochs * spec.steps_per_epoch
        inner = gradient(objective, (*self._fixed(), Group(own)), steps=steps, average=self.average)
        return MachineUpdate(inner, watchable(machine))

    def figures(self, model: AbstractMachine, subject: Subject) -> tuple[Figure, ...]:
        return figures(model, subject)

    @abstractmethod
    def _begun(self, model: Any, bias: Float[Array, " visible"]) -> Any:
        """The model with these biases of its visible units."""

    def _example(self, spec: Spec) -> AbstractMachine:
        """A machine of the right form."""
        machine = self.build(spec, jax.random.key(0))
        assert isinstance(machine, AbstractMachine)
        return machine

    def _fixed(self) -> tuple[Group, ...]:
        """Parameters that do not learn."""
        return ()

    def _units(self, spec: Spec) -> Units:
        if self.units != "auto":
            return self.units
        return "spin" if (min(spec.lowest), max(spec.highest)) == (-1, 1) else "binary"

    def _steps(self, spec: Spec, units: Units) -> tuple[str, ...]:
        """The steps that make units of the data, or those asked for if they do."""
        if self.preprocess != ("auto",):
            self._check(spec, units)
            return self.preprocess
        steps: tuple[str, ...] = ()
        if spec.kind == "unit" or (spec.kind == "whole" and len(spec.shape) > 1):
            steps = ("scale", "binarise") if spec.kind == "whole" else ("binarise",)
        elif (min(spec.lowest), max(spec.highest)) == (-1, 1):
            if units == "binary":
                raise OptionError(
                    "The data go from -1 to 1: leave --units spin to them, or say --preprocess "
                    "scale threshold."
                )
            steps = ("scale",)
        elif spec.kind != "binary":
            raise OptionError(
                f"{self.kind} is of units with two values, and the events hold others: end "
                "--preprocess with 'threshold' or 'binarise'."
            )
        return (*steps, "spin") if units == "spin" else steps or ("none",)

    def _check(self, spec: Spec, units: Units) -> None:
        last = self.preprocess[-1].partition("=")[0] if self.preprocess else "none"
        if units == "spin" and last != "spin":
            raise OptionError("Units of -1 and +1 are made by --preprocess ... spin, at its end.")
        bits = last in ("binarise", "threshold") or (last == "none" and spec.kind == "binary")
        if units == "binary" and not bits:
            raise OptionError(
                "Units of 0 and 1 are made by --preprocess ... threshold or ... binarise, at its "
                "end."
            )


def first_bias(
    machine: AbstractMachine,
    seen: Float[Array, "visible event"],
    weights: Float[Array, " event"],
) -> Float[Array, " visible"]:
    """The biases of independent units with the weighted means of the events.

    One event of each value more, so that no bias is infinite.
    """
    total = jnp.maximum(jnp.sum(weights), 1)
    up = (jnp.where(seen > 0, 1, 0).astype(weights.dtype) @ weights + 1) / (total + 2)
    least = 1 / (total + 2)
    up = jnp.clip(up, least, 1 - least)
    return jnp.log(up / (1 - up)) / span(machine.units)
