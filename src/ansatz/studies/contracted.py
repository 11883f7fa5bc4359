"""Fits of contractive autoencoders: what is measured of them, and what there is to see."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ansatz.data.split import split
from ansatz.models.reduce import Autoencoder
from ansatz.models.reduce.autoencoder_figures import spectrum
from ansatz.models.reduce.contraction import Contraction, contraction
from ansatz.protocol.figures import Bars, Curve, Curves, Figure, Panel
from ansatz.protocol.source import Batch
from ansatz.runs.run import Run

SCALES = 2.0 ** np.arange(-6, 3.5, 0.5)
PROBES = 50
SMALL = 2.0**-6
"""A scale of codes at which next to nothing is left of a penalty on them."""


class Fitted(NamedTuple):
    """A fit, and what its Jacobians are like at events it has and has not seen."""

    model: Autoencoder
    learnt: Batch
    error: float
    """Squared error of events held out, for each of them, as preprocessed."""
    held: Contraction
    seen: Contraction

    @classmethod
    def of(cls, run: Run) -> "Fitted":
        dataset, recipe = run.read(run.record.source), run.record.recipe
        train, _, test = split(dataset, recipe.validation, recipe.test, recipe.seed)
        learnt, held = (_batch(run.as_learnt(dataset.take(part))) for part in (train, test))
        model: Autoencoder = run.model
        again = jax.jit(jax.vmap(lambda x: model.decode(model.encode(x))))(held.event)
        error = float(jnp.mean(jnp.sum((held.event - again) ** 2, (1, 2))))
        return cls(model, learnt, error, contraction(model, held), contraction(model, learnt))

    @property
    def norm(self) -> float:
        """√⟨‖J_E‖²⟩."""
        return float(np.sqrt(self.held.encoder.mean()))


def _batch(events: Array) -> Batch:
    ones = jnp.ones(len(events), events.dtype)
    return Batch(events, None, ones, jnp.sum(ones))


def rescaled(model: Autoencoder, scale: float) -> Autoencoder:
    """The same autoencoder with codes that are so many times as large."""

    def last(model: Autoencoder) -> list[Any]:
        up, down = model.encoder.layers[-1], model.decoder.layers[0]
        return [up.weight, up.bias, down.weight]

    up, bias, down = last(model)
    return eqx.tree_at(last, model, [scale * up, scale * bias, down / scale])


def cost(one: Fitted) -> float:
    """The largest change of any number made again when codes are scaled down."""
    small = rescaled(one.model, SMALL)

    def again(model: Autoencoder) -> Array:
        return jax.vmap(lambda x: model.decode(model.encode(x)))(one.learnt.event)

    return float(jnp.abs(again(small) - again(one.model)).max())


def probed(one: Fitted) -> np.ndarray:
    """Hutchinson's estimate of ‖J_E‖² of each event, less the exact one, over the exact mean."""
    events = one.learnt.event[: len(one.seen.whole)]
    keys = jax.random.split(jax.random.key(0), len(events))

    def each(x: Array, key: Array) -> Array:
        return one.model.encoder_contraction(x, key=key, probes=PROBES)

    exact = jax.jit(jax.vmap(lambda x: one.model.encoder_contraction(x, key=keys[0])))(events)
    off = jax.jit(jax.vmap(each))(events, keys) - exact
    return np.asarray(off, float) / float(exact.mean())


def figures(
    shallow: dict[str, tuple[Fitted, ...]], deep: dict[str, tuple[Fitted, ...]], weight: float
) -> tuple[Figure, ...]:
    """Spectra, norms beside errors, saturation, and the loss as codes are scaled.

    The last of the deep ones is contracted with this weight on both sides, the one before on its
    encoder alone.
    """
    # Codes that are to be sparse are made events of less well, and stand apart.
    alike = {name: fits for name, fits in shallow.items() if name != "sparse"}
    *_, one, both = (fits[0] for fits in deep.values())
    curves = []
    for label, fit, decoder in (("encoder alone", one, 0.0), ("both", both, weight)):
        losses = [_loss(rescaled(fit.model, s), fit, weight, decoder) for s in SCALES]
        curves.append(Curve(label, np.log2(SCALES), np.array(losses)))
    edges = np.linspace(0, 1, 41)
    middles = (edges[1:] + edges[:-1]) / 2
    return (
        _named(spectrum(_first(shallow)), "spectra", "One layer, tied: singular values"),
        _named(spectrum(_first(deep)), "deep-spectra", "Two layers, not tied: singular values"),
        Bars(
            name="norms",
            title="Norms at nearly the same errors",
            caption="√⟨‖J_E‖²⟩ of digits held out, as bars, and the squared error of these, for "
            "each of them, as the line.",
            labels=tuple(alike),
            values=np.array([np.mean([fit.norm for fit in fits]) for fits in alike.values()]),
            x_label="autoencoder",
            y_label="root mean squared norm",
            line=np.array([np.mean([fit.error for fit in fits]) for fits in alike.values()]),
            line_label="squared error",
        ),
        Curves(
            name="saturation",
            title="Where the numbers of codes lie",
            caption="The density of all numbers of all codes: at either end units are saturated "
            "and heed nothing; sparse codes are mostly near zero.",
            panels=(
                Panel(
                    "density",
                    tuple(
                        Curve(name, middles, np.histogram(held.codes, edges, density=True)[0])
                        for name, held in _first(shallow).items()
                    ),
                ),
            ),
            x_label="z",
        ),
        Curves(
            name="scaling",
            title="The loss, as codes are scaled",
            caption="Codes of the deep autoencoders multiplied by a scale, and the first matrix of "
            "the decoder divided by it, which leaves every reconstruction as it is. The loss of "
            "the one contracted on its encoder alone falls to the error as codes shrink; that of "
            "the other is least where learning has left it, at one.",
            panels=(Panel("loss", tuple(curves), log=True),),
            x_label="log2 of the scale",
            mark=0.0,
            mark_label="as learnt",
        ),
    )


def _first(found: dict[str, tuple[Fitted, ...]]) -> dict[str, Contraction]:
    return {name: fits[0].held for name, fits in found.items()}


def _named(figure: Curves, name: str, title: str) -> Curves:
    return Curves(
        name=name,
        title=title,
        caption=figure.caption,
        panels=figure.panels,
        x_label=figure.x_label,
    )


def _loss(model: Autoencoder, fit: Fitted, encoder: float, decoder: float) -> float:
    found = contraction(model, fit.learnt)
    return float(fit.error + encoder * found.encoder.mean() + decoder * found.decoder.mean())
