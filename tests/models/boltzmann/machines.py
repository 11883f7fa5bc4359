"""Random small machines on every kind of graph, and what enumeration says of them."""

import itertools
from functools import cache

import numpy as np

from ansatz.models.boltzmann.connected import best_connected
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.named import named

GRAPHS = {
    "complete:5": None,
    "bipartite:7x5": None,
    "chain:9": None,
    "grid:3x3:periodic": None,
    "king:3x4": None,
    "pegasus:2": 12,
    "zephyr:1": 16,
}
"""By name, and the size of the part of it that is taken."""


@cache
def graph(name):
    whole = named(name)
    return whole if GRAPHS[name] is None else best_connected(whole, GRAPHS[name])


def random_machine(name, units, seed=0, **options):
    generator = np.random.default_rng(seed)
    lattice = graph(name)
    bias = generator.normal(0, 0.5, lattice.nodes)
    weight = generator.normal(0, 1.5 / np.sqrt(lattice.degrees.mean()), len(lattice.edges))
    if units == "spin":
        bias, weight = bias / 2, weight / 4
    return BoltzmannMachine.of(lattice, bias, weight, units=units, **options)


class Enumerated:
    """All states of a machine and their probabilities, written out in double precision."""

    def __init__(self, machine, beta=1.0):
        values = (0.0, 1.0) if machine.units == "binary" else (-1.0, 1.0)
        self.states = np.array(list(itertools.product(values, repeat=machine.nodes)))
        s = self.states
        bias, weight = np.asarray(machine.bias, float), np.asarray(machine.weight, float)
        self.energies = -s @ bias
        for (i, j), w in zip(machine.graph.edges, weight, strict=True):
            self.energies -= w * s[:, i] * s[:, j]
        if machine.terms is not None:
            for nodes, c in zip(machine.terms.nodes, machine.terms.coefficients, strict=True):
                self.energies += float(c) * s[:, nodes].prod(1)
        self.log_z = np.logaddexp.reduce(-beta * self.energies)
        self.p = np.exp(-beta * self.energies - self.log_z)

    @property
    def means(self):
        return self.p @ self.states

    @property
    def second(self):
        """E[s_i s_j]."""
        return self.states.T @ (self.p[:, None] * self.states)
