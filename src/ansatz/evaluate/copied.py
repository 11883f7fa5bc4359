"""Whether samples are copies: whose nearest real event is one that the model has learnt from."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ansatz.evaluate.estimate import Estimate

Rows = Float[np.ndarray, "_ numbers"]


class Copied(NamedTuple):
    """How many samples lie nearest to an event learnt, and how many would by chance."""

    share: Estimate
    chance: float


def copied(learnt: Rows, held_out: Rows, samples: Rows) -> Copied:
    """The share of samples whose nearest event, of those learnt and those held out, was learnt.

    Both are drawn alike, and a sample that knows neither is as likely to lie nearest to any one
    of them: the chance is p = n / (n + m) of n events learnt and m held out, whatever the samples
    are like. A model that repeats what it has learnt comes to one (after Meehan and others, 2020).

    With c_e samples nearest to event e the error is that of which events happened to be learnt,
    sqrt(p (1 - p) sum_e c_e^2) / sum_e c_e: samples that share a neighbour are no two witnesses.
    """
    from sklearn.neighbors import NearestNeighbors

    n, m = len(learnt), len(held_out)
    chance = n / (n + m)
    (own, own_place), (other, other_place) = (
        (distance[:, 0], place[:, 0])
        for distance, place in (
            NearestNeighbors(n_neighbors=1).fit(events).kneighbors(samples)
            for events in (learnt, held_out)
        )
    )
    counts = np.bincount(np.where(own < other, own_place, n + other_place))
    error = np.sqrt(chance * (1 - chance) * np.sum(counts.astype(float) ** 2)) / len(samples)
    # An event that stands in both says nothing of either.
    share = np.where(own == other, chance, own < other)
    return Copied(Estimate(float(share.mean()), float(error)), chance)
