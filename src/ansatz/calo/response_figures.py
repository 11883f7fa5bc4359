"""What an evaluation shows of response, correlations of layers and hits."""

from collections.abc import Iterable

import numpy as np

from ansatz.calo.evaluation import Evaluation
from ansatz.calo.moments import RATIO, correlations
from ansatz.calo.response import Compared
from ansatz.calo.shower_figures import Counted, hits, voxels
from ansatz.calo.words import KINDS, energy_words
from ansatz.protocol.figures import Cloud, Counts, Figure, ImageGrid, Ratios, Scatter

READ = "The reference as an area, what was generated as a line; below, their ratio."


def response_figures(evaluation: Evaluation) -> list[Figure]:
    """E_tot / E_inc decade by decade, how layers hang together, and hits."""
    found: list[Figure] = [response(evaluation)]
    if any(merit.name == "layer correlations" for merit in evaluation.merits):
        found += [*mirrored(evaluation), pairs(evaluation)]
    histograms, geometry = counted(evaluation), evaluation.geometry
    number, energy = (
        _ratios((each.region, getattr(each, name)) for each in evaluation.hits)
        for name in ("number", "energy")
    )
    return [
        *found,
        hits(geometry, histograms, f"{READ} The mean is, by that of the reference, {number}."),
        voxels(geometry, histograms, f"{READ} The mean of hits is, by the reference's, {energy}."),
    ]


def response(evaluation: Evaluation) -> Ratios:
    """E_tot / E_inc in every decade."""
    both = evaluation.reference.moments, evaluation.generated.moments
    counted = [m.whole for m in both]
    there = np.flatnonzero(counted[0].count[0])
    panels = []
    for place, decade in zip(there, evaluation.decades, strict=True):
        shown = {kind: m.bins[0, place] for kind, m in zip(KINDS, counted, strict=True)}
        title = f"{energy_words(decade.low)} to {energy_words(decade.high)}"
        note = f"mean × {decade.mean.ratio.value:.3f}, width × {decade.width.ratio.value:.2f}"
        panels.append(Counts(title, RATIO, shown, note))
    return Ratios(
        name="response",
        title="Response and resolution",
        caption=f"E_tot / E_inc for showers of each decade of E_inc. {READ} By how much the mean "
        "and the width of generated showers are those of the reference stands above.",
        panels=tuple(panels),
    )


def mirrored(evaluation: Evaluation) -> list[ImageGrid]:
    """Both matrices of correlations in one, decade by decade."""
    ours, theirs = _correlations(evaluation)
    shown: list[ImageGrid] = []
    for decade, one, other in zip(evaluation.decades, ours, theirs, strict=True):
        both = np.tril(one, -1) + np.triu(other, 1) + np.eye(len(one))
        shown.append(
            ImageGrid(
                name=f"correlations-{len(shown) + 1}",
                title=f"Correlations of layers, {energy_words(decade.low)} to "
                f"{energy_words(decade.high)}",
                caption="Of E_layer / E_inc of two layers, from the first (left, top) to the last: "
                "of the reference below the diagonal, of generated showers above it. With a good "
                "generator the sides mirror each other.",
                images=both[None, None],
                scale=(-1.0, 1.0),
                signed=True,
                joined=True,
            )
        )
    return shown


def pairs(evaluation: Evaluation) -> Scatter:
    """The same, a point for every pair of layers."""
    named = {merit.name: merit for merit in evaluation.merits}
    mean, worst = (named[f"layer correlations{end}"] for end in ("", ", worst"))
    assert mean.value is not None
    assert worst.value is not None
    i, j = np.triu_indices(len(evaluation.geometry.ids), 1)
    clouds = [
        Cloud(f"from {energy_words(decade.low)}", np.stack([one[i, j], other[i, j]], 1))
        for decade, one, other in zip(evaluation.decades, *_correlations(evaluation), strict=True)
    ]
    return Scatter(
        name="pairs",
        title="Correlations of layers, pair by pair",
        caption="The same correlations: on the diagonal if they are right. They differ by "
        f"{mean.value.value:.3f} on average and by {worst.value.value:.3f} at worst.",
        clouds=tuple(clouds),
        x_label=f"of the {KINDS[0]}",
        y_label=KINDS[1],
    )


def _correlations(evaluation: Evaluation) -> list[np.ndarray]:
    """Of both files, in the decades of the evaluation."""
    there = evaluation.reference.moments.whole.count[0] > 0
    return [
        correlations(survey.moments.whole)[0, there]
        for survey in (evaluation.reference, evaluation.generated)
    ]


def counted(evaluation: Evaluation) -> Counted:
    """The histograms of hits and voxels, by group."""
    rows = zip(
        evaluation.binnings,
        evaluation.reference.histograms,
        evaluation.generated.histograms,
        evaluation.separations,
        strict=True,
    )
    return {
        binning.group: (binning, dict(zip(KINDS, both, strict=True)), f"S {value:.2g}")
        for binning, *both, value in rows
    }


def _ratios(found: Iterable[tuple[str, Compared]]) -> str:
    return " and ".join(
        f"{ratio.value:.3f} ± {ratio.error:.2g} of it in {region}"
        for region, (_, _, ratio) in found
    )
