"""A flow that has learnt a known energy, beside what is known of the energy otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.importance import (
    effective_fraction,
    effective_fraction_on_reference,
    log_normaliser,
)
from ansatz.models.flow import FlowRecipe
from ansatz.runs.energies import EPOCH, Energy, EnergyFit, energy_fits
from ansatz.studies.claim import Measured
from ansatz.studies.study import Context


@dataclass(frozen=True, eq=False)
class Learnt:
    """A flow of a known energy with draws of it, and what is known otherwise."""

    name: str
    fit: EnergyFit
    log_z: Estimate
    """From elsewhere."""
    reference: np.ndarray
    """Samples of p from elsewhere."""
    x: np.ndarray
    log_weights: Float[np.ndarray, " draw"]

    @property
    def own(self) -> Estimate:
        """Effective samples of the flow's draws."""
        return effective_fraction(self.log_weights)

    @cached_property
    def on_reference(self) -> Estimate:
        """The same from samples of p."""
        return effective_fraction_on_reference(self.fit.weigh(self.reference))

    @property
    def gap(self) -> Measured:
        """How far log Z of the flow lies from that from elsewhere."""
        found = log_normaliser(self.log_weights)
        error = float(np.hypot(found.error, self.log_z.error))
        return Measured(found.value - self.log_z.value, error)


def learn(
    context: Context,
    name: str,
    recipe: FlowRecipe,
    energy: Energy,
    shape: tuple[int, ...],
    steps: int,
    draws: int,
    hottest: float,
) -> EnergyFit:
    """The flow of an energy, watched as it learns."""
    last: list[EnergyFit] = []

    def rounds() -> Iterator[np.ndarray]:
        for fit in energy_fits(
            energy, shape, recipe, steps=steps, draws=draws, hottest=hottest, seed=context.seed
        ):
            last[:] = [fit]
            yield np.empty(EPOCH)

    for _ in context.watch(rounds(), steps, f"Learning, {name}"):
        pass
    return last[0]
