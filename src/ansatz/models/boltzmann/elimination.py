"""log Z by variable elimination: exact on graphs of small treewidth, however many nodes.

Unit by unit is summed out of the product of all factors that hold it; what is left is a factor
of the units that shared one with it. On the host, in double precision.
"""

import heapq
import itertools
from functools import lru_cache

import numpy as np

from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.units import VALUES
from ansatz.protocol.errors import OptionError

WIDEST = 20
"""Units in the largest factor: a million numbers."""

Factor = tuple[tuple[int, ...], np.ndarray]


def narrow(machine: BoltzmannMachine) -> bool:
    """Whether elimination is feasible."""
    return elimination_order(machine.graph, _cliques(machine))[1] <= WIDEST


def eliminate(machine: BoltzmannMachine, beta: float = 1.0) -> float:
    """log sum_s exp(-beta E(s))."""
    order, width = elimination_order(machine.graph, _cliques(machine))
    if width > WIDEST:
        raise OptionError(
            f"Variable elimination would need a table of {width} units on this graph, and "
            f"{WIDEST} are the most: estimate log Z by annealed importance sampling (`sandwich`)."
        )
    waiting: dict[int, list[Factor]] = {i: [] for i in range(machine.nodes)}
    place = np.argsort(order)

    def put(factor: Factor) -> None:
        waiting[min(factor[0], key=lambda i: place[i])].append(factor)

    for factor in _factors(machine, beta):
        put(factor)
    total = 0.0
    for node in order:
        nodes = sorted({i for factor in waiting[node] for i in factor[0]} - {node})
        axes = {i: axis for axis, i in enumerate([node, *nodes])}
        table = np.zeros((2,) * len(axes))
        for held, values in waiting[node]:
            # Factors keep their nodes in order of number; the node to sum out comes first.
            ordered = sorted(held, key=axes.__getitem__)
            turned = values.transpose([held.index(i) for i in ordered])
            shape = [2 if i in held else 1 for i in axes]
            table += turned.reshape(shape)
        left = np.logaddexp(table[0], table[1])
        if nodes:
            put((tuple(nodes), left))
        else:
            total += float(left)
    return total


@lru_cache(maxsize=64)
def elimination_order(
    graph: Graph, cliques: tuple[tuple[int, ...], ...] = ()
) -> tuple[tuple[int, ...], int]:
    """An order of the nodes, and how many the largest factor then has.

    The narrower of two: always the node of least degree, or as they are numbered, which goes
    through a lattice row by row.
    """
    found = [_eliminated(graph, cliques, by_degree) for by_degree in (True, False)]
    return min(found, key=lambda each: each[1])


def _eliminated(
    graph: Graph, cliques: tuple[tuple[int, ...], ...], by_degree: bool
) -> tuple[tuple[int, ...], int]:
    """Stops where a factor is too wide."""
    near = [set(each) for each in graph.lists]
    for clique in cliques:
        for i, j in itertools.permutations(clique, 2):
            near[i].add(j)
    waiting = [(len(around) * by_degree, i) for i, around in enumerate(near)]
    heapq.heapify(waiting)
    order: list[int] = []
    width, gone = 1, np.zeros(graph.nodes, bool)
    while waiting and width <= WIDEST:
        degree, node = heapq.heappop(waiting)
        around = near[node]
        if gone[node] or degree != len(around) * by_degree:
            continue
        width = max(width, len(around) + 1)
        for i in around:
            near[i] |= around
            near[i] -= {i, node}
            if by_degree:
                heapq.heappush(waiting, (len(near[i]), i))
        gone[node] = True
        order.append(node)
    return tuple(order), width


def _cliques(machine: BoltzmannMachine) -> tuple[tuple[int, ...], ...]:
    return () if machine.terms is None else machine.terms.nodes


def _factors(machine: BoltzmannMachine, beta: float) -> list[Factor]:
    """-beta times every term of the energy, as tables of the values of its units."""
    values = np.array(VALUES[machine.units], float)
    bias, weight = np.asarray(machine.bias, float), np.asarray(machine.weight, float)
    found: list[Factor] = [((i,), beta * b * values) for i, b in enumerate(bias)]
    pair = np.multiply.outer(values, values)
    edges = machine.graph.edges.tolist()
    found += [((i, j), beta * w * pair) for (i, j), w in zip(edges, weight, strict=True)]
    if machine.terms is not None:
        coefficients = np.asarray(machine.terms.coefficients, float)
        for nodes, c in zip(machine.terms.nodes, coefficients, strict=True):
            product = np.ones(())
            for _ in nodes:
                product = np.multiply.outer(product, values)
            found.append((nodes, -beta * c * product))
    return found
