"""The Boltzmann machine on any graph."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from ansatz.models.boltzmann.abstract import AbstractMachine, clamped_nodes
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.kernel import State
from ansatz.models.boltzmann.sparse import SparseKernel
from ansatz.models.boltzmann.terms import Terms
from ansatz.models.boltzmann.units import (
    VALUES,
    Units,
    check_values,
    log_odds,
    log_states,
    mean_bias,
    valued,
)
from ansatz.protocol.capabilities import Scalar
from ansatz.protocol.errors import DataError, OptionError


class BoltzmannMachine(AbstractMachine):
    """E(s) = -sum_i b_i s_i - sum_(i,j) W_ij s_i s_j, summed over the edges of a graph.

    Ackley, Hinton and Sejnowski (1985). Fixed `terms` of any order may be added to the energy.
    """

    bias: Float[Array, " node"]
    weight: Float[Array, " edge"]
    terms: Terms | None
    graph: Graph = eqx.field(static=True)
    visible: tuple[int, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    units: Units = eqx.field(static=True)
    sweeps: int = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        graph: Graph,
        bias: Shaped[Array, "..."] | np.ndarray | None = None,
        weight: Shaped[Array, "..."] | np.ndarray | None = None,
        *,
        visible: Sequence[int] | np.ndarray | None = None,
        shape: tuple[int, ...] | None = None,
        given: int = 0,
        units: Units = "binary",
        terms: dict[tuple[int, ...], float] | None = None,
        sweeps: int = 1000,
        dtype: str = "float32",
    ) -> "BoltzmannMachine":
        """The machine with these parameters, zero where none are given.

        `visible` are the nodes that an event shows, all of them by default, and `shape` is how
        it shows them; the last `given` of them show a condition instead. `terms` gives the
        coefficient of the product of some nodes.
        """
        shown = tuple(range(graph.nodes)) if visible is None else tuple(map(int, visible))
        clamped_nodes(shown, graph.nodes, "show")
        form = event_shape(shape, len(shown) - given)
        fixed = Terms.of(terms, dtype) if terms else None
        if fixed is not None:
            clamped_nodes(sorted({i for term in fixed.nodes for i in term}), graph.nodes, "weigh")
        return cls(
            bias=numbers(bias, (graph.nodes,), "biases", dtype),
            weight=numbers(weight, (len(graph.edges),), "weights", dtype),
            terms=fixed,
            graph=graph,
            visible=shown,
            shape=form,
            units=units,
            sweeps=sweeps,
        )

    @property
    def nodes(self) -> int:
        return self.graph.nodes

    @property
    def gaussian(self) -> bool:
        return False

    @property
    def dtype(self) -> jnp.dtype:
        return self.bias.dtype

    def kernel(self, clamped: tuple[int, ...] = ()) -> SparseKernel:
        graph = self.graph if self.terms is None else self.graph.separated(self.terms.nodes)
        return SparseKernel.of(graph, self.bias, self.weight, self.terms, self.units, clamped)

    def exact_kernel(self, clamped: tuple[int, ...] = ()) -> SparseKernel:
        return self.kernel(clamped)

    def at(self, beta: float | Scalar) -> "BoltzmannMachine":
        return jax.tree.map(lambda part: part * jnp.asarray(beta, part.dtype), self)

    def independent(self, bias: Float[Array, " node"]) -> "BoltzmannMachine":
        nothing = jax.tree.map(jnp.zeros_like, self)
        return eqx.tree_at(lambda m: m.bias, nothing, bias)

    def log_independent(self, bias: Float[Array, " node"], free: np.ndarray) -> Scalar:
        return jnp.sum(log_states(bias[free], self.units))

    def under(self, condition: Float[Array, " condition"]) -> tuple["BoltzmannMachine", Scalar]:
        if self.terms is not None:
            raise OptionError("A machine with fixed terms cannot be cut down by a condition.")
        held = np.zeros(self.nodes, bool)
        held[list(self.given)] = True
        state = jnp.zeros(self.nodes, self.dtype)
        state = state.at[np.array(self.given, int)].set(self.upped(condition).astype(self.dtype))
        i, j = self.graph.edges.T
        pull = self.bias.at[i].add(self.weight * state[j]).at[j].add(self.weight * state[i])
        left = np.flatnonzero(~held)
        place = np.cumsum(~held) - 1
        kept = ~held[i] & ~held[j]
        # Induced edges keep their order, and so do the weights.
        machine = BoltzmannMachine(
            bias=pull[left],
            weight=self.weight[np.flatnonzero(kept)],
            terms=None,
            graph=self.graph.induced(left),
            visible=tuple(
                place[list(self.visible[: len(self.visible) - len(self.given)])].tolist()
            ),
            shape=self.shape,
            units=self.units,
            sweeps=self.sweeps,
        )
        return machine, self.energies(state[:, None])[0]

    def start(self, key: PRNGKeyArray, chains: int, bias: Float[Array, " node"]) -> State:
        up = jax.nn.sigmoid(log_odds(bias, self.units))[:, None]
        uniform = jax.random.uniform(key, (self.nodes, chains), self.dtype)
        return valued(uniform < up, self.units, self.dtype)

    def check(
        self, values: Shaped[Array, "..."] | np.ndarray, what: str, nodes: Sequence[int]
    ) -> None:
        check_values(values, self.units, what)

    def base_bias(self, events: Shaped[Array, "chain ..."] | np.ndarray) -> Float[Array, " node"]:
        shown = mean_bias(np.asarray(events).reshape(len(events), -1), self.units)
        bias = jnp.zeros(self.nodes, self.dtype)
        return bias.at[np.array(self.visible, int)].set(jnp.asarray(shown, self.dtype))

    def log_conditionals(self, event: Float[Array, "..."]) -> Float[Array, " visible"]:
        v = event.ravel()
        if not self.hidden:
            # Each unit's odds given the others are read off the pull on it.
            kernel = self.kernel()
            pulls = kernel.pulls(kernel.lay(self.shown(v[:, None])))
            odds = log_odds(pulls[np.array(self.visible, int), 0], self.units)
            return jax.nn.log_sigmoid(jnp.where(v > 0, odds, -odds))
        low, high = VALUES[self.units]
        now = self.free_energy(v)

        def of(i: Int[Array, ""]) -> Scalar:
            there = self.free_energy(v.at[i].set(low + high - v[i]))
            return -jax.nn.softplus(now - there)

        return jax.lax.map(of, jnp.arange(len(v)))

    def converted(self, units: Units) -> tuple["BoltzmannMachine", float]:
        """The same distribution over units of the other kind, and E_here - E_there.

        With s = (1 + t)/2 for s in {0, 1} and t in {-1, +1}.
        """
        if units == self.units:
            return self, 0.0
        constant, slope = (0.5, 0.5) if self.units == "binary" else (-1.0, 2.0)
        bias, weight = (np.asarray(part, np.float64) for part in (self.bias, self.weight))
        i, j = self.graph.edges.T
        pull = np.bincount(i, weight, self.nodes) + np.bincount(j, weight, self.nodes)
        there = slope * bias + slope * constant * pull
        shift = -constant * bias.sum() - constant**2 * weight.sum()
        terms, more = self.terms.converted(self.units) if self.terms is not None else ({}, 0.0)
        machine = BoltzmannMachine.of(
            self.graph,
            there,
            slope**2 * weight,
            visible=self.visible,
            shape=self.shape,
            given=len(self.given),
            units=units,
            terms=terms,
            sweeps=self.sweeps,
            dtype=str(self.dtype),
        )
        return machine, float(shift + more)


def event_shape(shape: tuple[int, ...] | None, units: int) -> tuple[int, ...]:
    """How an event shows so many units: as one row, unless a shape is given."""
    form = (units,) if shape is None else shape
    if int(np.prod(form)) != units:
        raise DataError(f"{units} visible units are no event of shape {form}.")
    return form


def numbers(
    values: Shaped[Array, "..."] | np.ndarray | None, shape: tuple[int, ...], what: str, dtype: str
) -> Float[Array, "..."]:
    """Parameters of a machine, finite and of this shape; zero where none are given."""
    if values is None:
        return jnp.zeros(shape, dtype)
    given = np.asarray(values)
    if given.shape != shape:
        raise DataError(f"The {what} of this machine are of shape {shape}, not {given.shape}.")
    if not np.isfinite(given).all():
        wrong = np.argwhere(~np.isfinite(given))[0].tolist()
        raise DataError(f"The {what} must be finite; at {wrong} there is {given[tuple(wrong)]}.")
    return jnp.asarray(given, dtype)
