"""What the half-steps of a mixture are: maximum likelihood, or all parameters as random."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.models.mixture.components import Moments
from ansatz.models.mixture.half_steps import expected_log_joint, maximisation
from ansatz.models.mixture.model import Mixture


class AbstractLearning(eqx.Module):
    """A lower bound on the log-likelihood, and the half-step that raises it in the parameters."""

    @abstractmethod
    def log_weights(self, model: Mixture) -> Float[Array, " K"]:
        """What stands for log w_k in the expectation."""

    @abstractmethod
    def maximise(self, model: Mixture, moments: Moments) -> Mixture:
        """The model after the half-step, given moments about the means of the one before."""

    @abstractmethod
    def penalty(self, model: Mixture) -> Float[Array, ""]:
        """What the bound is less than sum_n E_q[log w_z p_z(x_n)] + H(q), for all events."""

    def gain(self, old: Mixture, new: Mixture, moments: Moments) -> Float[Array, ""]:
        """By how much the half-step raises the bound, while the responsibilities stay."""
        about = old.components.mean
        before, after = (
            expected_log_joint(self.log_weights(model), model.components, moments, about)
            - self.penalty(model)
            for model in (old, new)
        )
        return after - before


class MaximumLikelihood(AbstractLearning):
    """The bound on log p(x) itself; variances are at least the floor, by a prior flat above it."""

    floor: float

    def log_weights(self, model: Mixture) -> Float[Array, " K"]:
        return jnp.log(model.weights)

    def maximise(self, model: Mixture, moments: Moments) -> Mixture:
        weights, components = maximisation(model.components, moments, self.floor)
        return Mixture(weights, components, model.shape)

    def penalty(self, model: Mixture) -> Float[Array, ""]:
        return jnp.zeros((), model.weights.dtype)
