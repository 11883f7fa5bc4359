"""Coloured block Gibbs sampling on a sparse graph."""

from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.kernel import (
    AbstractKernel,
    Beta,
    Parts,
    Rule,
    State,
    changed,
    of_bits,
    uniforms,
)
from ansatz.models.boltzmann.layout import Layout, lay_out
from ansatz.models.boltzmann.terms import Terms
from ansatz.models.boltzmann.units import Units, log_states

Block: TypeAlias = Float[Array, "block chain"]


class SparseKernel(AbstractKernel):
    """Blocks of one colour, each a slice of the chains, pulled at by tables of neighbours.

    A state is (node, chain) with the chains of a node side by side in memory: the pull on a
    node is a sum of rows, one for each neighbour, times a weight.
    """

    bias: Float[Array, " node"]
    weight: Float[Array, "node degree"]
    terms: Terms | None
    layout: Layout = eqx.field(static=True)
    units: Units = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        graph: Graph,
        bias: Float[Array, " node"],
        weight: Float[Array, " edge"],
        terms: Terms | None,
        units: Units,
        clamped: tuple[int, ...],
    ) -> "SparseKernel":
        """That of a machine on a graph whose colouring separates the nodes of every term."""
        layout = lay_out(graph, clamped)
        filled = jnp.concatenate([weight, jnp.zeros(1, weight.dtype)])
        return cls(
            bias[layout.order],
            filled[layout.edges],
            None if terms is None else terms.renumbered(layout.place),
            layout,
            units,
        )

    def lay(self, state: State) -> State:
        return state[self.layout.order]

    def restore(self, laid: State) -> State:
        return laid[self.layout.place]

    def sweep(self, laid: State, key: PRNGKeyArray, beta: Beta, rule: Rule = "gibbs") -> State:
        for block in range(len(self.layout.blocks)):
            laid = self._change(laid, block, jax.random.fold_in(key, block), beta, rule)
        return laid

    def redraw_first(self, laid: State, key: PRNGKeyArray, beta: Beta) -> State:
        return self._change(laid, 0, key, beta, "gibbs") if self.layout.blocks else laid

    def parts(self, laid: State) -> Parts:
        end = self._first
        rest = jnp.concatenate([jnp.zeros_like(laid[:end]), laid[end:]])
        return Parts(self.energies(rest), self._field(laid, 0, end, 0))

    def log_sum(self, parts: Parts, beta: Beta) -> Float[Array, " chain"]:
        inverse = jnp.broadcast_to(jnp.asarray(beta, parts.rest.dtype), parts.rest.shape)
        return -inverse * parts.rest + jnp.sum(
            log_states(inverse[None] * parts.field, self.units), axis=0
        )

    @property
    def enumerated(self) -> int:
        return self.layout.free - self._first

    @property
    def _first(self) -> int:
        """Units in the first block; without a free unit there is none."""
        return self.layout.blocks[0][1] if self.layout.blocks else 0

    def numbered(self, held: State, index: Int[Array, " number"]) -> Float[Array, "node number"]:
        bits = of_bits(index, self.enumerated, self.units, held.dtype)
        first = jnp.zeros((self._first, len(index)), held.dtype)
        rest = held[self.layout.free :]
        clamped = jnp.broadcast_to(rest, (len(rest), len(index)))
        return jnp.concatenate([first, bits, clamped])

    def energies(self, laid: State) -> Float[Array, " chain"]:
        energy = -jnp.sum(laid * (self.bias[:, None] + self._all_pairs(laid) / 2), axis=0)
        return energy if self.terms is None else energy + self.terms.energies(laid)

    def pulls(self, laid: State) -> State:
        """-dE/ds_i of every node."""
        pull = self.bias[:, None] + self._all_pairs(laid)
        return pull if self.terms is None else pull + self.terms.fields(laid, np.arange(len(laid)))

    def _all_pairs(self, laid: State) -> State:
        ends = [*self.layout.blocks, (self.layout.free, len(laid))]
        return jnp.concatenate([self._pairs(laid, *end, k) for k, end in enumerate(ends)])

    def _change(self, laid: State, block: int, key: PRNGKeyArray, beta: Beta, rule: Rule) -> State:
        start, stop = self.layout.blocks[block]
        field = self._field(laid, start, stop, block)
        uniform = uniforms(key, field.shape, laid.dtype)
        new = changed(laid[start:stop], field, uniform, beta, self.units, rule)
        return laid.at[start:stop].set(new)

    def _field(self, laid: State, start: int, stop: int, block: int) -> Block:
        field = self.bias[start:stop, None] + self._pairs(laid, start, stop, block)
        if self.terms is None:
            return field
        return field + self.terms.fields(laid, np.arange(start, stop))

    def _pairs(self, laid: State, start: int, stop: int, block: int) -> Block:
        pull = jnp.zeros((stop - start, laid.shape[1]), laid.dtype)
        for k in range(self.layout.width[block]):
            row = laid[self.layout.neighbours[start:stop, k]]
            pull += self.weight[start:stop, k, None] * row
        return pull
