"""What is worth looking at in a variational autoencoder."""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.distributions import BernoulliHead
from ansatz.models.vae.bound_figures import bound_figures
from ansatz.models.vae.diagnostics import COLLAPSE, kl_per_latent, prior_moments
from ansatz.models.vae.model import VAE
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
from ansatz.protocol.subject import Subject

DEVIATIONS = np.linspace(-3, 3, 15)
MOST_LATENTS = 16
MOST_CURVES = 5
SIDE = 20
"""Codes along either side of the plane of two latents."""


def figures(model: VAE, subject: Subject) -> tuple[Figure, ...]:
    """What each latent carries, what it does, the plane of two of them, and how good the bound
    is."""
    found: list[Figure] = []
    price = None
    moments = Moments.of(model, subject)
    order = np.arange(model.read)
    if subject.batch is not None:
        whole = np.asarray(kl_per_latent(model, subject.batch))
        found.append(_prices(whole, np.argsort(-whole)))
        price = whole[: model.read]
        order = np.argsort(-price)
    found += _traversals(model, subject, moments, order[:MOST_LATENTS], price)
    if len(order) == 2 and not moments.bits:
        found += _manifold(model, subject, moments)
    if subject.batch is not None:
        found += bound_figures(model, subject.batch, order)
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Moments:
    """Where the prior has the codes that the decoder reads, and how far they spread."""

    centre: Float[np.ndarray, " latent"]
    width: Float[np.ndarray, " latent"]
    bits: bool
    """Whether they lie between zero and one."""

    @classmethod
    def of(cls, model: VAE, subject: Subject) -> "Moments":
        mean, variance = prior_moments(model, subject.condition)
        bits = isinstance(model.first.head, BernoulliHead)
        read = slice(model.read)
        return cls(np.asarray(mean)[read], np.sqrt(np.asarray(variance))[read], bits)

    def traversals(self, latents: np.ndarray) -> Float[np.ndarray, "row step latent"]:
        """The prior's mean, moved along one latent in each row by `DEVIATIONS` of the prior's."""
        codes = np.tile(self.centre, (len(latents), len(DEVIATIONS), 1))
        for row, i in enumerate(latents):
            codes[row, :, i] += (DEVIATIONS * self.width[i]).astype(codes.dtype)
        return np.clip(codes, 0, 1) if self.bits else codes

    def manifold(self) -> Float[np.ndarray, "row column 2"]:
        """z = mean + deviation * Phi^-1((k + 1/2) / n) in both latents: as likely between
        neighbours.

        The first latent grows to the right, the second one upwards.
        """
        from scipy.special import ndtri

        quantiles = ndtri((np.arange(SIDE) + 0.5) / SIDE)
        right, up = np.meshgrid(quantiles, quantiles[::-1])
        codes = self.centre + self.width * np.stack([right, up], -1)
        return codes.astype(self.centre.dtype)


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
    collapsed = f" This is {COLLAPSE}." if used == 0 else ""
    return Bars(
        name="kl",
        title="What each latent carries",
        caption="Mean divergence KL(q(z | x) || p(z)) of each latent, in nats, largest first: "
        f"{used} of {len(price)} carry more than 0.01; a latent at zero says nothing of the "
        f"event.{collapsed}",
        labels=tuple(f"z{i}" for i in order),
        values=price[order],
        x_label="latent",
        y_label="nats",
    )


def _traversals(
    model: VAE,
    subject: Subject,
    moments: Moments,
    latents: np.ndarray,
    price: np.ndarray | None,
) -> list[Figure]:
    shape = subject.shape
    if not is_image(shape) and len(shape) > 1:
        return []
    events = _decode(model, subject, moments.traversals(latents))
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


def _manifold(model: VAE, subject: Subject, moments: Moments) -> list[Figure]:
    codes = moments.manifold()
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
