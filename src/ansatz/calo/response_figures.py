"""What an evaluation shows of response, correlations of layers and hits."""

import numpy as np

from ansatz.calo.evaluation import Evaluation
from ansatz.calo.histograms import VOXEL
from ansatz.calo.hits import HITS, LATE, WITH_EMPTY, regions
from ansatz.calo.moments import RATIO, correlations
from ansatz.calo.words import KINDS, energy_words
from ansatz.protocol.figures import Cloud, Counts, Figure, ImageGrid, Ratios, Scatter

READ = "The reference as an area, what was generated as a line; below, their ratio."


def response_figures(evaluation: Evaluation) -> list[Figure]:
    """E_tot / E_inc decade by decade, how layers hang together, and hits."""
    found: list[Figure] = [response(evaluation)]
    if len(evaluation.geometry.ids) > 1:
        found += [mirrored(evaluation), pairs(evaluation)]
    return [*found, hits(evaluation), energies_of_voxels(evaluation)]


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


def mirrored(evaluation: Evaluation) -> ImageGrid:
    """Both matrices of correlations in one."""
    ours, theirs = (
        correlations(survey.moments.whole)[0]
        for survey in (evaluation.reference, evaluation.generated)
    )
    both = np.tril(ours, -1) + np.triu(theirs, 1) + np.eye(len(ours))
    return ImageGrid(
        name="correlations",
        title="Correlations of layers",
        caption="Of E_layer / E_inc of two layers, from the first layer (left, top) to the last: "
        "of the reference below the diagonal, of generated showers above it. With a good generator "
        "the two sides mirror each other.",
        images=both[None, None],
        scale=(-1.0, 1.0),
        signed=True,
        joined=True,
    )


def pairs(evaluation: Evaluation) -> Scatter:
    """The same, a point for every pair of layers."""
    named = {merit.name: merit for merit in evaluation.merits}
    mean, worst = (named[f"layer correlations{end}"] for end in ("", ", worst"))
    assert mean.value is not None
    assert worst.value is not None
    i, j = np.triu_indices(len(evaluation.geometry.ids), 1)
    points = [
        correlations(survey.moments.whole)[0, i, j]
        for survey in (evaluation.reference, evaluation.generated)
    ]
    return Scatter(
        name="pairs",
        title="Correlations of layers, pair by pair",
        caption="The same correlations: on the diagonal if they are right. They differ by "
        f"{mean.value.value:.3f} on average and by {worst.value.value:.3f} at worst.",
        clouds=(Cloud("pairs of layers", np.stack(points, 1)),),
        x_label=f"of the {KINDS[0]}",
        y_label=KINDS[1],
    )


def hits(evaluation: Evaluation) -> Ratios:
    """How many a shower has."""
    said = [
        f"in {each.region} × {each.number.ratio.value:.3f} ± {each.number.ratio.error:.2g}"
        for each in evaluation.hits
    ]
    return _of_regions(
        evaluation,
        (HITS,),
        "hits",
        "Hits of a shower",
        f"Voxels above the cut. {READ} The first bin is of none. Generated showers have as many "
        f"hits as those of the reference {' and '.join(said)}.",
    )


def energies_of_voxels(evaluation: Evaluation) -> Ratios:
    """With the voxels that are empty, and without."""
    said = [
        f"in {each.region} × {each.energy.ratio.value:.3f} ± {each.energy.ratio.error:.2g}"
        for each in evaluation.hits
    ]
    return _of_regions(
        evaluation,
        (WITH_EMPTY, VOXEL),
        "voxels",
        "Energies of voxels with the empty ones and without",
        f"{READ} Where empty ones are counted they are in the first bin. A hit of generated "
        f"showers has as much energy as one of the reference {' and '.join(said)}.",
        "MeV",
    )


def _of_regions(
    evaluation: Evaluation,
    groups: tuple[str, ...],
    name: str,
    title: str,
    caption: str,
    unit: str = "",
) -> Ratios:
    rows = zip(
        evaluation.binnings,
        evaluation.reference.histograms,
        evaluation.generated.histograms,
        evaluation.separations,
        strict=True,
    )
    found = {binning.group: (binning, ours, theirs, s) for binning, ours, theirs, s in rows}
    panels = []
    for region, apart in zip(regions(evaluation.geometry), ("", LATE), strict=True):
        for group in groups:
            binning, ours, theirs, value = found[group + apart]
            of = {WITH_EMPTY: ", with empty", VOXEL: ", hits"}.get(group, "")
            shown = dict(zip(KINDS, (ours, theirs), strict=True))
            panels.append(
                Counts(f"{region.name}{of}", binning.edges, shown, f"S {value:.2g}", True)
            )
    return Ratios(
        name=name, title=title, caption=caption, panels=tuple(panels), unit=unit, log=True
    )
