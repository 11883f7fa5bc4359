"""The nodes of a graph in the order in which a sampler keeps them."""

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ansatz.models.boltzmann.graph import Graph

MANY = 8
"""More colours than these share one array."""

WIDE = 32
"""Nodes with more neighbours than these are pulled at by a matrix product."""


class Pull(NamedTuple):
    """What the nodes of a block get from one array of states.

    Row by row the places of neighbours in that array and the edges to them; fillings name
    place 0 and one edge more than there are. If `whole`, column j is about place j.
    """

    source: int
    place: np.ndarray
    edge: np.ndarray
    whole: bool


@dataclass(frozen=True, eq=False)
class Layout:
    """Nodes sorted by block, clamped ones last, in arrays of a block or of several.

    One array for each colour lets a sweep replace whole arrays and copy nothing. A layout is
    made once for a graph and its clamped nodes, and is equal only to itself.
    """

    order: np.ndarray
    """The node at each place."""
    place: np.ndarray
    """The place of each node."""
    blocks: tuple[tuple[int, int], ...]
    """Where each block of nodes of one colour begins and ends; last the clamped nodes."""
    arrays: tuple[tuple[int, int], ...]
    """Where each array begins and ends."""
    pulls: tuple[tuple[Pull, ...], ...]
    """On each block."""

    @property
    def free(self) -> int:
        """How many nodes are not clamped."""
        return self.blocks[-1][0]

    def array_of(self, block: int) -> int:
        """The array that holds a block."""
        start, stop = self.blocks[block]
        return next(k for k, (a, b) in enumerate(self.arrays) if a <= start and stop <= b)


@lru_cache(maxsize=256)
def lay_out(graph: Graph, clamped: tuple[int, ...]) -> Layout:
    """The layout of a graph of which some nodes are clamped."""
    held = np.zeros(graph.nodes, bool)
    held[list(clamped)] = True
    free = [block[~held[block]] for block in graph.blocks]
    free = sorted((block for block in free if len(block)), key=lambda block: -len(block))
    order = np.concatenate([*free, np.flatnonzero(held)]).astype(np.int32)
    ends = np.cumsum([0, *map(len, free)]).tolist()
    blocks = tuple(itertools.pairwise([*ends, len(order)]))
    arrays = blocks if len(free) <= MANY else ((0, ends[-1]), blocks[-1])
    place = np.argsort(order).astype(np.int32)
    pulls = tuple(_pulls(graph, order, place, block, arrays) for block in blocks)
    return Layout(order, place, blocks, arrays, pulls)


def _pulls(
    graph: Graph,
    order: np.ndarray,
    place: np.ndarray,
    block: tuple[int, int],
    arrays: tuple[tuple[int, int], ...],
) -> tuple[Pull, ...]:
    table, none = graph.neighbours, len(graph.edges)
    rows = order[slice(*block)]
    edges = table.edge[rows]
    places = place[np.minimum(table.node[rows], graph.nodes - 1)]
    found = []
    for source, (start, stop) in enumerate(arrays):
        inside = (edges < none) & (start <= places) & (places < stop)
        width = int(inside.sum(1).max(initial=0))
        if not width:
            continue
        i, k = np.nonzero(inside)
        near = places[i, k] - start
        whole = width > WIDE
        if whole:
            column, width = near, stop - start
        else:
            first = np.concatenate([[0], np.cumsum(inside.sum(1))[:-1]])
            column = np.arange(len(i)) - first[i]
        to = np.zeros((len(rows), width), np.int32)
        edge = np.full((len(rows), width), none, np.int32)
        to[i, column] = near
        edge[i, column] = edges[i, k]
        found.append(Pull(source, to, edge, whole))
    return tuple(found)
