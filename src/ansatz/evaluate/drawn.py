"""Batches of events drawn at random, again or once each."""

import numpy as np
from jaxtyping import Int


def drawn(
    events: int, size: int, replace: bool, generator: np.random.Generator
) -> Int[np.ndarray, " size"]:
    """Which of the `events` make a batch of that size."""
    if replace:
        return generator.integers(events, size=size)
    return generator.choice(events, size, replace=False)
