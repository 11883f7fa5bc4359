"""Coloured block Gibbs sampling on a sparse graph."""

from functools import partial
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int8, PRNGKeyArray, Shaped

from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.kernel import (
    AbstractKernel,
    Beta,
    Parts,
    Rule,
    State,
    of_bits,
    ups,
)
from ansatz.models.boltzmann.layout import Layout, lay_out
from ansatz.models.boltzmann.terms import Terms
from ansatz.models.boltzmann.units import Units, log_states, valued

Block: TypeAlias = Float[Array, "block chain"]
Arrays: TypeAlias = tuple[Shaped[Array, "_ chain"], ...]
"""The states of a block, or of several, in each; a byte a unit, to move little memory, unless they
lie between the two values."""


class SparseKernel(AbstractKernel):
    """Blocks of one colour, pulled at by the rows of their neighbours.

    The chains of a node lie side by side in memory. The pull on a block is a sum over tables:
    the k-th neighbours' rows times the k-th weights, for all k in one pass that also draws the
    random numbers and writes the new states.
    """

    bias: Float[Array, " node"]
    weights: tuple[tuple[Float[Array, "_ _"], ...], ...]
    """Of each pull on each block."""
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
        return cls(
            *_laid(layout, bias, weight),
            None if terms is None else terms.renumbered(layout.place),
            layout,
            units,
        )

    def lay(self, state: State) -> Arrays:
        return self.between(state.astype(jnp.int8))

    def between(self, state: Shaped[Array, "node chain"]) -> Arrays:
        """The same of units that may lie between their values: they have pulls, and energies."""
        ordered = state[self.layout.order]
        return tuple(ordered[start:stop] for start, stop in self.layout.arrays)

    def restore(self, laid: Arrays) -> State:
        return jnp.concatenate(laid)[self.layout.place].astype(self.bias.dtype)

    def sweep(self, laid: Arrays, key: PRNGKeyArray, beta: Beta, rule: Rule = "gibbs") -> Arrays:
        for block in range(len(self.layout.blocks) - 1):
            laid = self._change(laid, block, jax.random.fold_in(key, block), beta, rule)
        return laid

    def redraw_first(self, laid: Arrays, key: PRNGKeyArray, beta: Beta) -> Arrays:
        return self._change(laid, 0, key, beta, "gibbs") if self.layout.free else laid

    def parts(self, laid: Arrays) -> Parts:
        if not self.layout.free:
            return Parts(self.energies(laid), jnp.zeros((0, laid[0].shape[1]), self.bias.dtype))
        emptied = self._put(laid, 0, jnp.zeros_like(self._get(laid, 0)))
        return Parts(self.energies(emptied), self._field(laid, 0))

    def log_sum(self, parts: Parts, beta: Beta) -> Float[Array, " chain"]:
        inverse = jnp.broadcast_to(jnp.asarray(beta, parts.rest.dtype), parts.rest.shape)
        sums = log_states(inverse[None] * parts.field, self.units)
        return jnp.sum(sums, axis=0) - inverse * parts.rest

    @property
    def enumerated(self) -> int:
        return self.layout.free - self._first

    @property
    def _first(self) -> int:
        """Units in the first block; without a free unit there is none."""
        return self.layout.blocks[0][1] if self.layout.free else 0

    def numbered(
        self, held: Arrays, index: Int[Array, " number"]
    ) -> tuple[Int8[Array, "_ number"], ...]:
        bits = of_bits(index, self.enumerated, self.units, jnp.dtype("int8"))
        first = jnp.zeros((self._first, len(index)), jnp.int8)
        clamped = jnp.broadcast_to(held[-1], (len(held[-1]), len(index)))
        whole = jnp.concatenate([first, bits, clamped])
        return tuple(whole[start:stop] for start, stop in self.layout.arrays)

    def energies(self, laid: Arrays) -> Float[Array, " chain"]:
        energy = jnp.zeros(laid[0].shape[1], self.bias.dtype)
        for block, (start, stop) in enumerate(self.layout.blocks):
            state = self._get(laid, block).astype(self.bias.dtype)
            twice = self.bias[start:stop, None] + self._without_terms(laid, block)
            energy -= jnp.sum(state * twice, axis=0) / 2
        return energy if self.terms is None else energy + self.terms.energies(self._whole(laid))

    def pulls(self, laid: Arrays) -> State:
        """-dE/ds_i of every node, in the order of the machine."""
        fields = [self._field(laid, k) for k in range(len(self.layout.blocks))]
        return jnp.concatenate(fields)[self.layout.place]

    def _change(
        self, laid: Arrays, block: int, key: PRNGKeyArray, beta: Beta, rule: Rule
    ) -> Arrays:
        old = self._get(laid, block)
        up = ups(key, old, self._field(laid, block), beta, self.units, rule)
        return self._put(laid, block, valued(up, self.units, old.dtype))

    def _field(self, laid: Arrays, block: int) -> Block:
        field = self._without_terms(laid, block)
        if self.terms is None:
            return field
        return field + self.terms.fields(self._whole(laid), np.arange(*self.layout.blocks[block]))

    def _without_terms(self, laid: Arrays, block: int) -> Block:
        return _pull(self.layout, block, self.bias, self.weights[block], laid)

    def _get(self, laid: Arrays, block: int) -> Shaped[Array, "block chain"]:
        array = self.layout.array_of(block)
        shift = self.layout.arrays[array][0]
        start, stop = self.layout.blocks[block]
        return laid[array][start - shift : stop - shift]

    def _put(self, laid: Arrays, block: int, new: Shaped[Array, "block chain"]) -> Arrays:
        array = self.layout.array_of(block)
        shift = self.layout.arrays[array][0]
        start, stop = self.layout.blocks[block]
        if len(new) < len(laid[array]):
            new = laid[array].at[start - shift : stop - shift].set(new)
        return (*laid[:array], new, *laid[array + 1 :])

    def _whole(self, laid: Arrays) -> State:
        return jnp.concatenate(laid).astype(self.bias.dtype)


@partial(jax.jit, static_argnums=(0, 1))
def _pull(
    layout: Layout,
    block: int,
    bias: Float[Array, " node"],
    weights: tuple[Float[Array, "_ _"], ...],
    laid: Arrays,
) -> Block:
    """b_i + sum_j W_ij s_j of the nodes of a block: the field without fixed terms.

    Within a program this is traced once for all who ask for it, sweeps, energies and slopes.
    """
    start, stop = layout.blocks[block]
    total = jnp.zeros((stop - start, laid[0].shape[1]), bias.dtype)
    for pull, weight in zip(layout.pulls[block], weights, strict=True):
        source = laid[pull.source]
        if pull.whole:
            total += weight @ source.astype(weight.dtype)
            continue
        for k in range(weight.shape[1]):
            total += weight[:, k, None] * source[pull.place[:, k]].astype(weight.dtype)
    return bias[start:stop, None] + total


@eqx.filter_jit
def _laid(
    layout: Layout, bias: Float[Array, " node"], weight: Float[Array, " edge"]
) -> tuple[Float[Array, " node"], tuple[tuple[Float[Array, "_ _"], ...], ...]]:
    """The parameters where the sampler looks for them."""
    filled = jnp.concatenate([weight, jnp.zeros(1, weight.dtype)])
    pulls = tuple(tuple(filled[pull.edge] for pull in pulls) for pulls in layout.pulls)
    return bias[layout.order], pulls
