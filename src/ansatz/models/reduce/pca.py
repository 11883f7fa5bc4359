"""Principal component analysis, and the Gaussian it stands for."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.protocol.capabilities import (
    Codec,
    CodeSampler,
    Condition,
    Density,
    Measure,
    Sampler,
    Scalar,
)
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractUpdate, Metrics, Score, Step


class PCA(Sampler, Density, Codec, CodeSampler):
    """x = mean + V z + noise: the directions V in which events vary most.

    The rows of `components` are the leading eigenvectors of the covariance and `variances`
    its eigenvalues; `noise` is the mean of the eigenvalues left out. Codes are the coordinates
    V^T (x - mean). As a density it is probabilistic PCA at its maximum likelihood (Tipping and
    Bishop, 1999): N(mean, V (diag(variances) - noise I) V^T + noise I).
    """

    mean: Float[Array, " numbers"]
    components: Float[Array, "latent numbers"]
    variances: Float[Array, " latent"]
    noise: Float[Array, ""]
    total: Float[Array, ""]
    """The sum of all eigenvalues, of those left out too."""
    shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def measure(self) -> Measure:
        return "density"

    def continuous(self, event: Array) -> Bool[Array, "..."]:
        return jnp.ones(self.shape, bool)

    def explained(self) -> Float[Array, " latent"]:
        """The fraction of all variance along each component."""
        return self.variances / self.total

    def encode(self, event: Array, condition: Condition = None) -> Float[Array, " latent"]:
        return self.components @ (event.ravel() - self.mean)

    def decode(self, code: Float[Array, " latent"], condition: Condition = None) -> Array:
        return (self.mean + code @ self.components).reshape(self.shape)

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Array:
        key_code, key_noise = jax.random.split(key)
        rest = jax.random.normal(key_noise, self.mean.shape, self.mean.dtype)
        # The noise fills the directions left out; within the components it is part of the
        # variance already.
        rest = rest - (self.components @ rest) @ self.components
        event = self.decode(self.sample_code(key_code, condition))
        return event + jnp.sqrt(self.noise) * rest.reshape(self.shape)

    def sample_code(
        self, key: PRNGKeyArray, condition: Condition = None
    ) -> Float[Array, " latent"]:
        deviations = jnp.sqrt(self.variances)
        return deviations * jax.random.normal(key, deviations.shape, deviations.dtype)

    def log_prob(self, event: Array, condition: Condition = None) -> Scalar:
        offset = event.ravel() - self.mean
        code = self.components @ offset
        left = self.mean.size - code.size
        inside = jnp.sum(code**2 / self.variances + jnp.log(2 * jnp.pi * self.variances))
        if left == 0:
            return -inside / 2
        rest = offset - code @ self.components
        outside = jnp.sum(rest**2) / self.noise + left * jnp.log(2 * jnp.pi * self.noise)
        return -(inside + outside) / 2


class Moments(eqx.Module):
    """Sums over the events of an epoch, about a point near their mean so that none is large."""

    weight: Float[Array, ""]
    first: Float[Array, " numbers"]
    second: Float[Array, "numbers numbers"]


class PCAState(eqx.Module):
    """The model as last solved and the sums since."""

    model: PCA
    moments: Moments


class PCAUpdate(AbstractUpdate):
    """Gathers the first and second moments of an epoch and solves for the components.

    With a the model's mean before the epoch, W = sum w, s = sum w (x - a) / W and
    S = sum w (x - a)(x - a)^T / W, the covariance is (S - s s^T) n / (n - 1).
    """

    @property
    def score(self) -> Score | None:
        return None

    def initial(self, model: PCA) -> PCAState:
        return PCAState(model, _nothing(model))

    def __call__(
        self, state: PCAState, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> tuple[PCAState, Metrics]:
        offset = batch.event.reshape(len(batch.event), -1) - state.model.mean[None]
        weighted = batch.weight[:, None] * offset
        moments = Moments(
            state.moments.weight + jnp.sum(batch.weight),
            state.moments.first + jnp.sum(weighted, 0),
            state.moments.second + weighted.T @ offset,
        )
        return PCAState(state.model, moments), {}

    def finish_epoch(self, state: PCAState) -> PCAState:
        old, sums = state.model, state.moments
        shift = sums.first / sums.weight
        covariance = sums.second / sums.weight - jnp.outer(shift, shift)
        covariance *= sums.weight / jnp.maximum(sums.weight - 1, 1)
        values, vectors = jnp.linalg.eigh(covariance)
        values = jnp.maximum(values[::-1], 0)
        latent = len(old.variances)
        components = vectors.T[::-1][:latent]
        # An eigenvector has no sign of its own: its largest entry is made positive.
        largest = jnp.argmax(jnp.abs(components), axis=1, keepdims=True)
        components *= jnp.sign(jnp.take_along_axis(components, largest, axis=1))
        left = len(values) - latent
        model = PCA(
            mean=old.mean + shift,
            components=components,
            variances=values[:latent],
            noise=jnp.sum(values[latent:]) / max(left, 1),
            total=jnp.sum(values),
            shape=old.shape,
        )
        return PCAState(model, _nothing(model))

    def model(self, state: PCAState) -> PCA:
        return state.model

    def evaluate(self, state: PCAState, batch: Batch, step: Step, key: PRNGKeyArray) -> Metrics:
        model = state.model

        def squared_error(event: Array) -> Array:
            return jnp.sum((event - model.decode(model.encode(event))) ** 2)

        return {
            "log_prob": batch.mean(jax.vmap(model.log_prob)(batch.event)),
            "squared_error": batch.mean(jax.vmap(squared_error)(batch.event)),
        }


def _nothing(model: PCA) -> Moments:
    size, dtype = len(model.mean), model.mean.dtype
    return Moments(jnp.zeros((), dtype), jnp.zeros(size, dtype), jnp.zeros((size, size), dtype))
