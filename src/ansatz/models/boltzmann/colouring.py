"""Colours for the nodes of a graph such that no edge joins two of one colour."""

import heapq
from collections.abc import Sequence

import numpy as np


def greedy(neighbours: Sequence[Sequence[int]]) -> np.ndarray:
    """A proper colouring by saturation (Brelaz, 1979): exact on graphs of two colours.

    Next comes always the node whose neighbours have the most colours already, and among those
    the one of largest degree; it takes the first colour that no neighbour has.
    """
    colours = np.full(len(neighbours), -1, np.int32)
    taken: list[set[int]] = [set() for _ in neighbours]
    waiting = [(0, -len(near), node) for node, near in enumerate(neighbours)]
    heapq.heapify(waiting)
    while waiting:
        saturation, _, node = heapq.heappop(waiting)
        if colours[node] >= 0 or -saturation != len(taken[node]):
            continue
        colour = next(c for c in range(len(taken[node]) + 1) if c not in taken[node])
        colours[node] = colour
        for other in neighbours[node]:
            if colours[other] < 0 and colour not in taken[other]:
                taken[other].add(colour)
                entry = (-len(taken[other]), -len(neighbours[other]), other)
                heapq.heappush(waiting, entry)
    return colours


def clash(edges: np.ndarray, colours: np.ndarray) -> tuple[int, int] | None:
    """An edge that joins two nodes of one colour, if there is one."""
    same = np.flatnonzero(colours[edges[:, 0]] == colours[edges[:, 1]])
    if not len(same):
        return None
    i, j = edges[same[0]]
    return int(i), int(j)
