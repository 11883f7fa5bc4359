"""How the settings of a variational autoencoder become a model and an update."""

import warnings
from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
from jaxtyping import PRNGKeyArray

from ansatz.models.vae.build import build
from ansatz.models.vae.diagnostics import diagnose
from ansatz.models.vae.figures import figures
from ansatz.models.vae.model import VAE
from ansatz.models.vae.objective import Beta, Cooling, NegativeBound
from ansatz.models.vae.prior import PriorWord
from ansatz.models.vae.settings import VAESettings
from ansatz.models.vae.variational import PARTS
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.measure import Measure
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate


@dataclass(frozen=True, kw_only=True)
class VAERecipe(VAESettings):
    """A variational autoencoder: codes z, a decoder p(x | z), an encoder q(z | x)."""

    name: ClassVar[str] = "vae"
    kind: ClassVar[str] = "the recipe 'vae'"
    nets: ClassVar[tuple[str, ...]] = PARTS

    def resolve(self, spec: Spec) -> "VAERecipe":
        resolved = super().resolve(spec)
        # The default is nobody's choice.
        if self.latent > spec.size and self.latent != type(self).latent:
            warnings.warn(
                f"A code of {self.latent} numbers is larger than an event, which has {spec.size}: "
                "some will say nothing. A smaller --latent learns faster.",
                RuntimeWarning,
                stacklevel=2,
            )
        return resolved

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> VAE:
        return build(self, spec, key, nets)

    def update(self, spec: Spec) -> AbstractUpdate:
        objective = NegativeBound(
            Beta(self.beta, self.beta_warmup),
            self.chosen(),
            samples=self.samples,
            groups=self.draws,
            free_bits=self.free_bits,
            temperature=Cooling(self.temperature, self.temperature),
        )
        fixed = [Group(None, "view")]
        top = "prior.top" if self.deeper else "prior"
        word = PriorWord.of(self.prior)
        if word.name == "standard" and top not in self.groups:
            fixed.append(Group(None, top))
        if word.name == "flow":
            fixed.append(Group(None, f"{top}.base"))
        return gradient(
            objective,
            (*fixed, *self._groups()),
            steps=self.epochs * spec.steps_per_epoch,
            average=self.average,
        )

    def figures(self, model: VAE, subject: Subject) -> tuple[Figure, ...]:
        return figures(model, subject)

    def diagnose(
        self, model: VAE, batch: Batch, key: PRNGKeyArray, *, refine: int = 0
    ) -> tuple[Measure, ...]:
        return diagnose(model, batch, key, refine)
