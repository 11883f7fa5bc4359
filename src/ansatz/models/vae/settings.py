"""The settings of a variational autoencoder: codes, bound, estimator, prior, and what agrees."""

from dataclasses import dataclass
from typing import Literal

from ansatz.models.vae.ends_recipe import EndsRecipe
from ansatz.models.vae.estimator import ESTIMATORS, Estimator
from ansatz.models.vae.prior import PriorWord
from ansatz.protocol.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class VAESettings(EndsRecipe):
    """Everything that can be chosen."""

    latent: int = 16
    """Numbers in a code; of several stochastic layers, in the one that the decoder reads."""
    deeper: tuple[int, ...] = ()
    """Numbers in further stochastic layers, each of which is drawn given the one before and is
    the cause of it."""
    deeper_hidden: tuple[int, ...] = (100, 100)
    """Widths of the fully connected layers between two stochastic ones, and of those that say how
    a flow of codes moves."""
    posterior: Literal["normal", "full", "flow", "binary"] = "normal"
    """The guess at a code: independent numbers, numbers with all their covariances, numbers that
    a flow bends, or bits."""
    couplings: int = 4
    """Affine couplings of a posterior that is a flow."""
    prior: str = "standard"
    """What codes are believed to be: standard (of the mean and scale below, or coins), learnt (of
    a mean and scale that are learnt), learnt:10 (a mixture of ten), vamp:50 (the codes of fifty
    pseudo-inputs), or flow:4 (numbers that four couplings bend)."""
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
        EndsRecipe.__post_init__(self)
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
        for label in ("samples", "couplings"):
            if getattr(self, label) < 1:
                raise OptionError(f"{label} must be at least 1; it is {getattr(self, label)}.")
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
        if prior.name == "flow" and self.posterior == "binary":
            raise OptionError(
                "The prior 'flow' is of numbers that vary smoothly, and codes are bits: choose "
                "--prior learnt, or another --posterior."
            )
        if self.free_bits and (
            self.samples > 1
            or self.deeper
            or self.posterior in ("full", "flow")
            or prior.count > 1
            or prior.name in ("vamp", "flow")
            or self.chosen().holds_density
        ):
            raise OptionError(
                "free_bits are of the exact divergence of single latents: they need one sample, "
                "one stochastic layer, a posterior of independent numbers, a prior that is "
                "standard or learnt, and an estimator that does not hold the density."
            )

    def chosen(self) -> Estimator:
        """The estimator, 'auto' made up."""
        if self.estimator != "auto":
            return ESTIMATORS[self.estimator]
        return ESTIMATORS["relaxed" if self.posterior == "binary" else "reparameterised"]
