"""Which nodes of a graph an event shows, and which are hidden."""

import re
from functools import lru_cache
from typing import Literal

import numpy as np

from ansatz.models.boltzmann.connected import best_connected
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.named import named
from ansatz.protocol.errors import OptionError

Hide = Literal["auto", "last", "spread"]

LAST = ("complete", "bipartite")
"""Graphs whose hidden units are the last ones, unless said otherwise."""


@lru_cache(maxsize=16)
def place(
    name: str, edges: tuple[str, ...], visible: int, hidden: int, hide: Hide
) -> tuple[Graph, tuple[int, ...]]:
    """A graph of `visible` + `hidden` nodes, and the visible ones in their order.

    Of a larger graph it is the part that is connected best. Hidden units are the last nodes, or
    spread: those of one colour, which no edge joins, then those of the next.
    """
    size = visible + hidden
    graph = listed(edges, size) if edges else named(name or f"complete:{size}")
    if graph.nodes < size:
        raise OptionError(
            f"The graph {name!r} has {graph.nodes} nodes, and {visible} visible and {hidden} "
            f"hidden units need {size}."
        )
    if graph.nodes > size:
        graph = best_connected(graph, size)
    kind = name.partition(":")[0] or "complete"
    last = hide == "last" or (hide == "auto" and kind in LAST and not edges)
    order = np.arange(size) if last else _by_colour(graph, hidden)
    return graph, tuple(np.sort(order[:visible]).tolist())


def _by_colour(graph: Graph, hidden: int) -> np.ndarray:
    """The nodes, with those to be hidden last: from the smallest colour that holds them all.

    If none does, from the largest on.
    """
    blocks = sorted(graph.blocks, key=lambda block: (len(block) < hidden, abs(len(block) - hidden)))
    return np.concatenate(blocks)[::-1]


def listed(edges: tuple[str, ...], nodes: int) -> Graph:
    """The graph of edges such as '0-1', of so many nodes at least."""
    for edge in edges:
        if not re.fullmatch(r"\d+-\d+", edge):
            raise OptionError(f"An edge is written as the two nodes it joins, 0-1, not {edge!r}.")
    pairs = np.array([[int(node) for node in edge.split("-")] for edge in edges], np.int32)
    return Graph.of(pairs, max(nodes, int(pairs.max()) + 1))
