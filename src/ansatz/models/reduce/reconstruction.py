"""What an autoencoder makes small."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.reduce.autoencoder import Autoencoder
from ansatz.protocol.capabilities import Condition, Scalar
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Score, Step

EDGE = 1e-6
"""How near to zero or one the mean of a code's number may come in a logarithm."""


class Corruption(eqx.Module):
    """x -> m ∘ (x + noise e): e standard normal, m zero with the probability `mask`, else one."""

    noise: float = eqx.field(static=True, default=0.0)
    mask: float = eqx.field(static=True, default=0.0)

    def __call__(self, key: PRNGKeyArray, event: Array) -> Array:
        key_noise, key_mask = jax.random.split(key)
        if self.noise:
            event = event + self.noise * jax.random.normal(key_noise, event.shape, event.dtype)
        if self.mask:
            event = jnp.where(jax.random.bernoulli(key_mask, self.mask, event.shape), 0, event)
        return event


class Reconstruction(AbstractObjective):
    """E|x − x̂(x̃)|² + contract ‖∂z/∂x‖² + contract_decoder ‖∂x̂/∂z‖² + sparsity S(z).

    The mean over events. x̃ is the event corrupted (Vincent and others, 2010); without corruption
    x̃ = x. The Jacobians are those at the event as it is (Rifai and others, 2011), exact, or
    estimated from so many `probes`. S(z) = Σ|z_j|, or, where a mean `activity` ρ is wanted of
    every number of a code, Σ KL(ρ ‖ mean of z_j over the events of the batch). With `binary`
    the cross-entropy −Σ x log x̂ + (1 − x) log(1 − x̂) stands in the place of the squared error.
    """

    corruption: Corruption = Corruption()
    contract: float = 0.0
    contract_decoder: float = 0.0
    sparsity: float = 0.0
    probes: int = eqx.field(static=True, default=0)
    activity: float | None = eqx.field(static=True, default=None)
    binary: bool = eqx.field(static=True, default=False)

    @property
    def score(self) -> Score:
        return Score("loss", "lower")

    def initial(self, model: Autoencoder) -> None:
        return None

    def __call__(
        self, model: Autoencoder, batch: Batch, carry: None, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], None, Metrics]:
        key, key_penalties = jax.random.split(key)
        keys = jax.random.split(key, len(batch.weight))
        errors = jax.vmap(self.error, (None, 0, 0, 0))(model, batch.event, batch.condition, keys)
        loss = batch.mean(errors)
        metrics: Metrics = {}
        for name, weight, value in self._penalties(model, batch, key_penalties):
            # Where nothing is asked for besides, the loss says it all.
            metrics.setdefault("reconstruction", loss)
            metrics[name] = value
            loss = loss + weight * value
        return loss, None, metrics | {"loss": loss}

    def error(
        self, model: Autoencoder, event: Array, condition: Condition, key: PRNGKeyArray
    ) -> Scalar:
        """How far an event is from what is made of it, corrupted."""
        key_noise, key_encoder, key_decoder = jax.random.split(key, 3)
        code = model.encode(self.corruption(key_noise, event), condition, key=key_encoder)
        raw, x = model.raw(code, condition, key=key_decoder), event.ravel()
        if self.binary:
            # b is the logistic function: log x̂ = raw − softplus(raw).
            return jnp.sum(jax.nn.softplus(raw) - x * raw)
        return jnp.sum((x - model.finished(raw)) ** 2)

    def _penalties(
        self, model: Autoencoder, batch: Batch, key: PRNGKeyArray
    ) -> list[tuple[str, float, Scalar]]:
        """What is asked for besides: its name, its weight, and the mean over the batch."""
        found = []
        keys = jax.random.split(key, (2, len(batch.weight)))
        if self.contract:

            def narrow(event: Array, condition: Condition, key: PRNGKeyArray) -> Scalar:
                return model.encoder_contraction(event, condition, key=key, probes=self.probes)

            norms = jax.vmap(narrow)(batch.event, batch.condition, keys[0])
            found.append(("jacobian", self.contract, batch.mean(norms)))
        if self.contract_decoder or self.sparsity:
            codes = jax.vmap(model.encode)(batch.event, batch.condition)
        if self.contract_decoder:

            def wide(code: Array, condition: Condition, key: PRNGKeyArray) -> Scalar:
                return model.decoder_contraction(code, condition, key=key, probes=self.probes)

            norms = jax.vmap(wide)(codes, batch.condition, keys[1])
            found.append(("jacobian_decoder", self.contract_decoder, batch.mean(norms)))
        if self.sparsity:
            found.append(("sparsity", self.sparsity, self._excess(codes, batch)))
        return found

    def _excess(self, codes: Float[Array, "batch code"], batch: Batch) -> Scalar:
        if self.activity is None:
            return batch.mean(jnp.sum(jnp.abs(codes), 1))
        mean = jnp.clip(batch.weight @ codes / batch.size, EDGE, 1 - EDGE)
        rho = self.activity
        return jnp.sum(
            rho * (jnp.log(rho) - jnp.log(mean)) + (1 - rho) * (jnp.log1p(-rho) - jnp.log1p(-mean))
        )
