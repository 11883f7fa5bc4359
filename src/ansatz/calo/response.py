"""Response, resolution, correlations of layers and hits of generated showers, by the reference's.

The response is the mean of E_tot / E_inc over the showers of a decade of the incident energy, the
resolution its standard deviation. That of generated showers depends on their energies: within a
decade both files should have the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ansatz.calo.geometry import Geometry
from ansatz.calo.hits import regions
from ansatz.calo.merits import Merit
from ansatz.calo.moments import Moments, Whole, correlations, jackknifed, mean, width
from ansatz.calo.survey import Survey
from ansatz.evaluate.estimate import Estimate

Statistic = Callable[[Moments], Whole]
Pair = tuple[Moments, Moments]


class Compared(NamedTuple):
    """A number of both files, and the generated one's over the reference's."""

    reference: Estimate
    generated: Estimate
    ratio: Estimate

    def to_dict(self) -> dict[str, float | None]:
        """Plain values; None where there are too few showers."""
        found: dict[str, float | None] = {}
        for name, estimate in self._asdict().items():
            known = np.isfinite(estimate).all()
            found[name], found[f"{name}_error"] = estimate if known else (None, None)
        return found


@dataclass(frozen=True)
class Decade:
    """The showers between two incident energies, MeV."""

    low: float
    high: float
    showers: tuple[int, int]
    """Of the reference and generated."""
    mean: Compared
    width: Compared

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "from": self.low,
            "to": self.high,
            "showers": dict(zip(("reference", "generated"), self.showers, strict=True)),
            "mean": self.mean.to_dict(),
            "width": self.width.to_dict(),
        }


@dataclass(frozen=True)
class Hits:
    """The hits of some layers."""

    region: str
    number: Compared
    """Of a shower."""
    energy: Compared
    """Of a hit, MeV."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "layers": self.region,
            "hits of a shower": self.number.to_dict(),
            "energy of a hit": self.energy.to_dict(),
        }


def by_decade(
    reference: Moments, generated: Moments, decades: Float[np.ndarray, " edge"]
) -> tuple[Decade, ...]:
    """Response and resolution in every decade in which the reference has showers."""
    both = reference, generated
    counts = [m.whole.count[0].astype(int) for m in both]
    means, widths = compared(mean, both), compared(width, both)
    return tuple(
        Decade(
            float(decades[k]),
            float(decades[k + 1]),
            (int(counts[0][k]), int(counts[1][k])),
            means[k],
            widths[k],
        )
        for k in range(len(decades) - 1)
        if counts[0][k]
    )


def hits_of(reference: Moments, generated: Moments, geometry: Geometry) -> tuple[Hits, ...]:
    """How many hits a shower has, and how much energy a hit has: of all layers, and the last."""
    both = reference, generated
    numbers, energies = compared(hits_per_shower, both), compared(energy_per_hit, both)
    return tuple(
        Hits(region.name, number, energy)
        for region, number, energy in zip(regions(geometry), numbers, energies, strict=True)
    )


def hits_per_shower(moments: Moments) -> Float[np.ndarray, "part region"]:
    """Over all decades."""
    return moments.hits.sum(1) / moments.count.sum(1)[:, None]


def energy_per_hit(moments: Moments) -> Float[np.ndarray, "part region"]:
    """MeV, over all decades; NaN where nothing is hit."""
    hits = moments.hits.sum(1)
    return moments.energy.sum(1) / np.where(hits > 0, hits, np.nan)


def compared(statistic: Statistic, both: Pair) -> list[Compared]:
    """Numbers of both files and their ratios, with errors."""

    def ratio(reference: Moments, generated: Moments) -> Whole:
        return statistic(generated) / statistic(reference)

    with np.errstate(invalid="ignore", divide="ignore"):
        found = [jackknifed(statistic, m) for m in both] + [jackknifed(ratio, *both)]
    return [
        Compared(*(Estimate(float(value[k]), float(error[k])) for value, error in found))
        for k in range(len(found[0][0]))
    ]


def correlation_gap(reference: Moments, generated: Moments) -> Float[np.ndarray, "part two"]:
    """The mean and the largest |difference| of the correlations of two different layers."""
    gap = np.abs(correlations(reference) - correlations(generated))
    pairs = gap[:, *np.triu_indices(gap.shape[-1], 1)]
    return np.stack([pairs.mean(1), pairs.max(1)], 1)


def correlation_merits(reference: Survey, generated: Survey, floor: Pair) -> list[Merit]:
    """How far the correlations of layers are from the reference's."""
    if len(reference.file.geometry.ids) < 2:
        return []
    pair = reference.moments, generated.moments
    (values, errors), (floors, floor_errors) = (
        jackknifed(correlation_gap, *each) for each in (pair, floor)
    )
    events = min(len(survey.file) for survey in (reference, generated))
    what = "difference of the correlations of E_layer / E_inc, over pairs of layers"
    return [
        Merit(
            name=name,
            value=Estimate(float(values[k]), float(errors[k])),
            floor=Estimate(float(floors[k]), float(floor_errors[k])),
            what=f"{which} absolute {what}",
            events=events,
            comparable=False,
            how=f"{len(reference.file):,} and {len(generated.file):,} events",
        )
        for k, (name, which) in enumerate(
            [("layer correlations", "mean"), ("layer correlations, worst", "largest")]
        )
    ]
