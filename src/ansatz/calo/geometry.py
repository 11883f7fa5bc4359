"""How a calorimeter is cut into voxels: layers along the shower, each cut into rings and angles.

A shower is one row of numbers in which the ring r runs fastest, then the angle alpha, then the
layer. Rings are bounded by radii in mm about the particle's direction, and angles divide
(-pi, pi) evenly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from ansatz.protocol.errors import DataError, nearest

CUTS = {"electron": 0.5e-3 / 0.033, "photon": 1.0, "pion": 1.0}
"""Below how many MeV a voxel does not count, where the binning file is not of a known geometry.

Those of the CaloChallenge: 0.5 keV in silicon, of which 3.3 % of the energy is seen.
"""

PIDS = {"electron": 11, "photon": 22, "pion": 211}


class Centres(NamedTuple):
    """The middle of every voxel, in the order of a row: arrays (voxels,)."""

    eta: np.ndarray
    """r cos(alpha), mm."""
    phi: np.ndarray
    """r sin(alpha), mm."""
    r: np.ndarray
    """mm."""
    layer: np.ndarray
    """The position of its layer among all, from 0."""


@dataclass(frozen=True)
class Geometry:
    """The voxels of a calorimeter; `r_edges`, `n_alpha` and `ids` have an entry for each layer."""

    name: str
    particle: str
    r_edges: tuple[tuple[float, ...], ...]
    """The radii that bound the rings, mm, rising."""
    n_alpha: tuple[int, ...]
    ids: tuple[int, ...]
    """What the layers are called in the detector."""
    cut: float
    """Voxels of less energy than this, in MeV, count as empty in an evaluation."""

    def __post_init__(self) -> None:
        if not self.ids or not len(self.ids) == len(self.r_edges) == len(self.n_alpha):
            raise DataError(f"Geometry {self.name}: each layer needs an id, radii and angles.")
        if len(set(self.ids)) < len(self.ids):
            raise DataError(f"Geometry {self.name}: two layers have the same id.")
        for id, edges, angles in zip(self.ids, self.r_edges, self.n_alpha, strict=True):
            rising = all(a < b for a, b in pairwise(edges))
            if len(edges) < 2 or edges[0] < 0 or not rising or not math.isfinite(edges[-1]):
                raise DataError(
                    f"Geometry {self.name}, layer {id}: the radii must be two or more numbers "
                    "that rise from 0 or more."
                )
            if angles < 1:
                raise DataError(f"Geometry {self.name}, layer {id}: {angles} angular bins.")

    @cached_property
    def n_r(self) -> tuple[int, ...]:
        """How many rings each layer has."""
        return tuple(len(edges) - 1 for edges in self.r_edges)

    @cached_property
    def layers(self) -> tuple[slice, ...]:
        """Where in a row each layer is; it is `row[slice].reshape(n_alpha, n_r)`."""
        sizes = [r * alpha for r, alpha in zip(self.n_r, self.n_alpha, strict=True)]
        ends = np.cumsum(sizes).tolist()
        return tuple(slice(end - size, end) for size, end in zip(sizes, ends, strict=True))

    @property
    def voxels(self) -> int:
        """How many numbers a shower has."""
        return self.layers[-1].stop

    def centres(self) -> Centres:
        """The middles of all voxels: of the rings in r, of the angular bins in alpha."""
        r, alpha, layer = [], [], []
        for i, (edges, n) in enumerate(zip(self.r_edges, self.n_alpha, strict=True)):
            middles = (np.array(edges[1:]) + np.array(edges[:-1])) / 2
            bounds = np.linspace(-np.pi, np.pi, n + 1)
            angles = (bounds[1:] + bounds[:-1]) / 2
            r.append(np.tile(middles, n))
            alpha.append(np.repeat(angles, len(middles)))
            layer.append(np.full(n * len(middles), i))
        radius, angle = np.concatenate(r), np.concatenate(alpha)
        return Centres(
            radius * np.cos(angle), radius * np.sin(angle), radius, np.concatenate(layer)
        )

    def neighbours(self) -> np.ndarray:
        """The voxels beside each within its layer: (voxels, 4) places in a row, -1 for none.

        Inwards, outwards, and at the next smaller and the next larger angle; the last angle is
        beside the first. A ring that is not divided has no neighbours in the angle.
        """
        beside = np.full((self.voxels, 4), -1)
        for part, rings, angles in zip(self.layers, self.n_r, self.n_alpha, strict=True):
            place = np.arange(part.start, part.stop).reshape(angles, rings)
            near = beside[part].reshape(angles, rings, 4)
            near[:, 1:, 0] = place[:, :-1]
            near[:, :-1, 1] = place[:, 1:]
            if angles > 1:
                near[..., 2] = np.roll(place, 1, axis=0)
                near[..., 3] = np.roll(place, -1, axis=0)
        return beside

    def same_voxels(self, other: "Geometry") -> bool:
        """Whether a number of a row means the same for both."""
        mine, theirs = ((g.r_edges, g.n_alpha, g.ids) for g in (self, other))
        return mine == theirs


def _stack(name: str, rings: int, angles: int, step: float) -> Geometry:
    """45 equal layers with rings of equal width."""
    # Rounded, as a binning file has decimals and no multiples of the width.
    edges = tuple(round(step * i, 6) for i in range(rings + 1))
    return Geometry(
        name, "electron", (edges,) * 45, (angles,) * 45, tuple(range(45)), CUTS["electron"]
    )


def _layers(
    name: str, particle: str, layers: Sequence[tuple[int, int, tuple[int, ...]]]
) -> Geometry:
    """Layers of their own kind each: id, angular bins, radii."""
    ids, angles, edges = zip(*layers, strict=True)
    radii = tuple(tuple(map(float, layer)) for layer in edges)
    return Geometry(name, particle, radii, angles, ids, CUTS[particle])


_FIRST = (0, 5, 10, 30, 50, 100, 200, 400, 600)
_SECOND = (
    *(0, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100),
    *(130, 160, 200, 250, 300, 350, 400),
)
_THIRD = (0, 50, 100, 200, 400, 600)
_FINE = (0, 10, 20, 30, 50, 80, 100, 130, 160, 200, 250, 300, 350, 400)

GEOMETRIES = {
    geometry.name: geometry
    for geometry in (
        _layers(
            "dataset1-photons",
            "photon",
            [
                (0, 1, _FIRST),
                (1, 10, (0, 2, 4, 6, 8, 10, 12, 15, 20, 30, 40, 50, 70, 90, 120, 150, 200)),
                (2, 10, _SECOND),
                (3, 1, _THIRD),
                (12, 1, (0, 100, 200, 400, 1000, 2000)),
            ],
        ),
        _layers(
            "dataset1-pions",
            "pion",
            [
                (0, 1, _FIRST),
                (1, 10, (0, 1, 4, 7, 10, 15, 30, 50, 90, 150, 200)),
                (2, 10, (0, 5, 10, 20, 30, 50, 80, 130, 200, 300, 400)),
                (3, 1, _THIRD),
                (12, 10, (*_FINE, 1000, 2000)),
                (13, 10, (*_FINE, 600, 1000, 2000)),
                (14, 1, (0, 50, 100, 150, 200, 250, 300, 400, 600, 1000, 2000)),
            ],
        ),
        _stack("dataset2", 9, 16, 4.65),
        _stack("dataset3", 18, 50, 2.325),
    )
}
"""Those of the CaloChallenge (arXiv 2410.21611), by name."""


def geometry(name: str | Path) -> Geometry:
    """The built-in geometry of that name, or the one that a binning file in XML describes.

    A file that describes the voxels of a built-in geometry gives that one.
    """
    if str(name) in GEOMETRIES:
        return GEOMETRIES[str(name)]
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a binning file: {error}.") from None
    if text is None:
        raise DataError(
            f"There is no geometry {str(name)!r} and no binning file of that name. "
            f"{nearest(str(name), GEOMETRIES)}"
        )
    return from_xml(text, path.stem, str(path))


def from_xml(text: str, name: str, place: str = "") -> Geometry:
    """The geometry of a binning file's text: Bins, in it a Bin, in it a Layer each.

    A layer whose radii are a single number is empty and left out. What is wrong is said of the
    `place` of the text.
    """
    place = place or name
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError(f"{place} is no sound XML: {error}.") from None
    bins = root.findall("Bin")
    if len(bins) != 1:
        raise DataError(
            f"{place} must have one Bin, for one particle, in its Bins; it has {len(bins)}."
        )
    particle = bins[0].get("name", "")
    ids, radii, angles = [], [], []
    for layer in bins[0].findall("Layer"):
        try:
            edges = tuple(float(word) for word in layer.attrib["r_edges"].split(","))
            id, n = int(layer.attrib["id"]), int(layer.attrib["n_bin_alpha"])
        except (KeyError, ValueError):
            raise DataError(
                f"{place}: a Layer needs a whole number for id and n_bin_alpha, and numbers with "
                f"commas between them for r_edges; one has {dict(layer.attrib)}."
            ) from None
        if len(edges) > 1:
            ids.append(id)
            radii.append(edges)
            angles.append(n)
    try:
        found = Geometry(
            name, particle, tuple(radii), tuple(angles), tuple(ids), CUTS.get(particle, 1.0)
        )
    except DataError as error:
        raise DataError(f"{place} describes no calorimeter. {error}") from None
    same = (
        known
        for known in GEOMETRIES.values()
        if known.same_voxels(found) and known.particle == particle
    )
    return next(same, found)


def as_text(geometry: Geometry) -> str:
    """What says it without a file: the name of one that is built in, or a binning file's text.

    A binning file may be called like a built-in geometry and describe another.
    """
    return geometry.name if GEOMETRIES.get(geometry.name) == geometry else to_xml(geometry)


def to_xml(geometry: Geometry) -> str:
    """The binning file of a geometry."""
    root = ElementTree.Element("Bins")
    pid = {"pid": str(PIDS[geometry.particle])} if geometry.particle in PIDS else {}
    bin = ElementTree.SubElement(root, "Bin", {**pid, "name": geometry.particle})
    for id, edges, n in zip(geometry.ids, geometry.r_edges, geometry.n_alpha, strict=True):
        radii = ",".join(map(repr, edges))
        ElementTree.SubElement(
            bin, "Layer", {"id": str(id), "r_edges": radii, "n_bin_alpha": str(n)}
        )
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
