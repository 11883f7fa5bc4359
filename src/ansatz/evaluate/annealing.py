"""A known energy from another side: chains that anneal from a density of known normaliser to it.

Between a density r and exp(−E) / Z lie the energies U_t = −(1 − t) log r + t E. Chains that begin
as draws of r move a little at each of the values 0 = t_0 < ... < t_n = 1 by Hamiltonian dynamics
(Duane and others, 1987), and gather

    log w = Σ_k (t_(k+1) − t_k) (−E(x_k) − log r(x_k)).

The mean of w is Z, whatever the chains have forgotten or not (annealed importance sampling; Neal,
2001), and ends drawn in proportion to w are draws of p.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution
from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.importance import log_normaliser, resample
from ansatz.protocol.errors import OptionError
from ansatz.protocol.keys import Stream, stream

Energy = Callable[[Array], Float[Array, ""]]

PILOTS = 128
"""Chains that go ahead, and find how long leaps may be."""
FIRST, ACCEPTED, LEARNING = 0.3, 0.8, 0.1
"""The length of a leap at first, in deviations of r; the share of moves to be accepted; and how
fast the logarithm of the length follows what is above it or below."""


@dataclass(frozen=True, eq=False)
class Annealed:
    """Where annealed chains have come."""

    samples: np.ndarray
    """Draws of p, one for each chain."""
    log_weights: Float[np.ndarray, " chain"]
    accepted: float
    """The share of the last moves that were accepted."""

    @property
    def log_z(self) -> Estimate:
        """log Z with its error over chains, which are independent."""
        return log_normaliser(self.log_weights)


def anneal(
    energy: Energy,
    start: AbstractDistribution,
    *,
    chains: int = 2000,
    steps: int = 500,
    leaps: int = 5,
    more: int = 50,
    seed: int = 0,
) -> Annealed:
    """log Z and draws of p(x) = exp(−E(x)) / Z from so many `chains` that begin as draws of r.

    `start` is r, a distribution of events about where p has them and as wide. Chains move once at
    each of the `steps`, by `leaps` leaps, and `more` times at the end, after the drawing. How long
    leaps are is found by chains of their own, so that the weights keep their mean.
    """
    for name, value, least in (
        ("chains", chains, 2),
        ("steps", steps, 1),
        ("leaps", leaps, 1),
        ("more", more, 1),
    ):
        if value < least:
            raise OptionError(f"{name} must be at least {least}; it is {value}.")
    pilot, main, last = jax.random.split(stream(seed, Stream.USE), 3)
    # Closer at the beginning, where the energies of the draws of r vary most.
    path = jnp.linspace(0, 1, steps + 1) ** 2
    begun = _begin(start, main, chains)
    _check(energy, begun)
    found = _walk(energy, start, _begin(start, pilot, PILOTS), pilot, path, None, leaps)
    ends = _walk(energy, start, begun, main, path, found.lengths, leaps)
    log_weights = np.asarray(ends.log_weights, np.float64)
    drawn = ends.x[resample(log_weights, seed)]
    length = jnp.broadcast_to(found.lengths[-1:], (more,))
    moved = _walk(energy, start, drawn, last, jnp.ones(more + 1), length, leaps)
    return Annealed(np.asarray(moved.x), log_weights, float(jnp.mean(moved.shares)))


class _Walk(NamedTuple):
    """Where chains have come, what they have gathered, and how it went at every step."""

    x: Array
    log_weights: Float[Array, " chain"]
    lengths: Float[Array, " step"]
    shares: Float[Array, " step"]


@eqx.filter_jit
def _walk(
    energy: Energy,
    start: AbstractDistribution,
    x: Array,
    key: PRNGKeyArray,
    path: Float[Array, " point"],
    lengths: Float[Array, " step"] | None,
    leaps: int,
) -> _Walk:
    """Chains along the path with leaps of these lengths; without them they find their own."""
    width = jnp.sqrt(start.variance())

    def height(x: Array, t: Array) -> Array:
        return t * energy(x) - (1 - t) * start.log_prob(x)

    def move(x: Array, key: PRNGKeyArray, t: Array, length: Array) -> tuple[Array, Array]:
        """One of the chains, and whether it went."""
        key_momentum, key_accept = jax.random.split(key)
        momentum = jax.random.normal(key_momentum, x.shape, x.dtype)
        before = height(x, t) + jnp.sum(momentum**2) / 2
        slope, far = jax.grad(height), length * width

        def leap(_: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
            y, p = at
            y = y + far * p
            return y, p - far * slope(y, t)

        begun = (x, momentum - far * slope(x, t) / 2)
        y, p = jax.lax.fori_loop(0, leaps, leap, begun)
        # The last kick was a whole one, and should have been half.
        p = p + far * slope(y, t) / 2
        after = height(y, t) + jnp.sum(p**2) / 2
        goes = jnp.log(jax.random.uniform(key_accept, (), x.dtype)) < before - after
        return jnp.where(goes, y, x), goes

    def step(
        carry: tuple[Array, Array, Array], at: tuple[Array, Array, Array, Array | None]
    ) -> tuple[tuple[Array, Array, Array], tuple[Array, Array]]:
        x, log_weights, length = carry
        i, here, there, given = at
        gap = jax.vmap(lambda x: energy(x) + start.log_prob(x), -1)(x)
        log_weights = log_weights - (there - here) * gap
        length = length if given is None else given
        key_length, key_moves = jax.random.split(jax.random.fold_in(key, i))
        # Of one length, the leaps may come back to where they began.
        now = length * jax.random.uniform(key_length, (), x.dtype, 0.5, 1)
        keys = jax.random.split(key_moves, x.shape[-1])
        x, went = jax.vmap(move, (-1, 0, None, None), (-1, 0))(x, keys, there, now)
        share = jnp.mean(went, dtype=x.dtype)
        after = length * jnp.exp(LEARNING * (share - ACCEPTED))
        return (x, log_weights, after), (length, share)

    # Chains last: then what an energy does with the places of an event is done in long rows.
    x = jnp.moveaxis(x, 0, -1)
    begin = (x, jnp.zeros(x.shape[-1], x.dtype), jnp.asarray(FIRST, x.dtype))
    path = path.astype(x.dtype)
    places = (jnp.arange(len(path) - 1), path[:-1], path[1:], lengths)
    (x, log_weights, _), (lengths, shares) = jax.lax.scan(step, begin, places)
    return _Walk(jnp.moveaxis(x, -1, 0), log_weights, lengths, shares)


def _check(energy: Energy, x: Array) -> None:
    """Refuse an energy that is infinite where chains begin; where it is elsewhere, none will go."""
    values = np.asarray(jax.vmap(energy)(x))
    wrong = int(np.sum(~np.isfinite(values)))
    if wrong:
        raise OptionError(
            f"The energy is not finite on {wrong} of {len(x)} draws of the start: begin where it "
            "is, or bound it there."
        )


def _begin(start: AbstractDistribution, key: PRNGKeyArray, chains: int) -> Array:
    """Draws of r; the key is folded, for the steps fold it too, with other numbers."""
    keys = jax.random.split(jax.random.fold_in(key, 2**31 - 1), chains)
    return eqx.filter_jit(lambda start, keys: jax.vmap(start.sample)(keys))(start, keys)
