"""The settings of the ends of a variational autoencoder that meet events: nets and likelihoods."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeVar

import equinox as eqx
from jaxtyping import PRNGKeyArray

from ansatz.models.vae.likelihood import AS_THEY_ARE, Likelihoods
from ansatz.models.vae.model import VAE
from ansatz.models.vae.prior import VampPrior
from ansatz.models.vae.variational import VariationalRecipe
from ansatz.models.vae.view import known
from ansatz.nets import OwnNet
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch

_AS_PIXELS: dict[str, tuple[str, ...]] = {
    "whole": ("scale", "binarise"),
    "unit": ("binarise",),
}

Own = TypeVar("Own", bound="EndsRecipe")


@dataclass(frozen=True, kw_only=True)
class EndsRecipe(VariationalRecipe):
    """How events of any kind are encoded, and what is said of them."""

    takes_missing: ClassVar[bool] = True

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

    def __post_init__(self) -> None:
        VariationalRecipe.__post_init__(self)
        if any(width < 1 for width in self.hidden):
            raise OptionError(f"hidden widths must be at least 1; they are {self.hidden}.")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout must lie in [0, 1); it is {self.dropout}.")
        if any(number < 1 for number in self.channels):
            raise OptionError(f"channels must be at least 1; they are {self.channels}.")
        if not self.sigma > 0:
            raise OptionError(f"sigma must be positive; it is {self.sigma}.")

    def resolve(self: Own, spec: Spec) -> Own:
        image = len(spec.shape) > 1
        words = self.likelihood
        if all("=" in word for word in words if word != "auto"):
            default = "bernoulli" if _two_valued(self.preprocess, spec) else "normal"
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


def _two_valued(preprocess: tuple[str, ...], spec: Spec) -> bool:
    """Whether the decoder meets zeros and ones, or may have them made of the events."""
    last = preprocess[-1].partition("=")[0] if preprocess else "none"
    if last == "auto":
        return spec.kind == "binary" or (len(spec.shape) > 1 and spec.kind in ("whole", "unit"))
    return last in ("binarise", "threshold") or (last == "none" and spec.kind == "binary")
