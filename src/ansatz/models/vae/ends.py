"""The two ends of an autoencoder that meet events: what is shown to nets, and the nets."""

import math
from typing import TYPE_CHECKING, Any

import equinox as eqx
from jaxtyping import PRNGKeyArray

from ansatz.distributions import AbstractHead, FullNormalHead
from ansatz.models.vae.likelihood import AS_THEY_ARE, Likelihoods, NormalScale
from ansatz.models.vae.view import View
from ansatz.nets import ConditionalNet, OwnNet, check_output, making_net, reading_net
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
    return reading_net(
        recipe.net,
        spec.shape,
        size,
        copies=2 if spec.missing else 1,
        numbers=math.prod(view.output),
        **_sizes(recipe),
        condition=given,
        key=key,
    )


def _decoder(recipe: "EndsRecipe", spec: Spec, head: AbstractHead, key: PRNGKeyArray) -> eqx.Module:
    if recipe.net == "conv" and head.size % spec.size:
        raise OptionError(
            "A convolutional decoder says as much of every pixel as of any other; choose "
            "another likelihood than full-normal, or --net mlp."
        )
    return making_net(
        recipe.net,
        recipe.latent,
        spec.shape,
        head.size,
        **_sizes(recipe),
        condition=spec.condition,
        key=key,
    )


def nets_are(recipe: "EndsRecipe") -> dict[str, Any]:
    """What the nets of all parts are told."""
    return {
        "activation": recipe.activation,
        "dropout": recipe.dropout,
        "normalise": recipe.normalise,
        "modulate": recipe.modulate,
        "dtype": recipe.dtype,
    }


def _sizes(recipe: "EndsRecipe") -> dict[str, Any]:
    """The same, and how wide the two are that meet events."""
    own = {"hidden": recipe.hidden, "channels": recipe.channels, "circular": recipe.circular}
    return {**nets_are(recipe), **own}
