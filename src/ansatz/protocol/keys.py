"""Streams of random numbers that never share a key, all from one seed."""

from enum import IntEnum

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PRNGKeyArray

from ansatz.protocol.errors import OptionError

Keys = Key[Array, "*members"]
"""A key, or one for each member of an ensemble."""


class Stream(IntEnum):
    """What random numbers are for."""

    PARAMETERS = 0
    FIRST_BATCH = 1
    STEPS = 2
    VALIDATION = 3
    USE = 4
    START = 5
    END = 6


def stream(seed: int, which: Stream) -> PRNGKeyArray:
    """The key from which all numbers of one stream are folded: the pair (stream, seed) itself.

    Threefry's streams under different keys are independent, so no hash of the two is needed,
    and none has to be compiled.
    """
    if not 0 <= seed < 2**31:
        raise OptionError(f"seed must be at least 0 and below 2^31; it is {seed}.")
    pair = jnp.asarray(np.array([which, seed], np.uint32))
    return jax.random.wrap_key_data(pair, impl="threefry2x32")


def streams(seed: int, which: Stream, members: int) -> Keys:
    """The key of one member, or one for each of several: member m has the seed `seed` + m."""
    keys = [stream(seed + member, which) for member in range(members)]
    return jnp.stack(keys) if members > 1 else keys[0]
