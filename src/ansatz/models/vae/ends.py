"""The two ends of an autoencoder that meet events: what is shown to nets, and the nets."""

import math
from typing import TYPE_CHECKING, Any

import equinox as eqx
from jaxtyping import PRNGKeyArray

from ansatz.distributions import AbstractHead, FullNormalHead
from ansatz.models.vae.likelihood import AS_THEY_ARE, Likelihoods, NormalScale
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
    from ansatz.models.vae.ends_recipe import EndsRecipe

MOST_FULL = 512
"""Coordinates of which a net may say all covariances."""


def decoding(
    recipe: "EndsRecipe", spec: Spec, own: eqx.Module | None, key: PRNGKeyArray
) -> ConditionalNet:
    """p(x | z, c), with a net of the user's own if there is one."""
    normal = NormalScale(recipe.variance, recipe.sigma, recipe.dtype)
    head = Likelihoods.of(recipe.likelihood, spec).head(spec, normal)
    check_covariances("events", head)
    net = OwnNet(own) if own else _decoder(recipe, spec, head, key)
    check_output("decoder", net, (recipe.latent,), spec.condition, head.size, recipe.dtype)
    return ConditionalNet(net, head)


def check_covariances(what: str, head: AbstractHead) -> None:
    """Refuse more covariances than a net can say."""
    if isinstance(head, FullNormalHead) and math.prod(head.shape) > MOST_FULL:
        raise OptionError(
            f"All covariances of {what} of {math.prod(head.shape)} numbers are too many for a "
            f"net to say; it takes up to {MOST_FULL}."
        )


def view_of(recipe: "EndsRecipe", spec: Spec) -> View:
    """Counts and hits as logarithms, categories of columns one by one, the rest as it is."""
    likelihoods = Likelihoods.of(recipe.likelihood, spec)
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
        spec.shape,
        recipe.dtype,
        logarithmic=logarithmic,
        categories=categories,
        missing=spec.missing,
    )


def encoding_net(
    recipe: "EndsRecipe", spec: Spec, view: View, size: int, given: int, key: PRNGKeyArray
) -> eqx.Module:
    """From an event, and so many numbers given with it, to `size` numbers."""
    common = {**nets_are(recipe), "condition": given}
    if recipe.net == "conv":
        return ConvEncoder(
            spec.shape,
            size,
            copies=2 if spec.missing else 1,
            channels=recipe.channels,
            hidden=recipe.hidden,
            circular=recipe.circular,
            **common,
            key=key,
        )
    kind = MLP if recipe.net == "mlp" else ResidualMLP
    return kind(math.prod(view.output), recipe.hidden, size, **common, key=key)


def _decoder(recipe: "EndsRecipe", spec: Spec, head: AbstractHead, key: PRNGKeyArray) -> eqx.Module:
    common = {**nets_are(recipe), "condition": spec.condition}
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


def nets_are(recipe: "EndsRecipe") -> dict[str, Any]:
    """What the nets of all parts are told."""
    return {
        "activation": recipe.activation,
        "dropout": recipe.dropout,
        "normalise": recipe.normalise,
        "modulate": recipe.modulate,
        "dtype": recipe.dtype,
    }
