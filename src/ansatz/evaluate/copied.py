"""Whether samples are copies: whose nearest real event is one that the model has learnt from."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ansatz.evaluate.estimate import Estimate, weighted_mean

Rows = Float[np.ndarray, "_ numbers"]


class Copied(NamedTuple):
    """How many samples lie nearest to an event learnt, and how many would by chance."""

    share: Estimate
    chance: float


def copied(learnt: Rows, held_out: Rows, samples: Rows) -> Copied:
    """The share of samples whose nearest event, of those learnt and those held out, was learnt.

    Both are drawn alike, and a sample that knows neither is as likely to lie nearest to any one
    of them: the chance is n / (n + m) of n events learnt and m held out, whatever the samples are
    like. A model that repeats what it has learnt comes to one (after Meehan and others, 2020).
    """
    from sklearn.neighbors import NearestNeighbors

    near = [
        NearestNeighbors(n_neighbors=1).fit(events).kneighbors(samples)[0][:, 0]
        for events in (learnt, held_out)
    ]
    n, m = len(learnt), len(held_out)
    chance = n / (n + m)
    # An event that stands in both says nothing of either.
    share = np.where(near[0] == near[1], chance, near[0] < near[1])
    return Copied(weighted_mean(share), chance)
