"""The mixture model."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.models.mixture.bernoulli import Bernoullis
from ansatz.models.mixture.components import AbstractComponents
from ansatz.protocol.capabilities import (
    Codec,
    CodeSampler,
    Completer,
    Condition,
    Density,
    Event,
    Measure,
    Sampler,
    Scalar,
)
from ansatz.protocol.source import Masked


class Mixture(Sampler, Density, Codec, CodeSampler, Completer):
    """p(x) = sum_k w_k p_k(x): an event comes from component k with probability w_k.

    The code of an event is the probability that it comes from each component, its
    responsibilities w_k p_k(x) / p(x). Of an event that misses numbers everything is said by
    the others, exactly, and what is missing is again distributed as a mixture.
    """

    weights: Float[Array, " K"]
    components: AbstractComponents
    shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def measure(self) -> Measure:
        return "probability" if isinstance(self.components, Bernoullis) else "density"

    def continuous(self, event: Event) -> Bool[Array, "..."]:
        return jnp.full(self.shape, self.measure == "density")

    @property
    def freedom(self) -> int:
        """How many parameters may be chosen freely."""
        return len(self.weights) - 1 + self.components.freedom

    def log_joint(self, event: Event) -> Float[Array, " K"]:
        """log w_k p_k(x)."""
        if isinstance(event, Masked):
            each = self.components.completed(event.value.ravel(), event.observed.ravel()).log_prob
        else:
            each = self.components.log_prob(event.ravel())
        return jnp.log(self.weights) + each

    def log_prob(self, event: Event, condition: Condition = None) -> Scalar:
        return logsumexp(self.log_joint(event))

    def encode(self, event: Event, condition: Condition = None) -> Float[Array, " K"]:
        return jax.nn.softmax(self.log_joint(event))

    def decode(self, code: Float[Array, " K"], condition: Condition = None) -> Array:
        return (code @ self.components.mean).reshape(self.shape)

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Array:
        key_component, key_event = jax.random.split(key)
        k = jax.random.categorical(key_component, jnp.log(self.weights))
        return self.components.draw(key_event, k).reshape(self.shape)

    def sample_code(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, " K"]:
        """One component for certain."""
        k = jax.random.categorical(key, jnp.log(self.weights))
        return jax.nn.one_hot(k, len(self.weights), dtype=self.weights.dtype)

    def complete(self, event: Masked, condition: Condition = None) -> Array:
        """E[x | x_o] = sum_k r_k E_k[x | x_o], with the responsibilities r of what was observed."""
        x, observed = event.value.ravel(), event.observed.ravel()
        completed = self.components.completed(x, observed)
        responsibility = jax.nn.softmax(jnp.log(self.weights) + completed.log_prob)
        expected = responsibility @ (self.components.mean + completed.offset)
        return jnp.where(observed, x, expected).reshape(self.shape)

    def draw_missing(
        self, key: PRNGKeyArray, event: Masked, condition: Condition = None
    ) -> Array:
        x, observed = event.value.ravel(), event.observed.ravel()
        key_component, key_event = jax.random.split(key)
        k = jax.random.categorical(key_component, self.log_joint(event))
        return self.components.draw_given(key_event, k, x, observed).reshape(self.shape)

    def given(self, values: Float[Array, " m"], places: tuple[int, ...]) -> "Mixture":
        """p(x_rest | x_places = values), the mixture of the numbers at all other places, in order.

        An event that is no vector is taken apart row by row.
        """
        size = self.components.mean.shape[1]
        if len(set(places)) != len(values) or not set(places) < set(range(size)):
            raise ValueError(
                f"Some but not all of the places from 0 to {size - 1} must be given, each once and "
                f"with a value; they are {places}, with {len(values)} values."
            )
        seen = self.components.marginal(places).log_prob(values)
        return Mixture(
            jax.nn.softmax(jnp.log(self.weights) + seen),
            self.components.given(values, places),
            (size - len(places),),
        )

    def marginal(self, places: tuple[int, ...]) -> "Mixture":
        """p(x_places), the mixture of the numbers at these places alone."""
        return Mixture(self.weights, self.components.marginal(places), (len(places),))
