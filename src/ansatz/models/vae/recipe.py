"""The settings of a variational autoencoder, and how they become a model and an update."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from ansatz.distributions import (
    AbstractHead,
    BernoulliHead,
    FixedNormalHead,
    LogisticHead,
    Normal,
    NormalHead,
    SharedNormalHead,
)
from ansatz.models.vae.figures import figures
from ansatz.models.vae.model import VAE
from ansatz.models.vae.objective import NegativeELBO
from ansatz.nets import MLP, ConditionalNet, OwnNet, check_output
from ansatz.protocol.errors import OptionError, nearest
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.optimiser import Optimiser, PartOptimiser
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractUpdate

_AS_PIXELS: dict[str, tuple[str, ...]] = {
    "whole": ("scale", "binarise"),
    "unit": ("binarise",),
}

PARTS = ("encoder", "decoder")


@dataclass(frozen=True, kw_only=True)
class VAERecipe(Optimiser, Recipe):
    """A variational autoencoder: codes z, a decoder p(x | z), an encoder q(z | x)."""

    name: ClassVar[str] = "vae"
    kind: ClassVar[str] = "the recipe 'vae'"
    family: ClassVar[type[eqx.Module]] = VAE
    nets: ClassVar[tuple[str, ...]] = PARTS

    latent: int = 16
    """Numbers in a code."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the encoder's hidden layers; the decoder mirrors them."""
    activation: Literal["tanh", "relu", "gelu", "silu", "softplus"] = "gelu"
    """The function between layers."""
    dropout: float = 0.0
    """Fraction of hidden units silenced in training."""
    likelihood: Literal["auto", "bernoulli", "normal", "logistic"] = "auto"
    """What the decoder says of each number of an event."""
    variance: Literal["learnt", "fixed", "each"] = "learnt"
    """A normal likelihood's variance: one that is learnt, fixed by `sigma`, or one for every
    number of an event, from the decoder."""
    sigma: float = 1.0
    """A normal likelihood's standard deviation, fixed or where it starts."""
    prior_mean: tuple[float, ...] = (0.0,)
    """Mean of the prior of codes: one number for all, or one for each."""
    prior_scale: tuple[float, ...] = (1.0,)
    """Standard deviation of the prior of codes, likewise."""
    beta: float = 1.0
    """Weight of the divergence from the prior; 1 gives the evidence lower bound."""
    average: float = 0.0
    """Decay of the parameters' running average, which is then what is kept; 0 for none."""
    groups: dict[str, Any] = field(default_factory=dict)
    """Settings of the optimiser for the 'encoder' or the 'decoder' alone, and the steps at
    which that part learns (first, last, every)."""

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        Optimiser.__post_init__(self)
        if self.latent < 1:
            raise OptionError(f"latent must be at least 1; it is {self.latent}.")
        if any(width < 1 for width in self.hidden):
            raise OptionError(f"hidden widths must be at least 1; they are {self.hidden}.")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout must lie in [0, 1); it is {self.dropout}.")
        if not self.sigma > 0:
            raise OptionError(f"sigma must be positive; it is {self.sigma}.")
        if self.beta < 0:
            raise OptionError(f"beta must not be negative; it is {self.beta}.")
        for label in ("prior_mean", "prior_scale"):
            if len(getattr(self, label)) not in (1, self.latent):
                raise OptionError(
                    f"{label} has {len(getattr(self, label))} numbers; "
                    f"give one, or {self.latent}, one for each number of a code."
                )
        if any(scale <= 0 for scale in self.prior_scale):
            raise OptionError(f"prior_scale must be positive; it is {self.prior_scale}.")
        self._groups()

    def resolve(self, spec: Spec) -> "VAERecipe":
        image = len(spec.shape) > 1
        likelihood = self.likelihood
        if likelihood == "auto":
            pixels = image and spec.kind in ("whole", "unit")
            likelihood = "bernoulli" if spec.kind == "binary" or pixels else "normal"
        preprocess = self.preprocess
        if preprocess == ("auto",):
            if likelihood == "bernoulli":
                preprocess = _AS_PIXELS.get(spec.kind, ("none",))
            else:
                preprocess = ("scale",) if image and spec.kind != "real" else ("standardise",)
        binary = "binarise" in preprocess or (spec.kind == "binary" and preprocess == ("none",))
        if likelihood == "bernoulli" and not binary:
            raise OptionError(
                "A Bernoulli likelihood is of zeros and ones, and the events hold other values: "
                "end --preprocess with 'binarise', or choose --likelihood normal."
            )
        if likelihood != "bernoulli" and "binarise" in preprocess:
            raise OptionError(
                f"Binarised events need a Bernoulli likelihood, not {likelihood!r}: leave "
                "'binarise' out of --preprocess."
            )
        return replace(self, likelihood=likelihood, preprocess=preprocess)

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> VAE:
        key_encoder, key_decoder = jax.random.split(key)
        head = self._head()
        shapes = {"encoder": spec.shape, "decoder": (self.latent,)}
        wanted = {"encoder": 2 * self.latent, "decoder": head.numbers * spec.size}
        built = {}
        for part, hidden, part_key in [
            ("encoder", self.hidden, key_encoder),
            ("decoder", self.hidden[::-1], key_decoder),
        ]:
            size_in = spec.size if part == "encoder" else self.latent
            built[part] = (
                OwnNet(nets[part])
                if part in nets
                else MLP(
                    size_in,
                    hidden,
                    wanted[part],
                    condition=spec.condition,
                    activation=self.activation,
                    dropout=self.dropout,
                    dtype=self.dtype,
                    key=part_key,
                )
            )
            check_output(part, built[part], shapes[part], spec.condition, wanted[part], self.dtype)
        ones = jnp.ones(self.latent, self.dtype)
        return VAE(
            encoder=ConditionalNet(built["encoder"], NormalHead(), (self.latent,)),
            decoder=ConditionalNet(built["decoder"], head, spec.shape),
            prior=Normal(
                jnp.asarray(self.prior_mean, self.dtype) * ones,
                jnp.asarray(self.prior_scale, self.dtype) * ones,
            ),
        )

    def initialise(self, model: VAE, batch: Batch) -> VAE:
        """Start the decoder at the mean and variance of the events, whatever the code."""
        net = model.decoder.net
        if not isinstance(net, MLP):
            return model
        raw = model.decoder.head.initial(batch.event.mean(0), batch.event.var(0))
        return eqx.tree_at(lambda m: m.decoder.net, model, net.with_output_bias(raw.ravel()))

    def update(self, spec: Spec) -> AbstractUpdate:
        return gradient(
            NegativeELBO(self.beta),
            (Group(None, "prior"), *self._groups()),
            steps=self.epochs * spec.steps_per_epoch,
            average=self.average,
        )

    def figures(
        self, model: VAE, batch: Batch, raw: Callable[[Array], Array], key: PRNGKeyArray
    ) -> tuple[Figure, ...]:
        return figures(model, batch, raw, key)

    def _head(self) -> AbstractHead:
        if self.likelihood == "bernoulli":
            return BernoulliHead()
        if self.likelihood == "logistic":
            return LogisticHead()
        if self.variance == "fixed":
            return FixedNormalHead(self.sigma)
        if self.variance == "each":
            return NormalHead()
        return SharedNormalHead(scale=self.sigma, dtype=self.dtype)

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
