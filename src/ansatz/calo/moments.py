"""Sums over showers, by decade of incident energy: from them come means, widths, correlations.

Showers go in turn to one of `PARTS` parts. An error is that of the jackknife: with t_k what the
sums come to without part k of either file,

    error^2 = (K - 1) / K  sum_k (t_k - mean(t))^2.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from ansatz.calo.features import Features
from ansatz.calo.geometry import Geometry
from ansatz.calo.hits import layer_hits, regions

PARTS = 20
RATIO = np.linspace(0, 1.5, 76)
"""Bins of E_tot / E_inc."""
CONSTANT = 1e-12
"""Of a mean square: less variance than this is rounding."""

Whole = Float[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the showers of each decade, (part, decade, ...); x is E_tot / E_inc."""

    count: Float[np.ndarray, "part decade"]
    powers: Float[np.ndarray, "part decade 2"]
    """x and x^2."""
    bins: Float[np.ndarray, "part decade bin"]
    """How many x lie in each bin of `RATIO`."""
    shares: Float[np.ndarray, "part decade layer"]
    """E_layer / E_inc."""
    products: Float[np.ndarray, "part decade layer layer"]
    """Of the shares of two layers."""
    hits: Float[np.ndarray, "part decade region"]
    """Voxels above the cut."""
    energy: Float[np.ndarray, "part decade region"]
    """Of these, MeV."""

    @classmethod
    def nothing(cls, geometry: Geometry, decades: Float[np.ndarray, " edge"]) -> "Moments":
        """Before the first shower."""
        layers, there = len(geometry.ids), len(regions(geometry))
        shapes = [(), (2,), (len(RATIO) - 1,), (layers,), (layers, layers), (there,), (there,)]
        return cls(*(np.zeros((PARTS, len(decades) - 1, *shape)) for shape in shapes))

    def add(
        self,
        geometry: Geometry,
        decades: Float[np.ndarray, " edge"],
        features: Features,
        first: int,
    ) -> None:
        """More showers, the first of which has this number in its file."""
        hits = layer_hits(geometry, features)
        shares = features.layer_energy / features.incident[:, None]
        x = shares.sum(1)
        part = np.arange(first, first + len(x)) % PARTS
        place = decade_of(features.incident, decades)
        for p in range(PARTS):
            for d in range(len(decades) - 1):
                own = (part == p) & (place == d)
                if not own.any():
                    continue
                at = p, d
                self.count[at] += own.sum()
                self.powers[at] += (x[own, None] ** np.arange(1, 3)).sum(0)
                self.bins[at] += np.histogram(x[own], RATIO)[0]
                self.shares[at] += shares[own].sum(0)
                self.products[at] += shares[own].T @ shares[own]
                for r, region in enumerate(regions(geometry)):
                    self.hits[(*at, r)] += hits[own][:, region.layers].sum()
                    self.energy[(*at, r)] += features.layer_energy[own][:, region.layers].sum()

    @property
    def halves(self) -> tuple["Moments", "Moments"]:
        """Of showers in turn."""
        one, other = (
            Moments(*(getattr(self, field.name)[first::2] for field in fields(self)))
            for first in (0, 1)
        )
        return one, other

    @property
    def without(self) -> "Moments":
        """For each part the sums over all others."""
        arrays = (getattr(self, field.name) for field in fields(self))
        return Moments(*(array.sum(0, keepdims=True) - array for array in arrays))

    @property
    def whole(self) -> "Moments":
        """The sums over all parts, as a single one."""
        return Moments(*(getattr(self, f.name).sum(0, keepdims=True) for f in fields(self)))


def decades_of(energies: Float[np.ndarray, " shower"]) -> Float[np.ndarray, " edge"]:
    """Powers of ten that hold these energies between them, MeV."""
    low, high = np.log10(energies.min()), np.log10(energies.max())
    first = np.floor(low)
    return 10.0 ** np.arange(first, max(np.ceil(high), first + 1) + 1)


def decade_of(
    energies: Float[np.ndarray, " shower"], decades: Float[np.ndarray, " edge"]
) -> np.ndarray:
    """Which decade each is in, the last with its upper end; -1 and beyond the last: none."""
    place = np.searchsorted(decades, energies, side="right") - 1
    return np.where(energies == decades[-1], len(decades) - 2, place)


def jackknifed(statistic: Callable[..., Whole], *moments: Moments) -> tuple[Whole, Whole]:
    """What a function of sums comes to, and its error, which leaves out a part of all at a time."""
    value = statistic(*(m.whole for m in moments))[0]
    left = statistic(*(m.without for m in moments))
    k = len(left)
    return value, np.sqrt((k - 1) / k * ((left - left.mean(0)) ** 2).sum(0))


def mean(moments: Moments) -> Float[np.ndarray, "part decade"]:
    """Of x; NaN where there is no shower."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return moments.powers[..., 0] / moments.count


def width(moments: Moments) -> Float[np.ndarray, "part decade"]:
    """The standard deviation of x; NaN where there are not two showers."""
    with np.errstate(invalid="ignore", divide="ignore"):
        n = moments.count
        square = moments.powers[..., 1] - moments.powers[..., 0] ** 2 / n
        return np.sqrt(np.maximum(square, 0) / np.where(n > 1, n - 1, np.nan))


def correlations(moments: Moments, decades: bool = False) -> Float[np.ndarray, "part ..."]:
    """Of the shares E_layer / E_inc of two layers, over all showers or decade by decade.

    Pearson's; zero where a share does not vary.
    """
    count, shares, products = moments.count, moments.shares, moments.products
    if not decades:
        count, shares, products = (a.sum(1) for a in (count, shares, products))
    n = np.maximum(count, 1)[..., None]
    means, square = shares / n, products / n[..., None]
    covariance = square - means[..., :, None] * means[..., None, :]
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    varies = variance > CONSTANT * np.diagonal(square, axis1=-2, axis2=-1)
    root = np.sqrt(np.where(varies, variance, 1))
    both = varies[..., :, None] & varies[..., None, :]
    return np.where(both, covariance / (root[..., :, None] * root[..., None, :]), 0)
