"""The settings of a variational autoencoder, and how they become a model and an update."""

import warnings
from dataclasses import dataclass
from typing import ClassVar, Literal

import equinox as eqx
from jaxtyping import PRNGKeyArray

from ansatz.models.vae.build import build
from ansatz.models.vae.diagnostics import diagnose
from ansatz.models.vae.estimator import ESTIMATORS, Estimator
from ansatz.models.vae.figures import figures
from ansatz.models.vae.model import VAE
from ansatz.models.vae.objective import Beta, Cooling, NegativeBound
from ansatz.models.vae.prior import PriorWord
from ansatz.models.vae.variational import PARTS, VariationalRecipe
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.measure import Measure
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate


@dataclass(frozen=True, kw_only=True)
class VAERecipe(VariationalRecipe):
    """A variational autoencoder: codes z, a decoder p(x | z), an encoder q(z | x)."""

    name: ClassVar[str] = "vae"
    kind: ClassVar[str] = "the recipe 'vae'"
    nets: ClassVar[tuple[str, ...]] = PARTS

    latent: int = 16
    """Numbers in a code; of several stochastic layers, in the one that the decoder reads."""
    deeper: tuple[int, ...] = ()
    """Numbers in further stochastic layers, each of which is drawn given the one before and is
    the cause of it."""
    deeper_hidden: tuple[int, ...] = (100, 100)
    """Widths of the fully connected layers between two stochastic ones."""
    posterior: Literal["normal", "full", "binary"] = "normal"
    """The guess at a code: independent numbers, numbers with all their covariances, or bits."""
    prior: str = "standard"
    """What codes are believed to be: standard (of the mean and scale below, or coins), learnt (of
    a mean and scale that are learnt), learnt:10 (a mixture of ten), or vamp:50 (the codes of fifty
    pseudo-inputs)."""
    prior_mean: tuple[float, ...] = (0.0,)
    """Mean of the prior of codes, or log-odds of bits: one number for all, or one for each."""
    prior_scale: tuple[float, ...] = (1.0,)
    """Standard deviation of the prior of codes, likewise."""
    samples: int = 1
    """Codes drawn for every event, of which the bound averages the importance weights (K)."""
    estimator: Literal[
        "auto",
        "reparameterised",
        "sticking-the-landing",
        "doubly-reparameterised",
        "score",
        "score-constant",
        "score-leave-one-out",
        "relaxed",
        "straight-through",
    ] = "auto"
    """How the gradient passes through a drawn code; 'auto' is reparameterised, or relaxed for
    bits."""
    temperature: float = 0.5
    """Of relaxed bits: near zero they are almost zeros and ones, and their gradient is noisy."""
    free_bits: float = 0.0
    """Nats of every latent that cost nothing beyond what having them costs."""

    def __post_init__(self) -> None:
        VariationalRecipe.__post_init__(self)
        if self.free_bits < 0:
            raise OptionError(f"free_bits must not be negative; it is {self.free_bits}.")
        for label in ("prior_mean", "prior_scale"):
            top = (self.latent, *self.deeper)[-1]
            if len(getattr(self, label)) not in (1, top):
                raise OptionError(
                    f"{label} has {len(getattr(self, label))} numbers; "
                    f"give one, or {top}, one for each number of a code."
                )
        if any(scale <= 0 for scale in self.prior_scale):
            raise OptionError(f"prior_scale must be positive; it is {self.prior_scale}.")
        if any(width < 1 for width in (*self.deeper, *self.deeper_hidden)):
            raise OptionError(
                f"Stochastic layers and the widths between them must be at least 1; they are "
                f"{self.deeper} and {self.deeper_hidden}."
            )
        if not self.temperature > 0:
            raise OptionError(f"temperature must be positive; it is {self.temperature}.")
        self._check_bound()
        self._groups()

    def _check_bound(self) -> None:
        """Refuse what does not go together: bound, estimator, posterior and prior."""
        if self.samples < 1:
            raise OptionError(f"samples must be at least 1; it is {self.samples}.")
        fitting = [name for name, one in ESTIMATORS.items() if one.suits(self.posterior)]
        if self.estimator != "auto" and self.estimator not in fitting:
            raise OptionError(
                f"The estimator {self.estimator!r} does not apply to the posterior "
                f"{self.posterior!r}; those that do are {', '.join(fitting)}."
            )
        if self.estimator == "score-leave-one-out" and self.samples * self.draws == 1:
            raise OptionError(
                "score-leave-one-out judges each draw by others: give --samples 2 or --draws 2, "
                "or more."
            )
        prior = PriorWord.of(self.prior)
        if prior.name == "vamp" and self.deeper:
            raise OptionError(
                "The prior 'vamp' is of codes that the encoder gives events, which is one layer: "
                "leave --deeper out, or choose --prior learnt."
            )
        if self.free_bits and (
            self.samples > 1
            or self.deeper
            or self.posterior == "full"
            or prior.components > 1
            or prior.name == "vamp"
            or self._estimator().holds_density
        ):
            raise OptionError(
                "free_bits are of the exact divergence of single latents: they need one sample, "
                "one stochastic layer, a posterior of independent numbers, a prior that is "
                "standard or learnt, and an estimator that does not hold the density."
            )

    def _estimator(self) -> Estimator:
        if self.estimator != "auto":
            return ESTIMATORS[self.estimator]
        return ESTIMATORS["relaxed" if self.posterior == "binary" else "reparameterised"]

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
            self._estimator(),
            samples=self.samples,
            groups=self.draws,
            free_bits=self.free_bits,
            temperature=Cooling(self.temperature, self.temperature),
        )
        fixed = [Group(None, "view")]
        top = "prior.top" if self.deeper else "prior"
        if PriorWord.of(self.prior).name == "standard" and top not in self.groups:
            fixed.append(Group(None, top))
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
