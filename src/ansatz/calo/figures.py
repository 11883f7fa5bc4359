"""What an evaluation has to show: every histogram, profiles, and showers layer by layer."""

import numpy as np

from ansatz.calo.evaluation import Evaluation
from ansatz.calo.histograms import (
    CENTRES,
    GROUPS,
    LAYER,
    SPARSITY,
    TOTAL,
    VOXEL,
    WIDTHS,
)
from ansatz.calo.response_figures import response_figures
from ansatz.calo.shower_figures import GEV, beside, discs, sums
from ansatz.calo.survey import Survey
from ansatz.calo.words import KINDS, energy_words
from ansatz.protocol.figures import Counts, Curve, Curves, Discs, Figure, Panel, Ratios

SINGLE = 3
"""How many single showers of either kind are shown."""

TITLES = {
    TOTAL: ("Deposited over incident energy", ""),
    LAYER: ("Energy in each layer", "MeV"),
    VOXEL: ("Energy of a voxel", "MeV"),
    **{f"EC {c}": (f"Centre of energy in {c}", "mm") for c in ("eta", "phi", "r")},
    **{f"W {c}": (f"Width in {c}", "mm") for c in ("eta", "phi", "r")},
    SPARSITY: ("Part of a layer's voxels that is empty", ""),
}
READ = (
    "The reference as an area, what was generated as a line; below, their ratio from 0.5 to 1.5, "
    "on the band that chance alone makes of it. S is the separation power, 0 where histograms are "
    "the same and 1 where nothing is in common."
)


def figures(evaluation: Evaluation) -> list[Figure]:
    """All of them: first what concerns whole showers, then layer after layer."""
    shown: list[Figure] = [profiles(evaluation), average(evaluation)]
    shown += single(evaluation)
    shown += response_figures(evaluation)
    shown += [histograms(evaluation, group) for group in GROUPS if _has(evaluation, group)]
    return shown


def histograms(evaluation: Evaluation, group: str) -> Ratios:
    """All histograms of one group, side by side."""
    rows = [
        (binning, ours, theirs, value)
        for binning, ours, theirs, value in zip(
            evaluation.binnings,
            evaluation.reference.histograms,
            evaluation.generated.histograms,
            evaluation.separations,
            strict=True,
        )
        if binning.group == group
    ]
    value, floor = evaluation.groups[group]
    title, unit = TITLES[group]
    many = len(rows) > 1
    mean = "On average " if many else ""
    return Ratios(
        name=group.lower().replace(" ", "-"),
        title=title,
        caption=f"{READ} {mean}S = {value:.2g}, where chance alone makes {floor:.2g}.",
        panels=tuple(
            Counts(
                title if binning.layer is None else f"layer {binning.layer}",
                binning.edges,
                dict(zip(KINDS, (ours, theirs), strict=True)),
                f"S {separation:.2g}",
                binning.log,
            )
            for binning, ours, theirs, separation in rows
        ),
        unit=unit,
        log=group in (LAYER, VOXEL, *CENTRES, *WIDTHS),
    )


def profiles(evaluation: Evaluation) -> Curves:
    """The mean energy in every layer, for intervals of the incident energy."""
    ids = np.array(evaluation.geometry.ids, float)
    panels = []
    ends = zip(evaluation.intervals[:-1], evaluation.intervals[1:], strict=True)
    for k, (low, high) in enumerate(ends):
        curves = tuple(
            Curve(kind, ids, survey.profile[k] / GEV)
            for kind, survey in zip(KINDS, _surveys(evaluation), strict=True)
        )
        panels.append(Panel(f"GeV, of {energy_words(low)} to {energy_words(high)}", curves))
    return Curves(
        name="profiles",
        title="Longitudinal profiles",
        caption="The mean energy in every layer, for showers in intervals of the incident energy.",
        panels=tuple(panels),
        x_label="layer",
    )


def average(evaluation: Evaluation) -> Discs:
    """The mean shower in every layer."""
    return Discs(
        name="average",
        title="The average shower",
        caption="The mean energy of every voxel, layer by layer, on a logarithmic scale. A layer "
        "is seen along the direction of the particle; its rings are drawn equally wide.",
        rows=tuple(
            tuple(discs(evaluation.geometry, survey.mean, range(len(evaluation.geometry.ids))))
            for survey in _surveys(evaluation)
        ),
        row_labels=KINDS,
        unit="MeV",
    )


def single(evaluation: Evaluation) -> list[Figure]:
    """Some showers of the reference, each beside the generated one of the nearest energy."""
    ours, theirs = _surveys(evaluation)
    if not (len(ours.energies) and len(theirs.energies)):
        return []
    order = np.argsort(ours.energies)
    places = ((np.arange(SINGLE) + 0.5) / SINGLE * len(order)).astype(int)
    ids = np.array(evaluation.geometry.ids, float)
    panels: list[Panel] = []
    shown: list[Figure] = []
    for row in dict.fromkeys(order[places].tolist()):
        near = int(np.argmin(np.abs(np.log(theirs.energies / ours.energies[row]))))
        pair = [survey.voxels[[k]].toarray()[0] for survey, k in ((ours, row), (theirs, near))]
        energies = [sums(evaluation.geometry, shower) for shower in pair]
        energy = energy_words(ours.energies[row])
        curves = tuple(Curve(kind, ids, e / GEV) for kind, e in zip(KINDS, energies, strict=True))
        panels.append(Panel(f"GeV, of {energy}", curves))
        shown.append(
            beside(
                evaluation.geometry,
                dict(zip(KINDS, pair, strict=True)),
                name=f"shower-{len(shown) + 1}",
                title=f"A shower of {energy}",
                caption="The energies of voxels, by layer as far as it goes, of one shower of the "
                "reference, and of the generated one whose energy is nearest.",
            )
        )
    lines = Curves(
        name="single-profiles",
        title="Single showers",
        caption="The energy in every layer of the showers that are shown below.",
        panels=tuple(panels),
        x_label="layer",
    )
    return [lines, *shown]


def _surveys(evaluation: Evaluation) -> tuple[Survey, Survey]:
    return evaluation.reference, evaluation.generated


def _has(evaluation: Evaluation, group: str) -> bool:
    return any(binning.group == group for binning in evaluation.binnings)
