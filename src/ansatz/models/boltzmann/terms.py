"""Fixed terms of an energy, of any order: what is known of a machine and not learnt."""

import itertools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.models.boltzmann.units import VALUES, Units
from ansatz.protocol.errors import DataError


class Terms(eqx.Module):
    """E(s) = sum_t c_t prod_(i in t) s_i."""

    nodes: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    coefficients: Float[Array, " term"]

    @classmethod
    def of(cls, terms: dict[tuple[int, ...], float], dtype: str = "float32") -> "Terms":
        """Those with these coefficients, by the nodes whose product each weighs."""
        for nodes in terms:
            if len(set(nodes)) != len(nodes) or not nodes:
                raise DataError(f"A term is of one or more different nodes, not of {nodes}.")
        kept = {nodes: c for nodes, c in terms.items() if c}
        coefficients = np.array(list(kept.values()), dtype)
        if not np.isfinite(coefficients).all():
            raise DataError("The coefficients of the terms of an energy must be finite.")
        return cls(tuple(kept), jnp.asarray(coefficients))

    def energies(self, state: Float[Array, "node chain"]) -> Float[Array, " chain"]:
        """Their energy in every chain."""
        place, inside = _table(self.nodes)
        values = jnp.where(jnp.asarray(inside)[:, :, None], state[place], 1)
        return self.fixed @ jnp.prod(values, axis=1)

    def fields(
        self, state: Float[Array, "node chain"], block: np.ndarray
    ) -> Float[Array, "block chain"]:
        """-dE/ds_i for the nodes i of a block."""
        found = [
            (at, which, tuple(j for j in self.nodes[which] if j != i))
            for at, i in enumerate(block.tolist())
            for which in range(len(self.nodes))
            if i in self.nodes[which]
        ]
        field = jnp.zeros((len(block), state.shape[1]), state.dtype)
        if not found:
            return field
        at, which, others = zip(*found, strict=True)
        place, inside = _table(others)
        values = jnp.where(jnp.asarray(inside)[:, :, None], state[place], 1)
        pulls = -self.fixed[np.array(which)][:, None] * jnp.prod(values, axis=1)
        return field.at[np.array(at)].add(pulls)

    @property
    def fixed(self) -> Float[Array, " term"]:
        """The coefficients, which no gradient reaches."""
        return jax.lax.stop_gradient(self.coefficients)

    def renumbered(self, place: Sequence[int] | np.ndarray) -> "Terms":
        """The same where node i is called place[i]."""
        nodes = tuple(tuple(int(place[i]) for i in term) for term in self.nodes)
        return Terms(nodes, self.coefficients)

    def converted(self, units: Units) -> tuple[dict[tuple[int, ...], float], float]:
        """The same energy of units of the other kind, from `units`: terms and a constant.

        s = (1 + t)/2 or s = 2t - 1 is put in and multiplied out.
        """
        constant, slope = (0.5, 0.5) if units == "binary" else (-1.0, 2.0)
        found: dict[tuple[int, ...], float] = {}
        for term, c in zip(self.nodes, np.asarray(self.coefficients, float), strict=True):
            for size in range(len(term) + 1):
                for part in itertools.combinations(term, size):
                    more = float(c) * slope**size * constant ** (len(term) - size)
                    found[part] = found.get(part, 0.0) + more
        return found, found.pop((), 0.0)


def penalty(
    nodes: Sequence[int],
    allowed: Callable[..., bool],
    strength: float,
    units: Units = "binary",
) -> tuple[dict[tuple[int, ...], float], float]:
    """A logical constraint: `strength` for every assignment of the nodes not `allowed`, else 0.

    `allowed` is called with true or false for each node. The function becomes the one
    multilinear polynomial that agrees with it: terms, and a constant that moves no probability.
    """
    given = np.zeros((2,) * len(nodes))
    for ups in itertools.product((False, True), repeat=len(nodes)):
        given[tuple(map(int, ups))] = 0.0 if allowed(*ups) else strength
    # Along each axis, f(low), f(high) become the constant and the slope in s.
    low, high = VALUES[units]
    mix = np.array([[high, -low], [-1, 1]]) / (high - low)
    for axis in range(len(nodes)):
        given = np.moveaxis(np.tensordot(mix, given, (1, axis)), 0, axis)
    terms = {}
    for powers in itertools.product((0, 1), repeat=len(nodes)):
        if any(powers) and given[powers]:
            product = tuple(n for n, power in zip(nodes, powers, strict=True) if power)
            terms[product] = float(given[powers])
    return terms, float(given.ravel()[0])


def _table(nodes: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of nodes filled up with node 0, and where no filling is."""
    width = max(map(len, nodes), default=0)
    place = np.zeros((len(nodes), width), np.int32)
    inside = np.zeros((len(nodes), width), bool)
    for row, term in enumerate(nodes):
        place[row, : len(term)] = term
        inside[row, : len(term)] = True
    return place, inside
