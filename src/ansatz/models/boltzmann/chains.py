"""The settings of a machine's free phase: where the mean of dE/dθ in the machine comes from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.phases import (
    AbstractFreePhase,
    Contrastive,
    Exact,
    Persistent,
    Tempered,
    summable,
)
from ansatz.models.boltzmann.update import watchable
from ansatz.protocol.errors import OptionError
from ansatz.protocol.settings import Settings

FEW_STATES = 2**18
"""States times units that are enumerated in every step."""

_LEAST = {"gibbs": 1, "chains": 1, "rungs": 2, "sweeps": 1}

Method = Literal["auto", "exact", "cd", "pcd", "tempered"]


MOST_UNITS = 2**20
"""Of a machine, whose units are listed one by one."""


def check_units(name: str, count: int) -> None:
    """Refuse more units than a machine may have."""
    if count > MOST_UNITS:
        raise OptionError(f"{name} must be at most {MOST_UNITS}; it is {count}.")


@dataclass(frozen=True, kw_only=True)
class ChainSettings(Settings):
    """How the free phase is found, and samples are drawn."""

    method: Literal["auto", "exact", "cd", "pcd", "tempered"] = "auto"
    """Where the free phase comes from: all states; chains of a few sweeps from the data
    (contrastive divergence); chains that go on from step to step (persistent); or such chains
    at several temperatures. 'auto' is exact for small machines and persistent for others."""
    gibbs: int = 1
    """Sweeps of the chains in each step."""
    chains: int = 128
    """Persistent chains, at each temperature."""
    rungs: int = 8
    """Temperatures of 'tempered'."""
    hottest: float = 0.2
    """The lowest inverse temperature of 'tempered'; the highest is 1."""
    slope: Literal["centred", "plain"] = "centred"
    """Whether units are measured from their means while learning."""
    spread: float = 0.01
    """Standard deviation of the first weights."""
    sweeps: int = 1000
    """Sweeps from a random start before a sample is taken."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise OptionError(f"{name} must be at least {least}; it is {getattr(self, name)}.")
        if not 0 <= self.hottest < 1:
            raise OptionError(f"hottest must lie in [0, 1); it is {self.hottest}.")
        if self.spread < 0:
            raise OptionError(f"spread must not be negative; it is {self.spread}.")
        if self.method == "tempered" and self.gibbs < 2:
            # Rungs swap in turn, the even pairs and then the odd ones.
            raise OptionError("'tempered' needs at least two sweeps in a step: --gibbs 2.")

    def chosen(self, machine: AbstractMachine) -> Method:
        """The method for a machine of this form, 'auto' made up."""
        if self.method == "exact" and not (summable(machine) and watchable(machine)):
            raise OptionError(
                f"The exact gradient enumerates {machine.exact_kernel().enumerated} units in every "
                "step, which is too many: choose --method pcd."
            )
        if self.method != "auto":
            return self.method
        states = machine.nodes * 2 ** machine.exact_kernel().enumerated
        return "exact" if summable(machine) and states <= FEW_STATES else "pcd"

    def free_phase(self, clamped: int, held: tuple[int, ...] = ()) -> AbstractFreePhase:
        """The phase itself; `clamped` sweeps draw hidden units that cannot be summed out.

        Nodes that are `held` stay as events have them, in the chains of cd and pcd.
        """
        if self.method == "cd":
            return Contrastive(self.gibbs, clamped, held)
        if self.method == "pcd":
            return Persistent(self.gibbs, self.chains, held)
        if self.method == "tempered":
            betas = np.linspace(self.hottest, 1, self.rungs)
            return Tempered(self.gibbs, self.chains, tuple(betas.tolist()))
        return Exact()
