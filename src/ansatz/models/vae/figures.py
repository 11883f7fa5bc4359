"""What is worth looking at in a variational autoencoder."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.distributions import Normal, kl
from ansatz.models.vae.model import VAE
from ansatz.protocol.capabilities import Event
from ansatz.protocol.figures import (
    Bars,
    Curve,
    Curves,
    Figure,
    ImageGrid,
    Panel,
    as_images,
    is_image,
)
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject

DEVIATIONS = np.linspace(-3, 3, 15)
MOST_LATENTS = 16
MOST_CURVES = 5
SIDE = 20
"""Codes along either side of the plane of two latents."""


def figures(model: VAE, subject: Subject) -> tuple[Figure, ...]:
    """What each latent carries, what it does, and the plane of two of them."""
    found: list[Figure] = []
    price = None
    order = np.arange(len(model.prior.mean()))
    if subject.batch is not None:
        price = np.asarray(kl_per_latent(model, subject.batch))
        order = np.argsort(-price)
        found.append(_prices(price, order))
    found += _traversals(model, subject, order[:MOST_LATENTS], price)
    if len(order) == 2:
        found += _manifold(model, subject)
    return tuple(found)


@eqx.filter_jit
def kl_per_latent(model: VAE, batch: Batch) -> Float[Array, " latent"]:
    """E_x[KL(q(z_i | x) || p(z_i))], the nats that each number of a code carries."""

    def one(event: Event, condition: Array | None) -> Array:
        posterior, prior = model.posterior(event, condition), model.prior

        def single(m: Array, v: Array, prior_m: Array, prior_v: Array) -> Array:
            return kl(Normal(m, jnp.sqrt(v)), Normal(prior_m, jnp.sqrt(prior_v))).value

        return jax.vmap(single)(
            posterior.mean(), posterior.variance(), prior.mean(), prior.variance()
        )

    return jnp.mean(jax.vmap(one)(batch.event, batch.condition), 0)


def traversal_codes(model: VAE, latents: np.ndarray) -> Float[np.ndarray, "row step latent"]:
    """The prior's mean, moved along one latent in each row by `DEVIATIONS` of the prior's."""
    centre, width = np.asarray(model.prior.mean()), np.sqrt(np.asarray(model.prior.variance()))
    codes = np.tile(centre, (len(latents), len(DEVIATIONS), 1))
    for row, i in enumerate(latents):
        codes[row, :, i] += (DEVIATIONS * width[i]).astype(codes.dtype)
    return codes


def manifold_codes(model: VAE) -> Float[np.ndarray, "row column 2"]:
    """z = mean + deviation * Phi^-1((k + 1/2) / n) in both latents: as likely between neighbours.

    The first latent grows to the right, the second one upwards.
    """
    from scipy.special import ndtri

    centre, width = np.asarray(model.prior.mean()), np.sqrt(np.asarray(model.prior.variance()))
    quantiles = ndtri((np.arange(SIDE) + 0.5) / SIDE)
    right, up = np.meshgrid(quantiles, quantiles[::-1])
    return (centre + width * np.stack([right, up], -1)).astype(centre.dtype)


@eqx.filter_jit
def _decoded(
    model: VAE, codes: Array, condition: Array | None, raw: Callable[[Array], Array]
) -> Array:
    return jax.vmap(lambda code: raw(model.decode(code, condition)))(codes)


def _decode(model: VAE, subject: Subject, codes: np.ndarray) -> np.ndarray:
    """The raw events expected for codes (..., latent)."""
    flat = jnp.asarray(codes.reshape(-1, codes.shape[-1]))
    events = np.asarray(_decoded(model, flat, subject.condition, subject.raw))
    return events.reshape(*codes.shape[:-1], *events.shape[1:])


def _prices(price: np.ndarray, order: np.ndarray) -> Bars:
    used = int(np.sum(price > 0.01))
    return Bars(
        name="kl",
        title="What each latent carries",
        caption="Mean divergence KL(q(z | x) || p(z)) of each latent, in nats, largest first: "
        f"{used} of {len(price)} carry more than 0.01; a latent at zero says nothing of the event.",
        labels=tuple(f"z{i}" for i in order),
        values=price[order],
        x_label="latent",
        y_label="nats",
    )


def _traversals(
    model: VAE, subject: Subject, latents: np.ndarray, price: np.ndarray | None
) -> list[Figure]:
    shape = subject.shape
    if not is_image(shape) and len(shape) > 1:
        return []
    events = _decode(model, subject, traversal_codes(model, latents))
    name, title = "traversals", "What each latent does"
    moved = (
        "One latent moves from −3 to 3 deviations of its prior, all others stay at its mean"
        f"{subject.given}"
    )
    if is_image(shape):
        labels = tuple(f"z{i}" if price is None else f"z{i}  {price[i]:.2f} nats" for i in latents)
        grid = ImageGrid(
            name=name,
            title=title,
            caption=f"{moved}, a row for each latent: rows that change are latents in use.",
            images=as_images(events, shape),
            row_labels=labels,
            column_labels=tuple(f"{d:.2g}" for d in DEVIATIONS),
        )
        return [grid]
    if subject.axes:
        panels = tuple(
            Panel(
                axis,
                tuple(
                    Curve(f"z{i}", DEVIATIONS, events[row, :, j])
                    for row, i in enumerate(latents[:MOST_CURVES])
                ),
            )
            for j, axis in enumerate(subject.axes[:MOST_LATENTS])
        )
        told = "a panel for each number of an event: steep curves are what a latent stands for."
        return [
            Curves(
                name=name,
                title=title,
                caption=f"{moved}, {told}",
                panels=panels,
                x_label="deviations of the latent",
            )
        ]
    place = np.arange(shape[0])
    return [
        Curves(
            name=name,
            title=title,
            caption=f"{moved}, a panel for each latent: where the curves part, it has a say.",
            panels=tuple(
                Panel(
                    f"z{i}",
                    tuple(
                        Curve(f"{DEVIATIONS[k]:.2g}", place, events[row, k])
                        for k in (0, 3, 7, 11, 14)
                    ),
                )
                for row, i in enumerate(latents[:MOST_CURVES])
            ),
            x_label="place",
        )
    ]


def _manifold(model: VAE, subject: Subject) -> list[Figure]:
    codes = manifold_codes(model)
    told = (
        f"A grid of {SIDE} x {SIDE} codes, as much of the prior's probability between all "
        f"neighbours{subject.given}: z0 grows to the right, z1 upwards"
    )
    name, title = "manifold", "The plane of the two latents"
    if is_image(subject.shape):
        return [
            ImageGrid(
                name=name,
                title=title,
                caption=f"{told}. Good ones change little by little and meet every kind of event.",
                images=as_images(_decode(model, subject, codes), subject.shape),
                joined=True,
            )
        ]
    if subject.shape != (2,) or not subject.axes:
        return []
    points = _decode(model, subject, codes)
    lines = [
        *(Curve("along z0", line[:, 0], line[:, 1]) for line in points),
        *(Curve("along z1", line[:, 0], line[:, 1]) for line in points.swapaxes(0, 1)),
    ]
    return [
        Curves(
            name=name,
            title=title,
            caption=f"{told}; the net is what they are decoded to, and should lie where events do.",
            panels=(Panel(subject.axes[1], tuple(lines)),),
            x_label=subject.axes[0],
        )
    ]
