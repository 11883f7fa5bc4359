"""The order of an epoch over blocks: against its definition, written out once more."""

import numpy as np
import pytest

from ansatz.data.shuffle import Shuffle

COUNTS = np.array([3, 0, 4, 4, 1, 4, 0, 2])
"""Events in each block."""


def philox(seed, epoch, part):
    """The generator of a part of an epoch: part 0 is the blocks, part 1 + w is window w."""
    bits = np.random.Philox(key=np.array([seed, epoch], np.uint64))
    # The counter has 256 bits, and a part begins 2^192 draws after the one before.
    bits.advance(part << 192)
    return np.random.Generator(bits)


def order_by_definition(counts, together, seed, epoch):
    """(block, event within the block) in the order of the epoch."""
    blocks = philox(seed, epoch, 0).permutation(len(counts))
    order = []
    for number, first in enumerate(range(0, len(blocks), together)):
        window = blocks[first : first + together]
        pool = [(int(block), i) for block in window for i in range(counts[block])]
        places = philox(seed, epoch, 1 + number).permutation(len(pool))
        shuffled = dict(zip(places.tolist(), pool, strict=True))
        order += [shuffled[place] for place in range(len(pool))]
    return order


def order_of(shuffle, counts):
    """The same from what a `Shuffle` says."""
    order = {}
    for number, window in enumerate(shuffle.windows):
        pool = [(block, i) for block in window.tolist() for i in range(counts[block])]
        for event, place in zip(pool, shuffle.places(number).tolist(), strict=True):
            order[int(shuffle.starts[number]) + place] = event
    return [order[place] for place in range(len(order))]


@pytest.mark.parametrize("together", [1, 2, 3, 8, 20])
def test_the_order_is_as_defined(together):
    seen = set()
    for seed in (0, 5):
        for epoch in (0, 1, 7):
            order = order_of(Shuffle.of(COUNTS, together, seed, epoch), COUNTS)
            assert order == order_by_definition(COUNTS, together, seed, epoch)
            assert sorted(order) == [(b, i) for b, n in enumerate(COUNTS) for i in range(n)]
            seen.add(tuple(order))
    assert len(seen) == 6


@pytest.mark.parametrize("together", [1, 3, 8])
def test_without_a_seed_nothing_moves(together):
    order = order_of(Shuffle.of(COUNTS, together, None, 4), COUNTS)
    assert order == sorted(order)
    assert len(order) == COUNTS.sum()


def test_the_window_of_every_place():
    shuffle = Shuffle.of(COUNTS, 3, 1, 2)
    assert shuffle.starts[-1] == COUNTS.sum()
    for place in range(COUNTS.sum()):
        window = shuffle.window_at(place)
        assert shuffle.starts[window] <= place < shuffle.starts[window + 1]


def test_an_event_comes_anywhere():
    """Over seeds the first event of the file takes each place of the epoch equally often."""
    counts = np.array([3, 3, 3, 3])
    orders = [order_of(Shuffle.of(counts, 2, seed, 0), counts) for seed in range(2000)]
    found = np.bincount([order.index((0, 0)) for order in orders], minlength=12)
    # Binomial counts: 5 standard deviations are passed by chance in 7e-6 of all choices of seeds.
    assert np.abs(found - 2000 / 12).max() < 5 * np.sqrt(2000 / 12 * 11 / 12)
    # Its neighbours in the file are in the same window of six, though seldom beside it.
    apart = np.array([abs(order.index((0, 0)) - order.index((0, 1))) for order in orders])
    assert apart.max() == 5
    # Two of six places are neighbours with probability 1 / 3.
    assert np.abs((apart == 1).sum() - 2000 / 3) < 5 * np.sqrt(2000 / 3 * 2 / 3)
