"""Samplers of D-Wave's Ocean, a quantum annealer among them, in the place of our own chains."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine, clamped_nodes
from ansatz.models.boltzmann.bqm import graph_of, ocean, to_bqm
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.kernel import State
from ansatz.models.boltzmann.ranges import Ranges
from ansatz.models.boltzmann.submission import Answer, Request
from ansatz.models.boltzmann.units import VALUES
from ansatz.protocol.errors import OptionError, SamplerError


def annealer() -> Any:
    """The simulated annealer of dwave-samplers."""
    return ocean("dwave.samplers").SimulatedAnnealingSampler()


@dataclass(frozen=True, eq=False)
class Reads:
    """What a device gave for a machine."""

    states: State
    energies: Float[Array, " chain"]
    broken: Float[np.ndarray, " chain"] | None
    """The fraction of each read's chains of qubits that were broken, where a sampler says so."""
    report: str
    """What was asked, and what happened on the way."""


@dataclass(frozen=True, eq=False)
class Device:
    """Any `dimod.Sampler`, asked for states of p(s) ∝ exp(-E(s)).

    A sampler gives states of p ∝ exp(-b E') for the energy E' that it is sent, at an inverse
    temperature b of its own: so it is sent E / b. That of a quantum annealer is not known, and
    `calibrated` finds it. A sampler that can anneal is kept at one temperature, and goes on from
    the chains that it is given; without one it is dwave-samplers' simulated annealer.
    """

    sampler: Any = field(default_factory=annealer)
    beta: float = 1.0
    """The sampler's own inverse temperature b."""
    options: dict[str, Any] = field(default_factory=dict)
    """What else the sampler is told, such as the annealing time."""
    flux: float = 0.0
    """The flux bias that holds a clamped unit, in the sampler's units. With 0 a clamped unit is
    not sent, and its pull on others is added to their biases."""

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise OptionError(f"An inverse temperature must be positive; it is {self.beta}.")
        if self.flux < 0 or (self.flux and "flux_biases" not in self.sampler.parameters):
            raise OptionError(
                f"{self.name} cannot hold units by a flux bias of {self.flux}: leave `flux` at 0, "
                "and clamped units are fixed."
            )

    @property
    def name(self) -> str:
        """What the sampler is called."""
        return type(self.sampler).__name__

    @cached_property
    def ranges(self) -> Ranges:
        """The biases and couplings that it can be sent."""
        properties = getattr(self.sampler, "properties", {})
        # A sampler that embeds says what its child can be sent, and asks that of no more.
        while "child_properties" in properties:
            properties = properties["child_properties"]
        return Ranges.of(properties)

    @cached_property
    def graph(self) -> Graph:
        """The nodes that work, by their labels, and the couplers between them."""
        nodes = getattr(self.sampler, "nodelist", None)
        if nodes is None:
            raise OptionError(f"{self.name} has no graph of its own: it takes any.")
        place = {label: i for i, label in enumerate(nodes)}
        edges = [(place[i], place[j]) for i, j in self.sampler.edgelist]
        return Graph.of(edges, len(nodes), labels=list(nodes))

    def largest_beta(self, machine: AbstractMachine) -> float:
        """The highest inverse temperature of a machine that its ranges have room for."""
        return self.beta * self.ranges.largest_scale(to_bqm(machine).spin)

    def draw(
        self,
        key: PRNGKeyArray,
        machine: AbstractMachine,
        state: State,
        sweeps: int = 1,
        *,
        beta: float = 1.0,
        clamped: Sequence[int] = (),
    ) -> Reads:
        """A read for each chain of a state, of p ∝ exp(-beta E), and what is to be said of them.

        Clamped nodes are as the chain has them. `sweeps` are for samplers that make sweeps.
        """
        held = clamped_nodes(clamped, machine.nodes)
        seed = int(jax.random.bits(key, (), "uint32"))
        found = self._ask(machine, np.asarray(state), seed, sweeps, beta, held)
        states = jnp.asarray(_valued(found.spins, machine), machine.dtype)
        said = [f"{self.name}: {state.shape[1]} reads in {found.submissions} submissions"]
        if found.slipped:
            said.append(f"{found.slipped} more were left out, as a held unit had slipped in them")
        if found.broken is not None:
            said.append(
                f"{found.broken.mean():.2%} of the chains of qubits were broken, in "
                f"{int((found.broken > 0).sum())} of the reads, and are as the embedding mended "
                "them"
            )
        report = "; ".join(said) + "."
        if found.broken is not None and found.broken.any():
            warnings.warn(report, stacklevel=2)
        return Reads(states, machine.energies(states), found.broken, report)

    def states(
        self,
        key: PRNGKeyArray,
        machine: AbstractMachine,
        state: State,
        sweeps: int = 1,
        *,
        beta: float = 1.0,
        clamped: Sequence[int] = (),
    ) -> State:
        """The states alone. A compiled function may ask for them: the sampler is called back."""
        leaves = jax.tree.leaves((key, machine, state))
        if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return self.draw(key, machine, state, sweeps, beta=beta, clamped=clamped).states
        held = clamped_nodes(clamped, machine.nodes)

        def read(machine: Any, state: Any, seed: Any) -> np.ndarray:
            # Nothing here may be computed by JAX, which is waiting for it.
            own = jax.tree.map(np.asarray, machine)
            found = self._ask(own, np.asarray(state), int(seed), sweeps, beta, held)
            return _valued(found.spins, own).astype(state.dtype)

        shape = jax.ShapeDtypeStruct(state.shape, state.dtype)
        seed = jax.random.bits(key, (), "uint32")
        return jax.pure_callback(read, shape, machine, state, seed, vmap_method="sequential")

    def _ask(
        self,
        machine: AbstractMachine,
        state: np.ndarray,
        seed: int,
        sweeps: int,
        beta: float,
        held: tuple[int, ...],
    ) -> Answer:
        """Chains whose clamped nodes are alike are asked for together."""
        graph = graph_of(machine)
        if hasattr(self.sampler, "nodelist"):
            self._check_nodes(graph, () if self.flux else held)
        bqm = to_bqm(machine)
        bqm.scale(beta / self.beta)
        bqm.change_vartype("SPIN", inplace=True)
        generator = np.random.default_rng(seed)
        begin = np.where(state > 0, 1.0, -1.0)
        values, which = np.unique(begin[list(held)], axis=1, return_inverse=True)
        answer = Answer(np.zeros_like(begin), None, 0, 0)
        for group, spins in enumerate(values.T):
            chains = np.flatnonzero(which.ravel() == group)
            fixed = {graph.labels[i]: int(s) for i, s in zip(held, spins, strict=True)}
            self._check_ranges(bqm, fixed)
            request = Request(bqm, graph.labels, fixed, self.flux, sweeps, self.options)
            answer.take(request.submit(self.sampler, begin[:, chains], generator), chains)
        return answer

    def _check_ranges(self, bqm: Any, fixed: dict[Any, int]) -> None:
        """Refuse what the sampler would clip."""
        sent = bqm
        if not self.flux and fixed:
            sent = bqm.copy()
            sent.fix_variables(fixed)
        scale = self.ranges.largest_scale(sent)
        if scale < 1:
            raise OptionError(
                f"At this temperature {self.name} would have to be sent {1 / scale:.3g} times what "
                "its ranges of h and J hold. Ask for a lower beta, `largest_beta(machine)` at the "
                "most, or learn smaller weights."
            )

    def _check_nodes(self, graph: Graph, away: tuple[int, ...]) -> None:
        """Refuse a machine on nodes or edges that the sampler does not have."""
        have, gone = set(self.sampler.nodelist), set(away)
        couplers = {frozenset(edge) for edge in self.sampler.edgelist}
        nodes = [n for i, n in enumerate(graph.labels) if i not in gone and n not in have]
        ends = [pair for pair in graph.edges.tolist() if not gone & set(pair)]
        pairs = [(graph.labels[i], graph.labels[j]) for i, j in ends]
        edges = [pair for pair in pairs if frozenset(pair) not in couplers]
        if nodes or edges:
            one = f"the node {nodes[0]!r}" if nodes else f"the edge {edges[0][0]!r}-{edges[0][1]!r}"
            raise SamplerError(
                f"{self.name} lacks {len(nodes)} nodes and {len(edges)} edges of the machine, such "
                f"as {one}. Learn on a part of the device's `graph`, or wrap the sampler in "
                "Ocean's EmbeddingComposite."
            )


def named_device(name: Literal["annealer", "dwave"]) -> Device:
    """The simulated annealer of dwave-samplers, or the quantum computer that Ocean is set up for.

    A machine that does not lie on the latter's qubits is embedded.
    """
    if name == "annealer":
        return Device()
    system = ocean("dwave.system", "dwave-system")
    try:
        sampler = system.DWaveSampler()
    except Exception as error:
        raise SamplerError(
            f"No quantum computer can be used ({error}): set DWAVE_API_TOKEN, and DWAVE_API_SOLVER "
            "to choose one, or run `dwave config create`."
        ) from error
    return Device(system.AutoEmbeddingComposite(sampler))


def _valued(spins: np.ndarray, machine: AbstractMachine) -> np.ndarray:
    """Units of the machine's own values."""
    low, high = VALUES[machine.units]
    return np.where(spins > 0, high, low)
