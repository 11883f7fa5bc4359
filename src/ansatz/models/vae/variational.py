"""The settings that recipes of variational autoencoders share: nets, likelihoods, optimisers."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, TypeVar

import equinox as eqx
from jaxtyping import PRNGKeyArray

from ansatz.models.vae.likelihood import AS_THEY_ARE, Likelihoods
from ansatz.models.vae.model import VAE
from ansatz.models.vae.prior import VampPrior
from ansatz.models.vae.view import known
from ansatz.nets import OwnNet
from ansatz.protocol.errors import OptionError, nearest
from ansatz.protocol.gradient import Group
from ansatz.protocol.optimiser import Optimiser, PartOptimiser
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import Batch

_AS_PIXELS: dict[str, tuple[str, ...]] = {
    "whole": ("scale", "binarise"),
    "unit": ("binarise",),
}

PARTS = ("encoder", "decoder", "prior")

Own = TypeVar("Own", bound="VariationalRecipe")


@dataclass(frozen=True, kw_only=True)
class VariationalRecipe(Optimiser, Recipe):
    """How a variational autoencoder is built and learns, whatever its codes are."""

    family: ClassVar[type[eqx.Module]] = VAE
    takes_missing: ClassVar[bool] = True

    latent: int = 16
    """Numbers in a code."""
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
    draws: int = 1
    """How often that is done for every event and step, to lessen the noise of the gradient."""
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
        if any(width < 1 for width in self.hidden):
            raise OptionError(f"hidden widths must be at least 1; they are {self.hidden}.")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout must lie in [0, 1); it is {self.dropout}.")
        if any(number < 1 for number in self.channels):
            raise OptionError(f"channels must be at least 1; they are {self.channels}.")
        if not self.sigma > 0:
            raise OptionError(f"sigma must be positive; it is {self.sigma}.")
        if self.draws < 1:
            raise OptionError(f"draws must be at least 1; it is {self.draws}.")
        for label in ("beta", "beta_warmup"):
            if getattr(self, label) < 0:
                raise OptionError(f"{label} must not be negative; it is {getattr(self, label)}.")

    def resolve(self: Own, spec: Spec) -> Own:
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
        return replace(self, likelihood=words, preprocess=preprocess)

    def untouched(self, spec: Spec) -> tuple[int, ...]:
        return Likelihoods.of(self.likelihood, spec).untouched()

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

    def _common(self) -> dict[str, Any]:
        """The optimiser's settings that all parts have."""
        return {field.name: getattr(self, field.name) for field in fields(Optimiser)}

    def _groups(self) -> tuple[Group, ...]:
        """One group of all parameters, and one for each part with settings of its own."""
        common = self._common()
        groups = []
        for part, settings in self.groups.items():
            if part not in PARTS:
                raise OptionError(
                    f"A VAE has no group of parameters {part!r}. {nearest(part, PARTS)}"
                )
            own = PartOptimiser.of({**common, **settings})
            groups.append(Group(own, part, own.first, own.last, own.every))
        return (*groups, Group(Optimiser.of(common)))
