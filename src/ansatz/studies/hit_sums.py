"""What a fit says of the hits of showers it has not seen, summed in each layer.

A shower's voxels have u, the activations a and the logits l that a decoder gives its code, and
σ(l − r) is how often they are drawn as hits. All that is claimed is a function of sums over
showers, so that its error is known from leaving out one group of showers after another.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from ansatz.calo.nets import REST
from ansatz.studies.claim import Measured

LOGITS = np.arange(-12.0, 6.01, 0.5)
"""Bins of logits; those beyond are in the last ones."""
FINE = np.arange(-4.0, 32.01, 0.1)
"""Bins of activations."""
ROOT = np.geomspace(0.25, 32.0, 29)
"""Bins of u."""
ENOUGH = 20
"""Hits, and empty voxels, of a bin that is looked at."""
TOGETHER = 5
"""Layers whose rates are looked at together."""

Rows = Float[np.ndarray, "showers voxels"]


class Told(NamedTuple):
    """Some showers, and what is said of them by the decoder of their codes."""

    u: Rows
    logit: Rows
    raised: Rows
    activation: Rows


class Sums(NamedTuple):
    """Sums over some showers, for each layer and, where these follow, for each bin."""

    hits: np.ndarray
    """Hits and the sum of u − a over them."""
    draws: np.ndarray
    """σ(l) and σ(l) (u − a)."""
    energy: np.ndarray
    """Shares of E_inc: those of the showers, those of σ(l − r) and a, those of a at the hits."""
    logits: np.ndarray
    """By kind of logits and bin: voxels, logits, σ, hits, and the weights of hits."""
    fine: np.ndarray
    """By bin of a: hits, a, u − a, and the share that a stands for."""
    root: np.ndarray
    """By bin of u: hits, u, and (u − a)²."""

    def part(self, layers: slice) -> "Sums":
        """Of some layers, five by five."""
        chosen = (values[layers] for values in self)
        return Sums(*(own.reshape(-1, TOGETHER, *own.shape[1:]).sum(1) for own in chosen))

    def pooled(self) -> "Sums":
        """Of all layers there are, together."""
        return Sums(*(values.sum(0, keepdims=True) for values in self))


KINDS = ("as learnt", "without E[w | hit]", "without a constant")
"""Of logits: l, l − r, and l less the same number for all voxels."""


def share_of(u: np.ndarray) -> np.ndarray:
    """E / E_inc of u, in double precision."""
    x = special.expit(u + special.logit(REST))
    return np.where(u > 0, (x - REST) / (1 - 2 * REST), 0)


def summed(told: Told, layers: int, power: float, constant: float) -> Sums:
    """The sums over showers whose hits weigh (1 + u)^power, in layers that are all alike."""
    n, voxels = told.u.shape
    u, logit, raised, a = (values.astype(float) for values in told)
    layer = np.broadcast_to(np.repeat(np.arange(layers), voxels // layers), (n, voxels))
    hit = u > 0
    there, off = layer[hit], (u - a)[hit]
    drawn, share = special.expit(logit), share_of(a)

    def whole(values: np.ndarray) -> np.ndarray:
        return values.reshape(n, layers, -1).sum((0, 2))

    def binned(
        edges: np.ndarray, x: np.ndarray, where: np.ndarray, *values: np.ndarray
    ) -> np.ndarray:
        bins = len(edges) - 1
        place = where * bins + np.clip(np.searchsorted(edges, x, "right") - 1, 0, bins - 1)
        counts = [np.bincount(place, weights, layers * bins) for weights in values]
        return np.stack(counts, -1).reshape(layers, bins, len(values))

    flat, weight = layer.ravel(), np.where(hit, (1 + u) ** power, 0).ravel()
    kinds = []
    for values in (logit, logit - raised, logit - constant):
        own = values.ravel()
        p = special.expit(own)
        kinds.append(binned(LOGITS, own, flat, np.ones_like(p), own, p, hit.ravel(), weight))
    one = np.ones_like(off)
    return Sums(
        hits=np.stack([whole(hit), whole(np.where(hit, u - a, 0))], -1),
        draws=np.stack([whole(drawn), whole(drawn * (u - a))], -1),
        energy=np.stack(
            [
                whole(share_of(u)),
                whole(special.expit(logit - raised) * share),
                whole(np.where(hit, share, 0)),
            ],
            -1,
        ),
        logits=np.stack(kinds, 1),
        fine=binned(FINE, a[hit], there, one, a[hit], off, share[hit]),
        root=binned(ROOT, u[hit], there, one, u[hit], off**2),
    )


def jackknife(statistic: Callable[..., float], *fits: list[Sums]) -> Measured:
    """A function of all sums of one fit or more; its error from leaving out each group in turn.

    sqrt((G − 1)/G Σ (f_g − mean f)²) for the values f_g without group g of G (Quenouille, Tukey);
    groups of several fits are of the same showers.
    """
    totals = [Sums(*(np.sum(v, 0) for v in zip(*groups, strict=True))) for groups in fits]
    without = np.array(
        [
            statistic(
                *(
                    Sums(*(a - b for a, b in zip(total, part, strict=True)))
                    for total, part in zip(totals, parts, strict=True)
                )
            )
            for parts in zip(*fits, strict=True)
        ]
    )
    spread = np.sqrt((len(without) - 1) * np.mean((without - without.mean()) ** 2))
    return Measured(statistic(*totals), float(spread), len(without) - 1)


def lowered(sums: Sums) -> float:
    """The mean of u − a over hits."""
    hits, off = sums.hits.sum(0)
    return float(off / hits)


def lowered_by_draws(sums: Sums) -> float:
    """The mean of u − a over all voxels, each as often as it is drawn as a hit."""
    drawn, off = sums.draws.sum(0)
    return float(off / drawn)


def in_use(sums: Sums) -> float:
    """Energy generated for the codes of showers, as a part of theirs."""
    true, drawn, _ = sums.energy.sum(0)
    return float(drawn / true)


def at_best(sums: Sums) -> float:
    """The part of the energy of hits whose activations are moved to the mean u of their like.

    What is missing is lost to the mean of a logarithm alone.
    """
    hits, a, off, share = sums.fine.sum(0).T
    some = np.maximum(hits, 1)
    moved = share + hits * (share_of((a + off) / some) - share_of(a / some))
    return float(moved.sum() / sums.energy.sum(0)[0])


def by_lowering(sums: Sums) -> float:
    """The part that is left of that energy where activations stay as they are."""
    true, _, own = sums.energy.sum(0)
    return float(own / true / at_best(sums))


class Rates(NamedTuple):
    """Bins of one kind of logits that say something of hits, five layers together."""

    logit: np.ndarray
    """The mean by which hits are drawn."""
    off: np.ndarray
    """ln odds of hits above those predicted."""
    above: np.ndarray
    """The mean logit above ln odds of hits."""
    explained: np.ndarray
    """ln E[w | hit]."""
    precision: np.ndarray
    """One over the variance of ln odds, hits · empty / voxels."""


def rates(sums: Sums, kind: int) -> Rates:
    """How often voxels are hit and how often they are said to be, bin by bin.

    Half a hit more of either sort lets ln odds be finite, and nearly without bias (Haldane, 1956).
    """
    n, logit, expected, hits, weight = sums.logits[:, kind].reshape(-1, 5).T
    there = np.minimum(np.maximum(hits, expected), np.maximum(n - hits, n - expected)) >= ENOUGH
    n, logit, expected, hits, weight = (
        values[there] for values in (n, logit, expected, hits, weight)
    )
    odds = np.log((hits + 0.5) / (n - hits + 0.5))
    return Rates(
        logit=logit / n,
        off=odds - np.log(expected / (n - expected)),
        above=logit / n - odds,
        explained=np.log((weight + 0.5) / (hits + 0.5)),
        precision=(hits + 0.5) * (n - hits + 0.5) / (n + 1),
    )


def unexplained(sums: Sums) -> float:
    """By how much learnt logits are above ln odds of hits and ln E[w | hit], a mean over bins."""
    found = rates(sums, 0)
    return float(np.average(found.above - found.explained, weights=found.precision))


def miscalibration(kind: int) -> Callable[[Sums], float]:
    """|ln odds of hits − ln odds predicted|, a mean over bins."""

    def statistic(sums: Sums) -> float:
        found = rates(sums, kind)
        return float(np.average(np.abs(found.off), weights=found.precision))

    return statistic


def residuals(sums: Sums) -> Float[np.ndarray, "three bins"]:
    """Of bins of u: hits, the mean u, and the root mean square of u − a."""
    root = sums.root.sum(0)
    hits, u, square = root[root[:, 0] >= ENOUGH].T
    return np.stack([hits, u / hits, np.sqrt(square / hits)])


def exponent(sums: Sums) -> float:
    """q of the root mean square of u − a over hits, as it grows as u^q from bin to bin of u."""
    hits, u, spread = residuals(sums)
    slope, _ = np.polyfit(np.log(u), np.log(spread), 1, w=np.sqrt(hits))
    return float(slope)
