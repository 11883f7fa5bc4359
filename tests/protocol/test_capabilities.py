"""Capabilities are read off a class; streams of random numbers never meet."""

import jax
import numpy as np

from ansatz.protocol.capabilities import Codec, Density, Energy, Sampler, capabilities
from ansatz.protocol.keys import Stream, stream


def test_capabilities_are_those_inherited():
    class Both(Sampler, Density): ...

    class Code(Codec): ...

    assert capabilities(Both) == ("sample", "log_prob")
    assert capabilities(Code) == ("encode", "decode")
    assert capabilities(Energy) == ("energy",)
    assert capabilities(dict) == ()


def test_no_two_streams_share_a_key():
    keys = [
        tuple(np.asarray(jax.random.key_data(stream(seed, which))))
        for seed in range(20)
        for which in Stream
    ]
    assert len(set(keys)) == len(keys) == 20 * len(Stream)
