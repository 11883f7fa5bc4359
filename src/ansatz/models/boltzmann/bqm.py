"""Machines as the binary quadratic models of D-Wave's Ocean, and back.

There E(s) = sum_i h_i s_i + sum_(i,j) J_ij s_i s_j + offset, so that h = -b and J = -W.
"""

from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.lattices import bipartite
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.units import Units
from ansatz.protocol.errors import DataError, OptionError

VARTYPES: dict[Units, str] = {"binary": "BINARY", "spin": "SPIN"}


def ocean(module: str, package: str = "ansatz-learn[ocean]") -> Any:
    """A module of Ocean, or what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise OptionError(
            f"{module} is not installed, or cannot be imported ({error}): pip install '{package}'"
        ) from error


def to_bqm(machine: AbstractMachine) -> Any:
    """The `dimod.BinaryQuadraticModel` with the energy of a machine, at inverse temperature 1.

    Variables are called what the nodes of the graph are labelled, and edges without weight stay.
    """
    graph = graph_of(machine)
    bias, weight = _numbers(machine)
    linear, ends, values = -bias, graph.edges, -weight
    terms = machine.terms if isinstance(machine, BoltzmannMachine) else None
    if terms is not None:
        pairs, more = [], []
        for nodes, c in zip(terms.nodes, np.asarray(terms.coefficients, float), strict=True):
            if len(nodes) > 2:
                raise OptionError(
                    f"A binary quadratic model has no term of {len(nodes)} units, as is that of "
                    f"the nodes {', '.join(map(str, nodes))}: leave such a machine to our sampler."
                )
            if len(nodes) == 1:
                linear[nodes[0]] += c
            else:
                pairs.append(nodes)
                more.append(c)
        if pairs:
            # What joins two nodes twice is summed.
            ends, values = np.concatenate([ends, pairs]), np.concatenate([values, more])
    return ocean("dimod").BinaryQuadraticModel.from_numpy_vectors(
        linear,
        (ends[:, 0], ends[:, 1], values),
        0.0,
        VARTYPES[machine.units],
        variable_order=list(graph.labels),
    )


def from_bqm(
    bqm: Any, *, graph: Graph | None = None, dtype: str = "float32"
) -> tuple[BoltzmannMachine, float]:
    """The machine with the energy of a binary quadratic model, and E_there - E_here.

    Its nodes are the variables in their order, or those of a `graph` that has them for labels,
    and every edge of the model.
    """
    names = list(bqm.variables) if graph is None else list(graph.labels)
    if set(names) != set(bqm.variables):
        raise DataError(
            f"The model has {len(bqm.variables)} variables and the graph {len(names)} nodes, and "
            "they do not have the same names."
        )
    linear, (rows, columns, values), offset = bqm.to_numpy_vectors(variable_order=names)
    pairs = np.sort(np.stack([rows, columns], axis=1).astype(np.int32), axis=1)
    found = Graph.of(pairs, len(names), labels=names) if graph is None else graph
    place = {pair: k for k, pair in enumerate(map(tuple, found.edges.tolist()))}
    weight = np.zeros(len(found.edges))
    for pair, value in zip(map(tuple, pairs.tolist()), values, strict=True):
        if pair not in place:
            i, j = pair
            raise DataError(
                f"The model couples {names[i]!r} and {names[j]!r}, and the graph does not."
            )
        weight[place[pair]] = -value
    units: Units = "spin" if bqm.vartype.name == "SPIN" else "binary"
    machine = BoltzmannMachine.of(found, -np.asarray(linear), weight, units=units, dtype=dtype)
    return machine, float(offset)


def graph_of(machine: AbstractMachine) -> Graph:
    """Who is coupled to whom in a machine of units with two values."""
    if machine.gaussian:
        raise OptionError("An annealer has units of two values, and this machine Gaussian ones.")
    if isinstance(machine, BoltzmannMachine):
        return machine.graph
    assert isinstance(machine, RestrictedMachine)
    return _bipartite(*machine.weight.shape)


def _numbers(machine: AbstractMachine) -> tuple[np.ndarray, np.ndarray]:
    """Biases of nodes and weights of edges; on the host, as a callback must not call JAX."""
    weight = np.asarray(machine.weight, np.float64).ravel()
    if isinstance(machine, BoltzmannMachine):
        return np.asarray(machine.bias, np.float64), weight
    assert isinstance(machine, RestrictedMachine)
    sides = (machine.visible_bias, machine.hidden_bias)
    return np.concatenate([np.asarray(side, np.float64) for side in sides]), weight


_bipartite = lru_cache(maxsize=8)(bipartite)
