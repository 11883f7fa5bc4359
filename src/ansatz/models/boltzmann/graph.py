"""Graphs on which machines live: who couples to whom, and who may change at once."""

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ansatz.models.boltzmann.colouring import clash, greedy
from ansatz.protocol.errors import DataError


class Neighbours(NamedTuple):
    """For every node its neighbours and the edges to them, (node, degree), in rows filled up.

    Fillings name one node and one edge more than there are.
    """

    node: np.ndarray
    edge: np.ndarray


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes 0, 1, ..., the edges between them, and a proper colouring.

    Nodes of one colour share no edge: given all others they are independent, and a sampler
    changes them at once. Two graphs are equal when all their parts are.
    """

    nodes: int
    edges: np.ndarray
    """(edge, 2), the smaller node first, in order."""
    colours: np.ndarray
    """Of every node; 0, 1, ... without a gap."""
    labels: tuple[Hashable, ...]
    """What a device or a user calls the nodes."""

    @classmethod
    def of(
        cls,
        edges: Iterable[Sequence[int]] | np.ndarray,
        nodes: int | None = None,
        colours: Sequence[int] | np.ndarray | None = None,
        labels: Sequence[Hashable] | None = None,
    ) -> "Graph":
        """The graph of an edge list, coloured greedily if it brings no `colours`.

        Without `nodes` there are as many as the edges name.
        """
        pairs = _pairs(edges)
        count = nodes if nodes is not None else int(pairs.max(initial=-1)) + 1
        if count < 1:
            raise DataError("A graph needs at least one node.")
        _check(pairs, count)
        pairs = np.sort(pairs, axis=1)
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        same = np.flatnonzero((pairs[1:] == pairs[:-1]).all(1))
        if len(same):
            i, j = pairs[same[0]]
            raise DataError(f"The edge {i}-{j} is listed twice: sum its weights into one.")
        found = _colours(colours, count, pairs)
        names = tuple(range(count)) if labels is None else tuple(labels)
        if len(names) != count or len(set(names)) != count:
            raise DataError(f"A graph of {count} nodes needs as many labels, all different.")
        for part in (pairs, found):
            part.setflags(write=False)
        return cls(count, pairs, found, names)

    @classmethod
    def of_networkx(cls, graph: Any) -> "Graph":
        """That of an undirected networkx graph, whose nodes become the labels."""
        labels = tuple(graph.nodes)
        place = {label: i for i, label in enumerate(labels)}
        edges = [(place[edge[0]], place[edge[1]]) for edge in graph.edges]
        return cls.of(edges, len(labels), labels=labels)

    @cached_property
    def blocks(self) -> tuple[np.ndarray, ...]:
        """The nodes of each colour, the largest class first."""
        classes = [np.flatnonzero(self.colours == c) for c in range(self.colours.max() + 1)]
        return tuple(sorted(classes, key=lambda block: -len(block)))

    @cached_property
    def lists(self) -> tuple[tuple[int, ...], ...]:
        """The neighbours of every node."""
        return tuple(map(tuple, _lists(self.nodes, self.edges)))

    @cached_property
    def neighbours(self) -> Neighbours:
        """The neighbours of every node as a table."""
        return neighbour_table(self.nodes, self.edges)

    @cached_property
    def degrees(self) -> np.ndarray:
        """How many neighbours every node has."""
        return np.bincount(self.edges.ravel(), minlength=self.nodes)

    def induced(self, nodes: Sequence[int] | np.ndarray) -> "Graph":
        """The graph of these nodes, in the order given, and of the edges among them.

        Labels and colours stay, but for colours that no longer occur.
        """
        chosen = np.asarray(nodes, int)
        if len(chosen) and not (chosen.min() >= 0 and chosen.max() < self.nodes):
            raise DataError(f"A graph of {self.nodes} nodes has the nodes 0 to {self.nodes - 1}.")
        place = np.full(self.nodes, -1)
        place[chosen] = np.arange(len(chosen))
        edges = place[self.edges]
        _, colours = np.unique(self.colours[chosen], return_inverse=True)
        labels = [self.labels[i] for i in chosen]
        return Graph.of(edges[(edges >= 0).all(1)], len(chosen), colours, labels)

    def working(self, labels: Iterable[Hashable]) -> "Graph":
        """What is left of a device of which only these nodes work."""
        place = {label: i for i, label in enumerate(self.labels)}
        wanted = set(labels)
        unknown = [label for label in wanted if label not in place]
        if unknown:
            raise DataError(f"The graph has no node {unknown[0]!r} that could work.")
        return self.induced(sorted(place[label] for label in wanted))

    def separated(self, cliques: Sequence[Sequence[int]]) -> "Graph":
        """The same with no two nodes of any of these cliques of one colour."""
        pairs = [(i, j) for clique in cliques for i in clique for j in clique if i < j]
        if not pairs or clash(np.array(pairs), self.colours) is None:
            return self
        lists = _lists(self.nodes, np.unique([*self.edges.tolist(), *pairs], axis=0))
        return Graph(self.nodes, self.edges, greedy(lists), self.labels)

    @cached_property
    def _digest(self) -> bytes:
        parts = (self.edges.tobytes(), self.colours.tobytes(), repr(self.labels).encode())
        return hashlib.sha256(b"|".join(parts)).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return (
            f"Graph({self.nodes} nodes, {len(self.edges)} edges, {len(self.blocks)} colours, "
            f"degree up to {self.degrees.max()})"
        )


def neighbour_table(nodes: int, edges: np.ndarray) -> Neighbours:
    """The neighbours of every node and the edges to them."""
    count = len(edges)
    ends = np.concatenate([edges, edges[:, ::-1]])
    which = np.tile(np.arange(count), 2)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    ends, which = ends[order], which[order]
    degrees = np.bincount(ends[:, 0], minlength=nodes)
    column = np.arange(2 * count) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    width = int(degrees.max(initial=0))
    node = np.full((nodes, width), nodes, np.int32)
    edge = np.full((nodes, width), count, np.int32)
    node[ends[:, 0], column] = ends[:, 1]
    edge[ends[:, 0], column] = which
    return Neighbours(node, edge)


def _pairs(edges: Iterable[Sequence[int]] | np.ndarray) -> np.ndarray:
    given = np.asarray(edges if isinstance(edges, np.ndarray) else list(edges))
    if given.size == 0:
        return np.zeros((0, 2), np.int32)
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise DataError("Edges are pairs of whole numbers, the two nodes that each joins.")
    return given.astype(np.int32)


def _check(pairs: np.ndarray, count: int) -> None:
    loops = pairs[pairs[:, 0] == pairs[:, 1]]
    if len(loops):
        raise DataError(f"The node {loops[0, 0]} is joined to itself: make that a bias.")
    outside = pairs[((pairs < 0) | (pairs >= count)).any(1)]
    if len(outside):
        i, j = outside[0]
        raise DataError(f"The edge {i}-{j} leads nowhere: the nodes are 0 to {count - 1}.")


def _colours(
    colours: Sequence[int] | np.ndarray | None, count: int, pairs: np.ndarray
) -> np.ndarray:
    if colours is None:
        return greedy(_lists(count, pairs))
    found = np.array(colours, np.int32)
    if found.shape != (count,):
        raise DataError(f"A graph of {count} nodes needs as many colours, not {len(found)}.")
    if sorted(set(found.tolist())) != list(range(found.max() + 1)):
        raise DataError("Colours are the numbers 0, 1, ... without a gap.")
    wrong = clash(pairs, found)
    if wrong is not None:
        i, j = wrong
        raise DataError(f"The nodes {i} and {j} are joined and yet both of colour {found[i]}.")
    return found


def _lists(count: int, pairs: np.ndarray) -> list[list[int]]:
    lists: list[list[int]] = [[] for _ in range(count)]
    for i, j in pairs.tolist():
        lists[i].append(j)
        lists[j].append(i)
    return lists
