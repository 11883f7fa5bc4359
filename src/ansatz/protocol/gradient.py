"""The update that follows the gradient of an objective, group by group of parameters."""

import math
from dataclasses import dataclass
from functools import reduce
from operator import attrgetter
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ansatz.protocol.errors import OptionError
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, AbstractUpdate, Metrics, Score, Step


@dataclass(frozen=True)
class Group:
    """Parameters that learn alike: with one optimiser, between two steps, every so many.

    `part` names an attribute of the model, or one within it as in "prior.top", which the group of
    the outer one leaves to it; without it the group holds whatever no other group holds. The
    group learns at steps s with first <= s < last and (s - first) divisible by `every`, and
    stands still at all others; without an optimiser it never learns.
    """

    optimiser: Optimiser | None
    part: str | None = None
    first: int = 0
    last: int | None = None
    every: int = 1

    def __post_init__(self) -> None:
        for name, least in (("first", 0), ("every", 1), ("last", self.first)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(
                    f"{name} of a group of parameters must be at least {least}; it is {value}."
                )

    def active(self, step: Step) -> Array | None:
        """Whether the group learns at this step; None if it always does."""
        if (self.first, self.last, self.every) == (0, None, 1):
            return None
        within = step >= self.first
        if self.last is not None:
            within &= step < self.last
        return within & ((step - self.first) % self.every == 0)


def held(model: Any) -> Any:
    """A model, or a part of one, whose parameters stand still: no gradient passes into them."""
    return jax.tree.map(
        lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf, model
    )


class GradientState(eqx.Module):
    """The model, the memory of each group's optimiser, the carry, and averaged parameters."""

    model: Any
    optimisers: tuple[PyTree, ...]
    carry: PyTree
    average: PyTree


class GradientUpdate(AbstractUpdate):
    """theta <- theta - rate(step) * direction(gradient of the objective), in every group.

    With `average` = d > 0 the model that is validated and kept has the parameters'
    exponential average: weights d^(n - t) over the steps t = 1..n, normalised to sum to one.
    Where learning is by a stand-in for what counts, a `judge` says what that is of held-out
    events; the carry is the objective's.
    """

    objective: AbstractObjective
    groups: tuple[Group, ...] = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    decay: float = eqx.field(static=True)
    judge: AbstractObjective | None = None

    @property
    def score(self) -> Score | None:
        return self.objective.score

    def initial(self, model: Any) -> GradientState:
        return GradientState(
            model=model,
            optimisers=tuple(
                optimiser.direction().init(eqx.filter(model, member))
                for _, optimiser, member in self._learners(model)
            ),
            carry=self.objective.initial(model),
            average=eqx.filter(model, eqx.is_inexact_array) if self.decay else None,
        )

    def __call__(
        self, state: GradientState, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> tuple[GradientState, Metrics]:
        learners = self._learners(state.model)
        moving = reduce(_either, (member for _, _, member in learners))
        learning, resting = eqx.partition(state.model, moving)

        def loss(learning: PyTree) -> tuple[Float[Array, ""], tuple[PyTree, Metrics]]:
            model = eqx.combine(learning, resting)
            value, carry, metrics = self.objective(model, batch, state.carry, step, key)
            for _, optimiser, member in learners:
                value = value + _penalty(eqx.filter(learning, member), optimiser, value)
            return value, (carry, metrics)

        gradient, (carry, metrics) = jax.grad(loss, has_aux=True)(learning)
        memories = []
        for (group, optimiser, member), memory in zip(learners, state.optimisers, strict=True):
            own, others = eqx.partition(learning, member)
            down = eqx.filter(gradient, member)
            after, moved = self._follow(group, optimiser, own, down, memory, step)
            active = group.active(step)
            if active is not None:
                after, moved = _where(active, (after, moved), (own, memory))
            learning = eqx.combine(after, others)
            memories.append(moved)
        model = eqx.combine(learning, resting)
        return (
            GradientState(model, tuple(memories), carry, self._average(state, model, step)),
            metrics,
        )

    def model(self, state: GradientState) -> Any:
        if not self.decay:
            return state.model
        return eqx.combine(state.average, state.model)

    def evaluate(
        self, state: GradientState, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> Metrics:
        model = eqx.nn.inference_mode(self.model(state))
        judge = self.objective if self.judge is None else self.judge
        return judge(model, batch, state.carry, step, key)[2]

    def _follow(
        self,
        group: Group,
        optimiser: Optimiser,
        own: PyTree,
        gradient: PyTree,
        memory: PyTree,
        step: Step,
    ) -> tuple[PyTree, PyTree]:
        """Parameters and optimiser memory after one step downhill.

        The schedule of a group that stands still again is over by then.
        """
        steps = self.steps if group.last is None else min(group.last, self.steps)
        # Optax mixes whole numbers with floats, which strict type promotion would refuse.
        with jax.numpy_dtype_promotion("standard"):
            rate = optimiser.rate_at(steps)(step)
            direction, memory = optimiser.direction().update(gradient, memory, own)
        own = jax.tree.map(lambda p, d: p - jnp.asarray(rate, p.dtype) * d, own, direction)
        return own, memory

    def _average(self, state: GradientState, model: Any, step: Step) -> PyTree:
        if not self.decay:
            return None
        # (1 - d) / (1 - d^n) is the newest parameters' share of the normalised average: one at
        # the first step, so that the random start leaves no trace.
        # expm1, because 1 - d^n loses its digits where d is close to one.
        count = jnp.asarray(step + 1, jnp.result_type(float))
        share = (self.decay - 1) / jnp.expm1(count * math.log(self.decay))
        return jax.tree.map(
            lambda mean, new: mean + share.astype(mean.dtype) * (new - mean),
            state.average,
            eqx.filter(model, eqx.is_inexact_array),
        )

    def _learners(self, model: Any) -> list[tuple[Group, Optimiser, PyTree]]:
        """The groups that ever learn, each with its optimiser and which leaves are its own."""
        trainable = jax.tree.map(eqx.is_inexact_array, model)
        parts_named = [group.part for group in self.groups if group.part]
        leaves = {part: _leaves_of(trainable, part) for part in parts_named}
        own = [
            reduce(
                _without,
                (leaves[inner] for inner in parts_named if inner.startswith(f"{part}.")),
                leaves[part],
            )
            for part in parts_named
        ]
        nothing = jax.tree.map(lambda _: False, trainable)
        taken = reduce(_either, own, nothing)
        left = _without(trainable, taken)
        parts = iter(own)
        members = [next(parts) if group.part else left for group in self.groups]
        return [
            (group, group.optimiser, member)
            for group, member in zip(self.groups, members, strict=True)
            if group.optimiser is not None
        ]


def gradient(
    objective: AbstractObjective,
    groups: Optimiser | tuple[Group, ...],
    *,
    steps: int,
    average: float = 0.0,
    judge: AbstractObjective | None = None,
) -> GradientUpdate:
    """The update that makes `objective` small in `steps` steps.

    One optimiser for the whole model, or groups of parameters that each have their own.
    """
    if isinstance(groups, Optimiser):
        groups = (Group(groups),)
    parts = [group.part for group in groups]
    if parts.count(None) > 1:
        raise OptionError("Only one group of parameters may hold all that others leave.")
    if len(set(parts)) < len(parts):
        raise OptionError("Two groups hold the same part of the parameters; one must do.")
    if not 0 <= average < 1:
        raise OptionError(f"average must lie in [0, 1); it is {average}.")
    return GradientUpdate(objective, groups, steps, average, judge)


def _penalty(weights: PyTree, optimiser: Optimiser, like: Float[Array, ""]) -> Float[Array, ""]:
    """l1 sum|w| + l2 sum w^2 over weights; a bias has one axis and goes free."""
    total = jnp.zeros_like(like)
    if optimiser.l1 or optimiser.l2:
        for w in jax.tree.leaves(weights):
            if w.ndim > 1:
                total += optimiser.l1 * jnp.sum(jnp.abs(w)) + optimiser.l2 * jnp.sum(w**2)
    return total


def _leaves_of(tree: PyTree, part: str) -> PyTree:
    """The tree with False in every leaf that is not in its attribute `part`."""
    nothing = jax.tree.map(lambda _: False, tree)
    return eqx.tree_at(attrgetter(part), nothing, attrgetter(part)(tree))


def _either(a: PyTree, b: PyTree) -> PyTree:
    return jax.tree.map(lambda x, y: x or y, a, b)


def _without(a: PyTree, b: PyTree) -> PyTree:
    return jax.tree.map(lambda x, y: x and not y, a, b)


def _where(active: Array, new: PyTree, old: PyTree) -> PyTree:
    return jax.tree.map(lambda n, o: jnp.where(active, n, o), new, old)
