"""From settings to the parts of a variational autoencoder."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

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
from ansatz.models.vae.ends import check_covariances, decoding, encoding_net, nets_are, view_of
from ansatz.models.vae.model import VAE
from ansatz.models.vae.prior import (
    LayeredPrior,
    LearntPrior,
    PriorWord,
    VampPrior,
    check_prior,
)
from ansatz.models.vae.settings import VAESettings
from ansatz.models.vae.view import View
from ansatz.models.vae.warped import warped_head, warped_prior
from ansatz.nets import (
    MLP,
    ConditionalNet,
    OwnNet,
    check_output,
)
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec

CODES: dict[str, Callable[[tuple[int, ...]], AbstractHead]] = {
    "normal": NormalHead,
    "full": FullNormalHead,
    "binary": BernoulliHead,
}
"""What the encoder says of a code, by the name of a posterior without nets of its own."""


def build(recipe: VAESettings, spec: Spec, key: PRNGKeyArray, nets: dict[str, eqx.Module]) -> VAE:
    """A VAE of the right shapes with random parameters, or with nets of the user's own."""
    # A key for each part: one more layer or component leaves the others as they are.
    keys = jax.random.split(key, 6)
    view = view_of(recipe, spec)
    code = _said(recipe, recipe.latent, keys[5])
    check_covariances("codes", code)
    encoder = nets.get("encoder")
    if encoder is None:
        encoder = encoding_net(recipe, spec, view, code.size, spec.condition, keys[0])
    else:
        encoder = OwnNet(encoder)
    check_output("encoder", encoder, view.output, spec.condition, code.size, recipe.dtype)
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
        decoder=decoding(recipe, spec, nets.get("decoder"), keys[1]),
        prior=prior,
        read=recipe.latent,
        dtype=recipe.dtype,
    )


def _top(recipe: VAESettings, view: View, own: eqx.Module | None, key: PRNGKeyArray) -> Any:
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
        inputs = jax.random.normal(key, (word.count, *view.output), recipe.dtype)
        return VampPrior(inputs)
    if word.name == "flow":
        return warped_prior(latent, word.count, key, **_bends(recipe))
    start = mean if binary else jnp.concatenate([mean, raw_of(scale)])
    raw = jnp.tile(start, (word.count, 1))
    if word.count > 1:
        # Components that start alike would stay alike.
        raw = raw.at[:, :latent].add(jax.random.normal(key, (word.count, latent), raw.dtype))
    head = BernoulliHead((latent,)) if binary else NormalHead((latent,))
    return LearntPrior(raw, jnp.zeros(word.count, recipe.dtype), head)


def _between(
    recipe: VAESettings, spec: Spec, below: int, above: int, key: PRNGKeyArray
) -> ConditionalNet:
    """From one stochastic layer to the next."""
    head = _said(recipe, above, jax.random.fold_in(key, 0))
    net = MLP(
        below,
        recipe.deeper_hidden,
        head.size,
        condition=spec.condition,
        **nets_are(recipe),
        key=key,
    )
    return ConditionalNet(net, head)


def _said(recipe: VAESettings, latent: int, key: PRNGKeyArray) -> AbstractHead:
    """What a net says of so many numbers of a code."""
    if recipe.posterior == "flow":
        return warped_head(latent, recipe.couplings, key, **_bends(recipe))
    return CODES[recipe.posterior]((latent,))


def _bends(recipe: VAESettings) -> dict[str, Any]:
    """What the nets of couplings between codes are told; they draw nothing at random."""
    return {
        "hidden": recipe.deeper_hidden,
        "activation": recipe.activation,
        "dtype": recipe.dtype,
    }
