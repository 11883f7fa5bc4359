"""What an evaluation has to show: every histogram, profiles, and showers layer by layer."""

from collections.abc import Iterable, Iterator

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
from ansatz.calo.survey import Survey
from ansatz.calo.words import KINDS, energy_words
from ansatz.protocol.figures import Counts, Curve, Curves, Disc, Discs, Figure, Panel, Ratios

GEV = 1000.0
SINGLE, SHOWN = 3, 12
"""How many single showers of either kind, and in how many of their layers."""

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
            tuple(_discs(evaluation, survey.mean, range(len(evaluation.geometry.ids))))
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
        sums = [_sums(evaluation, shower) for shower in pair]
        energy = energy_words(ours.energies[row])
        curves = tuple(Curve(kind, ids, s / GEV) for kind, s in zip(KINDS, sums, strict=True))
        panels.append(Panel(f"GeV, of {energy}", curves))
        layers = _most(sums[0] + sums[1])
        shown.append(
            Discs(
                name=f"shower-{len(shown) + 1}",
                title=f"A shower of {energy}",
                caption="The energy of every voxel in some layers of one shower of the reference, "
                "and of the generated one whose energy is nearest.",
                rows=tuple(tuple(_discs(evaluation, shower, layers)) for shower in pair),
                row_labels=KINDS,
                unit="MeV",
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


def _sums(evaluation: Evaluation, shower: np.ndarray) -> np.ndarray:
    return np.array([shower[part].sum() for part in evaluation.geometry.layers])


def _most(sums: np.ndarray) -> list[int]:
    """Layers evenly from the first to where all but a hundredth of the energy is behind."""
    last = int(np.searchsorted(np.cumsum(sums), 0.99 * sums.sum()))
    count = min(last + 1, SHOWN)
    return np.unique(np.rint(np.linspace(0, last, count)).astype(int)).tolist()


def _discs(evaluation: Evaluation, shower: np.ndarray, layers: Iterable[int]) -> Iterator[Disc]:
    geometry = evaluation.geometry
    for k in layers:
        values = shower[geometry.layers[k]].reshape(geometry.n_alpha[k], geometry.n_r[k])
        yield Disc(str(geometry.ids[k]), np.array(geometry.r_edges[k]), values)
