"""What a variational autoencoder makes small whose prior is a Boltzmann machine."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.boltzmann import BoltzmannMachine
from ansatz.models.boltzmann.exact import log_z_enumerated
from ansatz.models.boltzmann.objective import Carry as Learnt
from ansatz.models.boltzmann.objective import NegativeLogLikelihood
from ansatz.models.boltzmann.phases import Chains, free_energies
from ansatz.models.vae.model import VAE
from ansatz.models.vae.objective import NegativeBound, RunningMean
from ansatz.protocol.capabilities import Condition, Event, Scalar
from ansatz.protocol.gradient import held
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Score, Step


class Carry(eqx.Module):
    """What the bound remembers, and the prior's persistent chains."""

    bound: RunningMean | None
    prior: Learnt


class MachineBound(AbstractObjective):
    """-E_q[log p(x | z)] + beta KL(q || p) with KL = -H(q) + E_q[F(z)] + log Z.

    Encoder and decoder follow the gradient of the bound with the machine held, to which log Z
    adds nothing. The machine follows the mean of dF/dθ over codes that are drawn for the batch,
    of zeros and ones, less that over its own chains: the slope of the bound in its parameters.
    """

    bound: NegativeBound
    learning: NegativeLogLikelihood
    exact: bool = eqx.field(static=True)
    """Whether log Z is enumerated at every step, so that the bound is known."""
    alone: bool = eqx.field(static=True, default=False)
    """Whether nothing but the machine learns: then there is no gradient to find of the nets."""

    @property
    def score(self) -> Score | None:
        return Score("loss", "lower") if self.exact else None

    def initial(self, model: VAE) -> Carry:
        return Carry(self.bound.initial(model), self.learning.initial(model.prior.machine))

    def __call__(
        self, model: VAE, batch: Batch, carry: Carry, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], Carry, Metrics]:
        key_bound, key_codes, key_prior = jax.random.split(key, 3)
        still = jax.lax.stop_gradient(model.prior.machine)
        known = _with_log_z(model, self.exact)
        followed = held(known) if self.alone else known
        loss, memory, metrics = self.bound(followed, batch, carry.bound, step, key_bound)
        codes = Batch(
            jax.lax.stop_gradient(_codes(model, batch, key_codes)),
            jax.vmap(model.prior.shown)(batch.condition) if still.given else None,
            batch.weight,
            batch.size,
        )
        slope, prior, told = self.learning.slope(still, codes, carry.prior, key_prior)
        pairs = zip(_leaves(model.prior.machine), _leaves(slope), strict=True)
        loss += sum((jnp.sum(p * g) for p, g in pairs), start=jnp.zeros((), model.dtype))
        energy = told["free_energy"]
        own = self._own_energy(still, prior.chains)
        gap = {} if own is None else {"gap": energy - own}
        return loss, Carry(memory, prior), {**_reported(metrics, energy, self.exact), **gap}

    def _own_energy(self, machine: BoltzmannMachine, chains: Chains) -> Scalar | None:
        """The mean energy of the chains at inverse temperature 1, which stand last."""
        if chains is None:
            return None
        shown = chains[np.array(machine.visible, int), -self.learning.free.count :]
        return jnp.mean(free_energies(machine, shown))


class HardBound(AbstractObjective):
    """The same bound judged on codes of zeros and ones; nothing learns from it."""

    bound: NegativeBound
    exact: bool = eqx.field(static=True)

    @property
    def score(self) -> Score | None:
        return Score("loss", "lower") if self.exact else None

    def initial(self, model: VAE) -> None:
        return None

    def __call__(
        self, model: VAE, batch: Batch, carry: Any, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], Any, Metrics]:
        key_bound, key_codes = jax.random.split(key)
        known = _with_log_z(model, self.exact)
        loss, _, metrics = self.bound(known, batch, None, step, key_bound)
        codes = _codes(model, batch, key_codes)

        def energy(code: Array, condition: Condition) -> Array:
            return known.code_prior(condition).energy(code)

        mean = batch.mean(jax.vmap(energy)(codes, batch.condition))
        return loss, carry, _reported(metrics, mean, self.exact)


def _with_log_z(model: VAE, exact: bool) -> VAE:
    """The model with the log Z of the step where it is known, and else with none."""
    machine = jax.lax.stop_gradient(model.prior.machine)
    value = log_z_enumerated(machine) if exact else jnp.zeros((), model.dtype)
    return eqx.tree_at(lambda m: m.prior, model, model.prior.with_log_z(value))


def _codes(model: VAE, batch: Batch, key: PRNGKeyArray) -> Float[Array, "batch code"]:
    """A code of zeros and ones for every event."""

    def one(event: Event, condition: Condition, key: PRNGKeyArray) -> Array:
        key_encoder, key_code = jax.random.split(key)
        return model.posterior(event, condition, key=key_encoder).sample(key_code)

    keys = jax.random.split(key, len(batch.weight))
    return jax.vmap(one)(batch.event, batch.condition, keys)


def _reported(metrics: Metrics, energy: Scalar, exact: bool) -> Metrics:
    """Of a bound without log Z the parts, for their sum would mean nothing."""
    if exact:
        return {**metrics, "energy": energy}
    entropy = energy - metrics["kl"]
    return {"reconstruction": metrics["reconstruction"], "entropy": entropy, "energy": energy}


def _leaves(tree: Any) -> list[Array]:
    return jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))
