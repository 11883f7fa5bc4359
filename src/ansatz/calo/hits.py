"""Hits, voxels above the cut, and their energies: in all layers, and in the last ones apart.

There a shower has least energy, and a generator that is wrong about hits is so most of all.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ansatz.calo.features import Features
from ansatz.calo.geometry import Geometry
from ansatz.calo.histograms import VOXEL, Binning, Largest, even_in_log

LAST = 9
"""The last layers are one in so many: layers 40 to 44 of dataset 2."""
HITS, WITH_EMPTY = "hits", "voxel or none"
LATE = ", last layers"
NONE = 0.5
"""Where no hit at all stands on an axis of their logarithm."""
HIT_GROUPS = (HITS, WITH_EMPTY, HITS + LATE, VOXEL + LATE, WITH_EMPTY + LATE)
"""What is histogrammed beside what the challenge has, of all layers together."""


class Region(NamedTuple):
    """Some layers, by their position, and their voxels."""

    name: str
    layers: slice
    voxels: slice


def regions(geometry: Geometry) -> tuple[Region, Region]:
    """All layers, and the last ninth of them."""
    ids, layers = geometry.ids, geometry.layers
    first = len(ids) - max(1, round(len(ids) / LAST))
    named = f"layer {ids[-1]}" if first == len(ids) - 1 else f"layers {ids[first]} to {ids[-1]}"
    return (
        Region("all layers", slice(0, len(ids)), slice(0, geometry.voxels)),
        Region(named, slice(first, len(ids)), slice(layers[first].start, geometry.voxels)),
    )


def hit_binnings(geometry: Geometry, largest: Largest) -> tuple[Binning, ...]:
    """The histograms of `HIT_GROUPS`; nothing has a bin of its own, the first.

    Energies have the challenge's bins of voxels.
    """
    whole, late = regions(geometry)
    energies = even_in_log(geometry.cut, largest.voxel, 50)
    or_none = np.concatenate([[energies[0] ** 2 / energies[1]], energies])

    def of_hits(voxels: int) -> np.ndarray:
        return np.concatenate([[NONE], np.unique(np.rint(np.geomspace(1, voxels + 1, 41)))])

    edges = (
        of_hits(whole.voxels.stop),
        or_none,
        of_hits(late.voxels.stop - late.voxels.start),
        energies,
        or_none,
    )
    return tuple(Binning(g, None, e, True) for g, e in zip(HIT_GROUPS, edges, strict=True))


def layer_hits(geometry: Geometry, features: Features) -> Float[np.ndarray, "_ layers"]:
    """How many voxels of each layer are hit."""
    sizes = np.array([part.stop - part.start for part in geometry.layers])
    return np.rint((1 - features.sparsity) * sizes)


def hit_counts(
    geometry: Geometry,
    binnings: tuple[Binning, ...],
    features: Features,
    showers: np.ndarray,
    voxels: np.ndarray,
) -> list[np.ndarray]:
    """How many of these showers, or of their voxels, lie in every bin.

    Voxels below the cut must be zero already, and `voxels` are the counts of the others' energies.
    """
    edges = {binning.group: binning.edges for binning in binnings}
    hits = layer_hits(geometry, features)
    found = {}
    for region, apart in zip(regions(geometry), ("", LATE), strict=True):
        own = showers[:, region.voxels]
        several = hits[:, region.layers].sum(1)
        if apart:
            voxels = np.histogram(own[own > 0], edges[VOXEL + LATE])[0]
        empty = own.size - int(several.sum())
        found[HITS + apart] = np.histogram(np.maximum(several, NONE), edges[HITS + apart])[0]
        found[VOXEL + apart] = voxels
        found[WITH_EMPTY + apart] = np.concatenate([[empty], voxels])
    return [found[binning.group] for binning in binnings]
