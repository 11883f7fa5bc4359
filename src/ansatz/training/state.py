"""What training remembers, and what the host sees of it."""

from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

Row = dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """Where one model stands: its best score so far, and the metrics of the epoch under way."""

    best_score: float | None = None
    best_epoch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    """Metrics summed over the steps."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """All that training must remember between steps.

    The arrays in trees have a leading axis of members if there are several; `standings` has one
    entry for each.
    """

    update: PyTree
    source: PyTree
    best: PyTree
    """The best model's arrays so far; None where there is no score."""
    standings: tuple[Standing, ...]
    step: int = 0

    def members(self) -> list["TrainingState"]:
        """The state of each member, as if it were trained alone."""
        trees = (self.update, self.source, self.best)
        if len(self.standings) == 1:
            return [self]
        arrays, rest = eqx.partition(trees, eqx.is_array)
        members = []
        for m, standing in enumerate(self.standings):
            own = jax.tree.map(lambda leaf, m=m: leaf[m], arrays)
            update, source, best = eqx.combine(own, rest)
            members.append(TrainingState(update, source, best, (standing,), self.step))
        return members

    @classmethod
    def of_members(cls, states: list["TrainingState"]) -> "TrainingState":
        """Members side by side; the inverse of `members`."""
        if len(states) == 1:
            return states[0]
        trees = [(state.update, state.source, state.best) for state in states]
        update, source, best = stack(trees)
        standings = tuple(state.standings[0] for state in states)
        return cls(update, source, best, standings, states[0].step)


@dataclass(frozen=True, eq=False)
class ChunkEnd:
    """What the host sees after a chunk of steps."""

    state: TrainingState
    seconds: float
    steps: int
    rows: tuple[Row | None, ...]
    """If the chunk was the last of an epoch, its history for each member still training."""
    stop: str | None
    """Why training is over, if it is."""


def stack(trees: list[PyTree]) -> PyTree:
    """Trees of one structure side by side: their arrays with a new leading axis."""
    arrays, rest = zip(*(eqx.partition(tree, eqx.is_array) for tree in trees), strict=True)
    return eqx.combine(jax.tree.map(lambda *leaves: jnp.stack(leaves), *arrays), rest[0])
