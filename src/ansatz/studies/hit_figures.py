"""Figures of showers that lose energy and gain hits."""

import numpy as np

from ansatz.protocol.figures import Curve, Curves, Figure, Panel
from ansatz.studies.hit_claims import REGIONS, WEIGHTED, Fits
from ansatz.studies.hit_sums import KINDS, Sums, rates, residuals

MASKS = {"true-hits": "mask of true hits", "drawn-hits": "mask of drawn hits"}


def figures(fits: Fits) -> tuple[Figure, ...]:
    """Of masks layer by layer; of rates and odds by logit; of residuals."""
    whole = {
        name: Sums(*(np.sum(values, 0) for values in zip(*groups, strict=True)))
        for name, groups in fits.items()
    }
    return of_layers(whole), of_rates(whole), of_odds(whole), of_residuals(whole["true-hits"])


def of_layers(whole: dict[str, Sums]) -> Figure:
    """What the mask does, layer by layer."""
    lowered, energy = [], []
    for name, label in MASKS.items():
        own = whole[name]
        layers = np.arange(len(own.hits))
        lowered.append(Curve(label, layers, own.hits[:, 1] / own.hits[:, 0]))
        energy.append(Curve(label, layers, own.energy[:, 1] / own.energy[:, 0]))
    return Curves(
        name="masks",
        title="What a mask of drawn hits takes away",
        caption="Left: u − a over hits, by which activations are below them; zero is right. "
        "Right: energy generated for the codes of showers, as a part of theirs. That it is below "
        "1 after the true mask too is the mean of a logarithm, and not the mask.",
        panels=(
            Panel("mean of u − a over hits", tuple(lowered)),
            Panel("energy, generated / true", tuple(energy)),
        ),
        x_label="layer",
    )


def of_rates(whole: dict[str, Sums]) -> Figure:
    """How often voxels are hit beside how often they are said to be."""
    shown = {("true-hits", 0): "w = 1"}
    for name, weight in WEIGHTED.items():
        shown |= {(name, kind): f"w = {weight}, {KINDS[kind]}" for kind in (0, 1)}
    shown[("full-weights", 2)] = f"w = {WEIGHTED['full-weights']}, {KINDS[2]}"
    panels = []
    for region, layers in REGIONS.items():
        curves = []
        for (name, kind), label in shown.items():
            own = rates(whole[name].part(layers).pooled(), kind)
            curves.append(Curve(label, own.logit, own.off))
        panels.append(Panel(f"ln odds, hits − predicted, {region}", tuple(curves)))
    return Curves(
        name="rates",
        title="How often voxels are hit, and how often they are said to be",
        caption="Zero is calibrated. Below it more hits are drawn than there are.",
        panels=tuple(panels),
        x_label="logit by which hits are drawn",
    )


def of_odds(whole: dict[str, Sums]) -> Figure:
    """By how much weights raise logits, and by how much they should."""
    panels = []
    for region, layers in REGIONS.items():
        curves = []
        for name, weight in WEIGHTED.items():
            own = rates(whole[name].part(layers).pooled(), 0)
            curves.append(Curve(f"w = {weight}: above ln odds", own.logit, own.above))
            curves.append(Curve(f"w = {weight}: ln E[w | hit]", own.logit, own.explained))
        panels.append(Panel(f"difference, {region}", tuple(curves)))
    return Curves(
        name="odds",
        title="Weights raise the odds of hits by what hits weigh",
        caption="By how much learnt logits are above the logarithm of the odds of hits, and the "
        "logarithm of the mean weight of these hits.",
        panels=tuple(panels),
        x_label="logit as learnt",
    )


def of_residuals(sums: Sums) -> Figure:
    """Residuals by u and by a."""
    panels = []
    for region, layers in REGIONS.items():
        hits, u, spread = residuals(sums.part(layers))
        middle = np.sqrt(np.average(spread**2, weights=hits) / np.average(u, weights=hits))
        panels.append(
            Panel(
                f"root mean square of u − a, {region}",
                (Curve("over hits of one u", u, spread), Curve("∝ √u", u, middle * np.sqrt(u))),
                log=True,
            )
        )
    return Curves(
        name="residuals",
        title="How far activations are from hits",
        caption="For the mask of true hits and weights of 1; the other line grows as √u.",
        panels=tuple(panels),
        x_label="u of a hit",
    )
