"""What several fits of the same recipe to the same data agree on."""

from dataclasses import replace

import numpy as np

from ansatz.protocol.measure import Measure


def spread(members: list[list[Measure]]) -> list[Measure]:
    """Each measure's mean over the members of an ensemble, and their standard deviation.

    The members were judged on the same events, so what they differ by is the chance of first
    parameters and noise, and not that of the events.
    """
    found = []
    for same in zip(*members, strict=True):
        values = np.array([measure.value for measure in same])
        found.append(
            replace(
                same[0],
                value=float(values.mean()),
                error=float(values.std(ddof=1)),
                what=f"{same[0].what}; mean and standard deviation of {len(values)} fits",
            )
        )
    return found
