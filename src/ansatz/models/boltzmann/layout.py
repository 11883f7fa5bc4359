"""The nodes of a graph in the order in which a sampler keeps them."""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ansatz.models.boltzmann.graph import Graph, neighbour_table


@dataclass(frozen=True, eq=False)
class Layout:
    """Nodes sorted by block, clamped ones last, so that a block is a slice.

    One layout is made for a graph and its clamped nodes, and is equal only to itself.
    """

    order: np.ndarray
    """The node at each place."""
    place: np.ndarray
    """The place of each node."""
    blocks: tuple[tuple[int, int], ...]
    """Where each block of nodes of one colour begins and ends."""
    neighbours: np.ndarray
    """The places of the neighbours of the node at each place; fillings name place 0."""
    edges: np.ndarray
    """The edges to them; fillings name one edge more than there are."""
    width: tuple[int, ...]
    """The largest degree in each block, then that among the clamped nodes."""

    @property
    def free(self) -> int:
        """How many nodes are not clamped."""
        return self.blocks[-1][1] if self.blocks else 0


@lru_cache(maxsize=256)
def lay_out(graph: Graph, clamped: tuple[int, ...]) -> Layout:
    """The layout of a graph of which some nodes are clamped."""
    held = np.zeros(graph.nodes, bool)
    held[list(clamped)] = True
    free = [block[~held[block]] for block in graph.blocks]
    free = sorted((block for block in free if len(block)), key=lambda block: -len(block))
    order = np.concatenate([*free, np.flatnonzero(held)]).astype(np.int32)
    place = np.argsort(order).astype(np.int32)
    ends = np.cumsum([0, *map(len, free)]).tolist()
    table = neighbour_table(graph.nodes, graph.edges)
    edges = table.edge[order]
    real = edges < len(graph.edges)
    neighbours = np.where(real, place[np.minimum(table.node, graph.nodes - 1)][order], 0)
    degrees = graph.degrees[order]
    blocks = tuple(itertools.pairwise(ends))
    width = tuple(int(degrees[a:b].max(initial=0)) for a, b in (*blocks, (ends[-1], len(order))))
    return Layout(order, place, blocks, neighbours.astype(np.int32), edges, width)
