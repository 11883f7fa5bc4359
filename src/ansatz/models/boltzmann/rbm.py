"""The settings of a restricted Boltzmann machine."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.chains import check_units
from ansatz.models.boltzmann.objective import shown
from ansatz.models.boltzmann.recipe import MachineRecipe
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.units import Units
from ansatz.protocol.errors import OptionError
from ansatz.protocol.gradient import Group
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch


@dataclass(frozen=True, kw_only=True)
class RBMRecipe(MachineRecipe):
    """A restricted Boltzmann machine: visible units, hidden units, and what couples them."""

    name: ClassVar[str] = "rbm"
    kind: ClassVar[str] = "the recipe 'rbm'"
    family: ClassVar[type[eqx.Module]] = RestrictedMachine

    hidden: int = 128
    """Hidden units."""
    visible: Literal["auto", "two-valued", "gaussian"] = "auto"
    """Whether visible units have two values or are real numbers; 'auto' chooses by the data."""
    variance: Literal["fixed", "learnt"] = "fixed"
    """Whether the variances of Gaussian visible units stay at 1 or learn."""

    def __post_init__(self) -> None:
        MachineRecipe.__post_init__(self)
        if self.hidden < 1:
            raise OptionError(f"hidden must be at least 1; it is {self.hidden}.")
        check_units("hidden", self.hidden)

    def resolve(self, spec: Spec) -> "MachineRecipe":
        visible = self.visible
        if visible == "auto":
            visible = "gaussian" if self._real(spec) else "two-valued"
        own = replace(self, visible=visible)
        if visible == "gaussian":
            if spec.condition:
                raise OptionError("Gaussian visible units cannot show a condition: leave it out.")
            own = replace(own, units="binary" if own.units == "auto" else own.units)
        return super(RBMRecipe, own).resolve(spec)

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> RestrictedMachine:
        count = spec.size + spec.condition
        noise = jax.random.normal(key, (count, self.hidden), self.dtype)
        gaussian = self.visible == "gaussian"
        return RestrictedMachine(
            visible_bias=jnp.zeros(count, self.dtype),
            hidden_bias=jnp.zeros(self.hidden, self.dtype),
            weight=self.spread * noise,
            log_scale=jnp.zeros(count, self.dtype) if gaussian else None,
            visible=tuple(range(count)),
            shape=spec.shape,
            units="spin" if self.units == "spin" else "binary",
            sweeps=self.sweeps,
        )

    def initialise(self, model: Any, batch: Batch, key: PRNGKeyArray) -> Any:
        if model.gaussian:
            mean = shown(model, batch) @ batch.weight / jnp.sum(batch.weight)
            return self._begun(model, mean)
        return super().initialise(model, batch, key)

    def _begun(self, model: Any, bias: Float[Array, " visible"]) -> RestrictedMachine:
        return replace(model, visible_bias=bias)

    def _steps(self, spec: Spec, units: Units) -> tuple[str, ...]:
        if self.visible != "gaussian":
            return super()._steps(spec, units)
        return ("standardise",) if self.preprocess == ("auto",) else self.preprocess

    def _fixed(self) -> tuple[Group, ...]:
        frozen = self.visible == "gaussian" and self.variance == "fixed"
        return (Group(None, "log_scale"),) if frozen else ()

    def _real(self, spec: Spec) -> bool:
        """Whether the data, or what the steps asked for make of them, are real numbers."""
        if self.preprocess != ("auto",):
            last = self.preprocess[-1].partition("=")[0]
            made = last in ("binarise", "threshold", "spin")
            return not made and not (last == "none" and spec.kind == "binary")
        if (min(spec.lowest), max(spec.highest)) == (-1, 1):
            return False
        return spec.kind == "real" or (spec.kind == "whole" and len(spec.shape) == 1)
