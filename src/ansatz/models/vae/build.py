"""From settings to the parts of a variational autoencoder."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.distributions import (
    AbstractHead,
    Bernoulli,
    BernoulliHead,
    FullNormalHead,
    Normal,
    NormalHead,
)
from ansatz.distributions.heads.positive import raw_of
from ansatz.models.vae.cascade import LayeredEncoder
from ansatz.models.vae.likelihood import AS_THEY_ARE, Likelihoods, NormalScale
from ansatz.models.vae.model import VAE
from ansatz.models.vae.prior import (
    LayeredPrior,
    LearntPrior,
    PriorWord,
    VampPrior,
    check_prior,
)
from ansatz.models.vae.view import View
from ansatz.nets import (
    MLP,
    ConditionalNet,
    ConvDecoder,
    ConvEncoder,
    OwnNet,
    ResidualMLP,
    check_output,
)
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec

if TYPE_CHECKING:
    from ansatz.models.vae.recipe import VAERecipe

MOST_FULL = 512
"""Coordinates of which a net may say all covariances."""


CODES: dict[str, Callable[[tuple[int, ...]], AbstractHead]] = {
    "normal": NormalHead,
    "full": FullNormalHead,
    "binary": BernoulliHead,
}
"""What the encoder says of a code, by the name of the posterior."""


def build(recipe: "VAERecipe", spec: Spec, key: PRNGKeyArray, nets: dict[str, eqx.Module]) -> VAE:
    """A VAE of the right shapes with random parameters, or with nets of the user's own."""
    # A key for each part: one more layer or component leaves the others as they are.
    keys = jax.random.split(key, 5)
    likelihoods = Likelihoods.of(recipe.likelihood, spec)
    normal = NormalScale(recipe.variance, recipe.sigma, recipe.dtype)
    head = likelihoods.head(spec, normal)
    view = _view(likelihoods, spec, recipe.dtype)
    code = CODES[recipe.posterior]((recipe.latent,))
    for what, one in [("codes", code), ("events", head)]:
        if isinstance(one, FullNormalHead) and math.prod(one.shape) > MOST_FULL:
            raise OptionError(
                f"All covariances of {what} of {math.prod(one.shape)} numbers are too many for a "
                f"net to say; it takes up to {MOST_FULL}."
            )
    encoder = nets.get("encoder")
    encoder = OwnNet(encoder) if encoder else _encoder(recipe, spec, view, code, keys[0])
    decoder = nets.get("decoder")
    decoder = OwnNet(decoder) if decoder else _decoder(recipe, spec, head, keys[1])
    check_output("encoder", encoder, view.output, spec.condition, code.size, recipe.dtype)
    check_output("decoder", decoder, code.shape, spec.condition, head.size, recipe.dtype)
    nearest = ConditionalNet(encoder, code)
    ascending: ConditionalNet | LayeredEncoder = nearest
    prior = _top(recipe, view, nets.get("prior"), keys[2])
    sizes = (recipe.latent, *recipe.deeper)
    if recipe.deeper:
        up, down = (
            tuple(
                _between(recipe, spec, *pair, key)
                for pair, key in zip(pairwise(order), jax.random.split(key_all, n), strict=True)
            )
            for order, key_all, n in [
                (sizes, keys[3], len(recipe.deeper)),
                (sizes[::-1], keys[4], len(recipe.deeper)),
            ]
        )
        ascending = LayeredEncoder(nearest, up, sizes)
        prior = LayeredPrior(prior, down, sizes[::-1])
    return VAE(
        view=view,
        encoder=ascending,
        decoder=ConditionalNet(decoder, head),
        prior=prior,
        read=recipe.latent,
        dtype=recipe.dtype,
    )


def _top(recipe: "VAERecipe", view: View, own: eqx.Module | None, key: PRNGKeyArray) -> Any:
    """The prior of the layer that nothing stands above."""
    latent = (recipe.latent, *recipe.deeper)[-1]
    word = PriorWord.of(recipe.prior)
    if own is not None:
        check_prior(own, latent)
        return own
    ones = jnp.ones(latent, recipe.dtype)
    mean = jnp.asarray(recipe.prior_mean, recipe.dtype) * ones
    scale = jnp.asarray(recipe.prior_scale, recipe.dtype) * ones
    binary = recipe.posterior == "binary"
    if word.name == "standard":
        if "prior" in recipe.groups and not recipe.deeper:
            raise OptionError(
                "The prior 'standard' stands still, and has no use for settings of the group "
                "'prior': choose --prior learnt."
            )
        return Bernoulli(mean) if binary else Normal(mean, scale)
    if word.name == "vamp":
        inputs = jax.random.normal(key, (word.components, *view.output), recipe.dtype)
        return VampPrior(inputs)
    start = mean if binary else jnp.concatenate([mean, raw_of(scale)])
    raw = jnp.tile(start, (word.components, 1))
    if word.components > 1:
        # Components that start alike would stay alike.
        raw = raw.at[:, :latent].add(jax.random.normal(key, (word.components, latent), raw.dtype))
    head = BernoulliHead((latent,)) if binary else NormalHead((latent,))
    return LearntPrior(raw, jnp.zeros(word.components, recipe.dtype), head)


def _between(
    recipe: "VAERecipe", spec: Spec, below: int, above: int, key: PRNGKeyArray
) -> ConditionalNet:
    """From one stochastic layer to the next."""
    head = CODES[recipe.posterior]((above,))
    net = MLP(below, recipe.deeper_hidden, head.size, **_common(recipe, spec), key=key)
    return ConditionalNet(net, head)


def _view(likelihoods: Likelihoods, spec: Spec, dtype: str) -> View:
    """Counts and hits as logarithms, categories of columns one by one, the rest as it is."""
    counts = ("poisson", "hurdle")
    logarithmic: tuple[int, ...] | None = ()
    categories: tuple[tuple[int, int], ...] = ()
    if not likelihoods.columns:
        if likelihoods.default.name in counts or (
            likelihoods.default.name in AS_THEY_ARE and max(spec.levels) > 2
        ):
            logarithmic = None
    else:
        places = range(len(spec.columns))
        logarithmic = tuple(place for place in places if likelihoods[place].name in counts)
        categories = tuple(
            (place, spec.levels[place])
            for place in places
            if likelihoods[place].name == "categorical"
        )
    return View(
        spec.shape, dtype, logarithmic=logarithmic, categories=categories, missing=spec.missing
    )


def _encoder(
    recipe: "VAERecipe", spec: Spec, view: View, code: AbstractHead, key: PRNGKeyArray
) -> eqx.Module:
    common = _common(recipe, spec)
    if recipe.net == "conv":
        return ConvEncoder(
            spec.shape,
            code.size,
            copies=2 if spec.missing else 1,
            channels=recipe.channels,
            hidden=recipe.hidden,
            circular=recipe.circular,
            **common,
            key=key,
        )
    kind = MLP if recipe.net == "mlp" else ResidualMLP
    return kind(math.prod(view.output), recipe.hidden, code.size, **common, key=key)


def _decoder(recipe: "VAERecipe", spec: Spec, head: AbstractHead, key: PRNGKeyArray) -> eqx.Module:
    common = _common(recipe, spec)
    hidden = recipe.hidden[::-1]
    if recipe.net == "conv":
        if head.size % spec.size:
            raise OptionError(
                "A convolutional decoder says as much of every pixel as of any other; choose "
                "another likelihood than full-normal, or --net mlp."
            )
        return ConvDecoder(
            recipe.latent,
            spec.shape,
            head.size // spec.size,
            channels=recipe.channels,
            hidden=hidden,
            circular=recipe.circular,
            **common,
            key=key,
        )
    kind = MLP if recipe.net == "mlp" else ResidualMLP
    return kind(recipe.latent, hidden, head.size, **common, key=key)


def _common(recipe: "VAERecipe", spec: Spec) -> dict[str, Any]:
    """What the nets of both parts are told."""
    return {
        "condition": spec.condition,
        "activation": recipe.activation,
        "dropout": recipe.dropout,
        "normalise": recipe.normalise,
        "modulate": recipe.modulate,
        "dtype": recipe.dtype,
    }
