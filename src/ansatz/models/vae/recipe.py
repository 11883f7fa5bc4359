"""The settings of a variational autoencoder, and how they become a model and an update."""

import warnings
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal

import equinox as eqx
from jaxtyping import PRNGKeyArray

from ansatz.models.vae.build import build
from ansatz.models.vae.diagnostics import diagnose
from ansatz.models.vae.estimator import ESTIMATORS, Estimator
from ansatz.models.vae.figures import figures
from ansatz.models.vae.likelihood import AS_THEY_ARE, Likelihoods
from ansatz.models.vae.model import VAE
from ansatz.models.vae.objective import Beta, NegativeBound
from ansatz.models.vae.prior import PriorWord, VampPrior
from ansatz.models.vae.view import known
from ansatz.nets import OwnNet
from ansatz.protocol.errors import OptionError, nearest
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.measure import Measure
from ansatz.protocol.optimiser import Optimiser, PartOptimiser
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate

_AS_PIXELS: dict[str, tuple[str, ...]] = {
    "whole": ("scale", "binarise"),
    "unit": ("binarise",),
}

PARTS = ("encoder", "decoder", "prior")


@dataclass(frozen=True, kw_only=True)
class VAERecipe(Optimiser, Recipe):
    """A variational autoencoder: codes z, a decoder p(x | z), an encoder q(z | x)."""

    name: ClassVar[str] = "vae"
    kind: ClassVar[str] = "the recipe 'vae'"
    family: ClassVar[type[eqx.Module]] = VAE
    nets: ClassVar[tuple[str, ...]] = PARTS
    takes_missing: ClassVar[bool] = True

    latent: int = 16
    """Numbers in a code; of several stochastic layers, in the one that the decoder reads."""
    deeper: tuple[int, ...] = ()
    """Numbers in further stochastic layers, each of which is drawn given the one before and is
    the cause of it."""
    deeper_hidden: tuple[int, ...] = (100, 100)
    """Widths of the fully connected layers between two stochastic ones."""
    net: Literal["mlp", "residual", "conv"] = "mlp"
    """Layers that are fully connected, fully connected and added to their input, or convolutional
    and then fully connected (for images)."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the encoder's fully connected layers; the decoder mirrors them."""
    channels: tuple[int, ...] = (32, 64)
    """Channels of the encoder's convolutions, each of which halves the image; the decoder mirrors
    them."""
    circular: bool = False
    """Whether an image goes on at its other side, as on a torus."""
    activation: Literal["tanh", "relu", "leaky_relu", "gelu", "silu", "softplus"] = "gelu"
    """The function between layers."""
    dropout: float = 0.0
    """Fraction of hidden units silenced in training."""
    normalise: Literal["none", "layer"] = "none"
    """Whether the units of a layer are brought to mean zero and variance one."""
    modulate: bool = False
    """Let a condition scale and shift the hidden units, in place of standing beside the input."""
    likelihood: tuple[str, ...] = ("auto",)
    """What the decoder says of each number of an event: bernoulli, continuous-bernoulli,
    categorical, normal, full-normal (with all covariances), laplace, logistic, poisson or hurdle
    (zero, or log-normal). With ':3' it is a mixture of three, and COLUMN=... is for one column."""
    variance: Literal["learnt", "fixed", "each"] = "learnt"
    """A normal likelihood's variance: one that is learnt, fixed by `sigma`, or one for every
    number of an event, from the decoder."""
    sigma: float = 1.0
    """A normal likelihood's standard deviation, fixed or where it starts."""
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
    draws: int = 1
    """How often that is done for every event and step, to lessen the noise of the gradient."""
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
    beta: float = 1.0
    """Weight of the divergence from the prior; 1 gives the evidence lower bound."""
    beta_warmup: int = 0
    """Steps in which beta rises linearly from zero."""
    free_bits: float = 0.0
    """Nats of every latent that cost nothing beyond what having them costs."""
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
        if any(width < 1 for width in self.hidden):
            raise OptionError(f"hidden widths must be at least 1; they are {self.hidden}.")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout must lie in [0, 1); it is {self.dropout}.")
        if any(number < 1 for number in self.channels):
            raise OptionError(f"channels must be at least 1; they are {self.channels}.")
        if not self.sigma > 0:
            raise OptionError(f"sigma must be positive; it is {self.sigma}.")
        for label in ("beta", "beta_warmup", "free_bits"):
            if getattr(self, label) < 0:
                raise OptionError(f"{label} must not be negative; it is {getattr(self, label)}.")
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
        for label in ("samples", "draws"):
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
        image = len(spec.shape) > 1
        words = self.likelihood
        if all("=" in word for word in words if word != "auto"):
            pixels = image and spec.kind in ("whole", "unit")
            default = "bernoulli" if spec.kind == "binary" or pixels else "normal"
            words = (default, *(word for word in words if word != "auto"))
        likelihoods = Likelihoods.of(words, spec)
        default = likelihoods.default.name
        preprocess = self.preprocess
        if preprocess == ("auto",):
            if default == "bernoulli":
                preprocess = _AS_PIXELS.get(spec.kind, ("none",))
            elif default == "continuous-bernoulli":
                preprocess = ("none",) if spec.kind in ("binary", "unit") else ("scale",)
            elif default in AS_THEY_ARE:
                preprocess = ("none",)
            else:
                preprocess = ("scale",) if image and spec.kind != "real" else ("standardise",)
        if default != "bernoulli" and "binarise" in preprocess:
            raise OptionError(
                f"Binarised events need a Bernoulli likelihood, not {default!r}: leave "
                "'binarise' out of --preprocess."
            )
        likelihoods.check(spec, preprocess)
        # The default is nobody's choice.
        if self.latent > spec.size and self.latent != type(self).latent:
            warnings.warn(
                f"A code of {self.latent} numbers is larger than an event, which has {spec.size}: "
                "some will say nothing. A smaller --latent learns faster.",
                RuntimeWarning,
                stacklevel=2,
            )
        return replace(self, likelihood=words, preprocess=preprocess)

    def untouched(self, spec: Spec) -> tuple[int, ...]:
        return Likelihoods.of(self.likelihood, spec).untouched()

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> VAE:
        return build(self, spec, key, nets)

    def initialise(self, model: VAE, batch: Batch, key: PRNGKeyArray) -> VAE:
        """Start the decoder at what the events are like, whatever the code."""
        model = eqx.tree_at(lambda m: m.view, model, model.view.fitted(batch.event))
        if isinstance(model.prior, VampPrior):
            prior = model.prior.fitted(model.view, batch.event)
            model = eqx.tree_at(lambda m: m.prior, model, prior)
        net = model.decoder.net
        if isinstance(net, OwnNet):
            return model
        raw = model.decoder.head.initial(*known(batch.event))
        return eqx.tree_at(lambda m: m.decoder.net, model, net.with_output_bias(raw))

    def update(self, spec: Spec) -> AbstractUpdate:
        objective = NegativeBound(
            Beta(self.beta, self.beta_warmup),
            self._estimator(),
            samples=self.samples,
            groups=self.draws,
            free_bits=self.free_bits,
            temperature=self.temperature,
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

    def _groups(self) -> tuple[Group, ...]:
        """One group of all parameters, and one for each part with settings of its own."""
        common = {field.name: getattr(self, field.name) for field in fields(Optimiser)}
        groups = []
        for part, settings in self.groups.items():
            if part not in PARTS:
                raise OptionError(
                    f"A VAE has no group of parameters {part!r}. {nearest(part, PARTS)}"
                )
            own = PartOptimiser.of({**common, **settings})
            groups.append(Group(own, part, own.first, own.last, own.every))
        return (*groups, Group(Optimiser.of(common)))
