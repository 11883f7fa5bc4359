"""Streams of random numbers that never share a key, all from one seed."""

from enum import IntEnum

import jax
from jaxtyping import Array, Int, PRNGKeyArray


class Stream(IntEnum):
    """What random numbers are for."""

    PARAMETERS = 0
    FIRST_BATCH = 1
    STEPS = 2
    VALIDATION = 3
    USE = 4


def stream(seed: int | Int[Array, ""], which: Stream) -> PRNGKeyArray:
    """The key from which all numbers of one stream are folded."""
    return jax.random.fold_in(jax.random.key(seed), which)
