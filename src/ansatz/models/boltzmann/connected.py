"""The part of a graph, of a size that is asked for, that is connected best."""

import heapq

import numpy as np

from ansatz.models.boltzmann.graph import Graph
from ansatz.protocol.errors import OptionError

SEEDS = 32


def best_connected(graph: Graph, size: int, quotas: tuple[int, ...] | None = None) -> Graph:
    """A connected sub-graph of `size` nodes with as many edges as growth can find.

    From each of several seeds it grows by the node with the most edges into what is there,
    the oldest of them first, so that it stays compact. The best of all is kept; to find the
    very best is NP-hard. `quotas` says how many nodes of each colour it has.
    """
    if not 1 <= size <= graph.nodes:
        raise OptionError(f"A graph of {graph.nodes} nodes has no sub-graph of {size} nodes.")
    seeds = np.unique(np.linspace(0, graph.nodes - 1, SEEDS).astype(int))
    grown = [_grow(graph, int(seed), size, quotas) for seed in seeds]
    edges, nodes = max(grown, key=lambda found: found[0])
    if edges < 0:
        more = "" if quotas is None else " with as many of each colour as asked for"
        raise OptionError(
            f"The graph falls into pieces; no piece that was met has {size} nodes{more}."
        )
    return graph.induced(np.sort(nodes))


def _grow(
    graph: Graph, seed: int, size: int, quotas: tuple[int, ...] | None
) -> tuple[int, list[int]]:
    """The edges among `size` nodes grown from the seed, -1 if its piece is smaller; the nodes."""
    links = {seed: 0}
    waiting = [(0, 0, seed)]
    inside: set[int] = set()
    nodes: list[int] = []
    edges = age = 0
    room = [size] * graph.nodes if quotas is None else list(quotas)
    while waiting and len(nodes) < size:
        count, _, node = heapq.heappop(waiting)
        colour = graph.colours[node]
        if node in inside or -count != links[node] or not room[colour]:
            continue
        room[colour] -= 1
        inside.add(node)
        nodes.append(node)
        edges -= count
        for other in graph.lists[node]:
            if other not in inside:
                age += 1
                links[other] = links.get(other, 0) + 1
                heapq.heappush(waiting, (-links[other], age, other))
    return (edges if len(nodes) == size else -1), nodes
