"""Expectation maximisation, batch by batch."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.mixture.components import Moments
from ansatz.models.mixture.half_steps import expectation, nothing
from ansatz.models.mixture.learning import AbstractLearning, MaximumLikelihood
from ansatz.models.mixture.model import Mixture
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractUpdate, Metrics, Score, Step


class MixtureState(eqx.Module):
    """The model as last solved, and what the events since say."""

    model: Mixture
    moments: Moments
    evidence: Float[Array, ""]
    """sum_n log sum_k w_k p_k(x_n)."""
    bound: Float[Array, ""]
    """For each event, after the half-step that gave the model; NaN before the first."""


class MixtureUpdate(AbstractUpdate):
    """Each batch is a part of the expectation; the end of an epoch is the maximisation.

    So how events are cut into batches changes nothing but the order of sums.
    """

    learning: AbstractLearning
    events: float
    tolerance: float

    @property
    def score(self) -> Score:
        return Score("log_prob", "higher", self.tolerance)

    def initial(self, model: Mixture) -> MixtureState:
        zero = jnp.zeros((), model.weights.dtype)
        return MixtureState(model, nothing(model.components), zero, zero * jnp.nan)

    def __call__(
        self, state: MixtureState, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> tuple[MixtureState, Metrics]:
        model = state.model
        log_weights = self.learning.log_weights(model)
        moments, log_evidence = expectation(
            log_weights, model.components, batch.event, batch.weight
        )
        mean = batch.mean(log_evidence)
        touching = mean - self.learning.penalty(model) / self.events
        state = MixtureState(
            model,
            jax.tree.map(jnp.add, state.moments, moments),
            state.evidence + mean * batch.size,
            state.bound,
        )
        name = "log_prob" if isinstance(self.learning, MaximumLikelihood) else "elbo"
        # Before the first maximisation there is no other bound than the one that touches.
        below = jnp.where(jnp.isnan(state.bound), touching, state.bound)
        return state, {name: touching, "bound": below}

    def finish_epoch(self, state: MixtureState) -> MixtureState:
        old, moments = state.model, state.moments
        new = self.learning.maximise(old, moments)
        gain = self.learning.gain(old, new, moments)
        bound = (state.evidence - self.learning.penalty(old) + gain) / self.events
        zero = jnp.zeros_like(state.evidence)
        return MixtureState(new, nothing(new.components), zero, bound)

    def model(self, state: MixtureState) -> Mixture:
        return state.model

    def evaluate(
        self, state: MixtureState, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> Metrics:
        return {"log_prob": batch.mean(jax.vmap(state.model.log_prob)(batch.event))}
