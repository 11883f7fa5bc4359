"""What a Boltzmann machine makes small: -log p(v), along an estimate of its slope."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.centring import bias_means, centred, means
from ansatz.models.boltzmann.phases import AbstractFreePhase, Chains, Shown, clamped_phase
from ansatz.protocol.capabilities import Scalar
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Score, Step

SLIDE = 0.01
"""How fast offsets follow the means of the units."""


class Carry(eqx.Module):
    """The persistent chains, and the means that units are measured from."""

    chains: Chains
    offsets: Float[Array, " node"]


class NegativeLogLikelihood(AbstractObjective):
    """-log p(v), averaged over events, with a penalty l1 sum |W| + l2 sum W^2 on weights.

    The slope is the mean of dE/dθ with events clamped, less that in the free phase. The loss
    is linear in the parameters and has this slope; its value means nothing. Offsets are the
    units' means over both phases, as in the enhanced gradient (Cho, Raiko and Ilin, 2011).
    """

    free: AbstractFreePhase
    centre: bool = eqx.field(static=True)
    clamped: int = eqx.field(static=True)
    """Sweeps of hidden units under a clamped event, where they cannot be summed out."""
    l1: float
    l2: float

    @property
    def score(self) -> Score | None:
        return None

    def initial(self, model: AbstractMachine) -> Carry:
        return Carry(self.free.initial(model), bias_means(model))

    def __call__(
        self, model: AbstractMachine, batch: Batch, carry: Carry, step: Step, key: PRNGKeyArray
    ) -> tuple[Scalar, Carry, Metrics]:
        still = jax.lax.stop_gradient(model)
        slope, carry, metrics = self.slope(still, batch, carry, key)
        pairs = zip(_leaves(model), _leaves(slope), strict=True)
        loss = sum((jnp.sum(p * g) for p, g in pairs), start=jnp.zeros((), model.dtype))
        return loss, carry, metrics

    def slope(
        self, machine: AbstractMachine, batch: Batch, carry: Carry, key: PRNGKeyArray
    ) -> tuple[AbstractMachine, Carry, Metrics]:
        """The estimate of the slope, the carry after it, and what to report."""
        key_clamped, key_free = jax.random.split(key)
        seen, weights = shown(machine, batch), batch.weight / batch.size
        given = clamped_phase(machine, seen, weights, self.clamped, key_clamped)
        own, chains = self.free(machine, seen, weights, carry.chains, key_free)
        slope = jax.tree.map(lambda a, b: a - b, given.slope, own.slope)
        metrics = {"free_energy": given.energy, "gap": given.energy - own.energy}
        offsets = carry.offsets
        if self.centre:
            slope = centred(slope, offsets, machine)
            total = jnp.sum(weights)
            both = means(given.slope, machine, total) + means(own.slope, machine, total)
            offsets += SLIDE * (both / 2 - total * offsets)
        if self.l1 or self.l2:
            pull = self.l1 * jnp.sign(machine.weight) + 2 * self.l2 * machine.weight
            slope = eqx.tree_at(lambda m: m.weight, slope, slope.weight + pull)
        return slope, Carry(chains, offsets), metrics


def shown(machine: AbstractMachine, batch: Batch) -> Shown:
    """The visible units of a batch: those of its events, and of what is given with them."""
    if batch.condition is None:
        return batch.event.reshape(len(batch.event), -1).T
    return jax.vmap(machine.joined, out_axes=1)(batch.event, batch.condition)


def _leaves(tree: AbstractMachine) -> list[Array]:
    return jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))
