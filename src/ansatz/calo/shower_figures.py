"""Showers to look at, as they are and by what they hold: of any origin, as plain arrays."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from jaxtyping import Float

from ansatz.calo.geometry import Geometry
from ansatz.calo.histograms import VOXEL, Binning
from ansatz.calo.hits import HITS, LATE, WITH_EMPTY, regions
from ansatz.protocol.figures import Counts, Disc, Discs, Ratios

GEV = 1000.0
SHOWN = 12
"""In how many of its layers a single shower is drawn."""

Shower = Float[np.ndarray, " voxels"]


def discs(geometry: Geometry, shower: Shower, layers: Iterable[int]) -> Iterator[Disc]:
    """A disc for each of these layers, by their position."""
    for k in layers:
        values = shower[geometry.layers[k]].reshape(geometry.n_alpha[k], geometry.n_r[k])
        yield Disc(str(geometry.ids[k]), np.array(geometry.r_edges[k]), values)


def beside(
    geometry: Geometry, showers: Mapping[str, Shower], *, name: str, title: str, caption: str
) -> Discs:
    """Single showers one below the other, in the same layers."""
    layers = most(np.sum([sums(geometry, shower) for shower in showers.values()], axis=0))
    return Discs(
        name=name,
        title=title,
        caption=caption,
        rows=tuple(tuple(discs(geometry, shower, layers)) for shower in showers.values()),
        row_labels=tuple(showers),
        unit="MeV",
    )


def sums(geometry: Geometry, shower: Shower) -> Float[np.ndarray, " layers"]:
    """The energy in every layer."""
    return np.array([shower[part].sum() for part in geometry.layers])


def most(energy: Float[np.ndarray, " layers"]) -> list[int]:
    """All of a few layers; of many evenly to where all but a hundredth of the energy is behind."""
    if len(energy) <= SHOWN:
        return list(range(len(energy)))
    last = int(np.searchsorted(np.cumsum(energy), 0.99 * energy.sum()))
    count = min(last + 1, SHOWN)
    return np.unique(np.rint(np.linspace(0, last, count)).astype(int)).tolist()


Counted = Mapping[str, tuple[Binning, dict[str, np.ndarray], str]]
"""By group: bins, counts of each kind with the reference first, and a note."""


def hits(geometry: Geometry, counted: Counted, told: str) -> Ratios:
    """How many a shower has."""
    return Ratios(
        name="hits",
        title="Hits of a shower",
        caption=f"Voxels above the cut; the first bin is of none. {told}",
        panels=tuple(_panels(geometry, (HITS,), counted)),
        log=True,
    )


def voxels(geometry: Geometry, counted: Counted, told: str) -> Ratios:
    """Their energies with those that are empty, and without."""
    return Ratios(
        name="voxels",
        title="Energies of voxels with the empty ones and without",
        caption=f"Where empty ones are counted they are in the first bin. {told}",
        panels=tuple(_panels(geometry, (WITH_EMPTY, VOXEL), counted)),
        unit="MeV",
        log=True,
    )


def _panels(geometry: Geometry, groups: tuple[str, ...], counted: Counted) -> Iterator[Counts]:
    words = {HITS: "", WITH_EMPTY: ", with empty", VOXEL: ", hits"}
    for region, apart in zip(regions(geometry), ("", LATE), strict=True):
        for group in groups:
            binning, counts, note = counted[group + apart]
            yield Counts(f"{region.name}{words[group]}", binning.edges, counts, note, True)
