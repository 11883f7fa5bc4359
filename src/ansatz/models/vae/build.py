"""From settings to the parts of a variational autoencoder."""

import math
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.distributions import AbstractHead, FullNormalHead, Normal, NormalHead
from ansatz.models.vae.likelihood import AS_THEY_ARE, Likelihoods, NormalScale
from ansatz.models.vae.model import VAE
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


def build(recipe: "VAERecipe", spec: Spec, key: PRNGKeyArray, nets: dict[str, eqx.Module]) -> VAE:
    """A VAE of the right shapes with random parameters, or with nets of the user's own."""
    key_encoder, key_decoder = jax.random.split(key)
    likelihoods = Likelihoods.of(recipe.likelihood, spec)
    normal = NormalScale(recipe.variance, recipe.sigma, recipe.dtype)
    head = likelihoods.head(spec, normal)
    view = _view(likelihoods, spec, recipe.dtype)
    latent = (recipe.latent,)
    code = FullNormalHead(latent) if recipe.posterior == "full" else NormalHead(latent)
    for what, one in [("codes", code), ("events", head)]:
        if isinstance(one, FullNormalHead) and math.prod(one.shape) > MOST_FULL:
            raise OptionError(
                f"All covariances of {what} of {math.prod(one.shape)} numbers are too many for a "
                f"net to say; it takes up to {MOST_FULL}."
            )
    encoder = nets.get("encoder")
    encoder = OwnNet(encoder) if encoder else _encoder(recipe, spec, view, code, key_encoder)
    decoder = nets.get("decoder")
    decoder = OwnNet(decoder) if decoder else _decoder(recipe, spec, head, key_decoder)
    check_output("encoder", encoder, view.output, spec.condition, code.size, recipe.dtype)
    check_output("decoder", decoder, latent, spec.condition, head.size, recipe.dtype)
    ones = jnp.ones(latent, recipe.dtype)
    return VAE(
        view=view,
        encoder=ConditionalNet(encoder, code),
        decoder=ConditionalNet(decoder, head),
        prior=Normal(
            jnp.asarray(recipe.prior_mean, recipe.dtype) * ones,
            jnp.asarray(recipe.prior_scale, recipe.dtype) * ones,
        ),
    )


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
