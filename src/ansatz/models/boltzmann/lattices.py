"""Graphs that need no device: complete, of parts, chains, square lattices."""

import itertools

import numpy as np

from ansatz.models.boltzmann.graph import Graph
from ansatz.protocol.errors import OptionError


def complete(nodes: int) -> Graph:
    """Every node coupled to every other."""
    return Graph.of(np.array(list(itertools.combinations(range(nodes), 2)), int), nodes)


def bipartite(visible: int, hidden: int) -> Graph:
    """Every one of the first nodes coupled to every one of the others: a restricted machine's."""
    return multipartite(visible, hidden)


def multipartite(*sizes: int) -> Graph:
    """Parts of so many nodes, every node coupled to all of the other parts."""
    colours = np.repeat(np.arange(len(sizes)), sizes)
    i, j = np.triu_indices(len(colours), 1)
    apart = colours[i] != colours[j]
    return Graph.of(np.stack([i[apart], j[apart]], 1), len(colours), colours)


def chain(nodes: int, periodic: bool = False) -> Graph:
    """A line, or a ring."""
    _wide_enough(periodic, nodes)
    edges = [(i, i + 1) for i in range(nodes - 1)]
    return Graph.of(edges + [(0, nodes - 1)] * periodic, nodes)


def grid(rows: int, columns: int, periodic: bool = False) -> Graph:
    """A square lattice, each node coupled to the four nearest; row by row."""
    return _lattice(rows, columns, periodic, ((0, 1), (1, 0)))


def king(rows: int, columns: int, periodic: bool = False) -> Graph:
    """A square lattice, each node coupled to the eight that a king reaches; row by row."""
    return _lattice(rows, columns, periodic, ((0, 1), (1, 0), (1, 1), (1, -1)))


def _lattice(rows: int, columns: int, periodic: bool, steps: tuple[tuple[int, int], ...]) -> Graph:
    _wide_enough(periodic, rows, columns)
    edges = []
    for (r, c), (down, across) in itertools.product(np.ndindex(rows, columns), steps):
        to = (r + down, c + across)
        if periodic:
            to = (to[0] % rows, to[1] % columns)
        if 0 <= to[0] < rows and 0 <= to[1] < columns:
            edges.append((r * columns + c, to[0] * columns + to[1]))
    return Graph.of(edges, rows * columns)


def _wide_enough(periodic: bool, *sides: int) -> None:
    if periodic and min(sides) < 3:
        raise OptionError(
            "A periodic graph needs sides of at least 3 nodes: with fewer, two nodes are "
            "neighbours on both sides."
        )
