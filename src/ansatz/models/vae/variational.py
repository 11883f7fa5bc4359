"""The settings that recipes of variational autoencoders share, whatever events they meet."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import equinox as eqx

from ansatz.models.vae.model import VAE
from ansatz.protocol.errors import OptionError, nearest
from ansatz.protocol.gradient import Group
from ansatz.protocol.optimiser import Optimiser, PartOptimiser
from ansatz.protocol.recipe import Recipe

PARTS = ("encoder", "decoder", "prior")


@dataclass(frozen=True, kw_only=True)
class VariationalRecipe(Optimiser, Recipe):
    """How a variational autoencoder learns, whatever its codes are."""

    family: ClassVar[type[eqx.Module]] = VAE

    latent: int = 16
    """Numbers in a code."""
    draws: int = 1
    """How often codes are drawn for every event and step, to lessen the noise of the gradient."""
    beta: float = 1.0
    """Weight of the divergence from the prior; 1 gives the evidence lower bound."""
    beta_warmup: int = 0
    """Steps in which beta rises linearly from zero."""
    average: float = 0.0
    """Decay of the parameters' running average, which is then what is kept; 0 for none."""
    groups: dict[str, Any] = field(default_factory=dict)
    """Settings of the optimiser for the 'encoder', the 'decoder' or the 'prior' alone, and the
    steps at which that part learns (first, last, every)."""

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        Optimiser.__post_init__(self)
        if self.latent < 1:
            raise OptionError(f"latent must be at least 1; it is {self.latent}.")
        if self.draws < 1:
            raise OptionError(f"draws must be at least 1; it is {self.draws}.")
        for label in ("beta", "beta_warmup"):
            if getattr(self, label) < 0:
                raise OptionError(f"{label} must not be negative; it is {getattr(self, label)}.")

    def _groups(self) -> tuple[Group, ...]:
        """One group of all parameters, and one for each part with settings of its own."""
        common = self.alone()
        groups = []
        for part, settings in self.groups.items():
            if part not in PARTS:
                raise OptionError(
                    f"A VAE has no group of parameters {part!r}. {nearest(part, PARTS)}"
                )
            own = PartOptimiser.of({**common.settings(), **settings})
            groups.append(Group(own, part, own.first, own.last, own.every))
        return (*groups, Group(common))
