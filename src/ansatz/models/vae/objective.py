"""What a variational autoencoder makes small."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.vae.estimator import Estimator, log_mean_exp
from ansatz.models.vae.model import VAE
from ansatz.models.vae.parts import Sums, parts, summed
from ansatz.models.vae.price import price
from ansatz.models.vae.view import known
from ansatz.protocol.capabilities import Condition, Event
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Score, Step

MEMORY = 0.99
"""Decay of the running mean that serves as a constant baseline."""


class Beta(eqx.Module):
    """The weight of the price of a code: beta, to which it may rise from zero."""

    end: float
    warmup: int = eqx.field(static=True, default=0)

    def at(self, step: Step, dtype: Any) -> Float[Array, ""]:
        end = jnp.asarray(self.end, dtype)
        if not self.warmup:
            return end
        return end * jnp.minimum(jnp.asarray(step, dtype) / self.warmup, 1)


class Cooling(eqx.Module):
    """The temperature of relaxed bits, which may fall: start (end / start)^(step / steps)."""

    start: float
    end: float
    steps: int = eqx.field(static=True, default=1)

    def at(self, step: Step, dtype: Any) -> Float[Array, ""]:
        start = jnp.asarray(self.start, dtype)
        if self.end == self.start:
            return start
        done = jnp.minimum(jnp.asarray(step, dtype) / self.steps, 1)
        return start * jnp.asarray(self.end / self.start, dtype) ** done


class RunningMean(eqx.Module):
    """sum_t d^(n - t) v_t / sum_t d^(n - t) over the numbers v_t so far."""

    total: Float[Array, ""]
    weight: Float[Array, ""]

    def value(self) -> Float[Array, ""]:
        return self.total / jnp.maximum(self.weight, 1 - MEMORY)

    def then(self, new: Float[Array, ""]) -> "RunningMean":
        return RunningMean(
            MEMORY * self.total + (1 - MEMORY) * new, MEMORY * self.weight + (1 - MEMORY)
        )


class NegativeBound(AbstractObjective):
    """-log (1/K) sum_k exp s(z_k) with s(z) = log p(x | z, c) - beta log [q(z | x, c) / p(z)].

    The mean over events, and over `groups` of K draws for each. At K = 1 what is known exactly
    of the price is: the loss is then -E_q[log p(x | z, c)] + beta KL(q(z | x, c) || p(z)), with
    at least `free_bits` nats for every latent (Kingma et al., 2016). The metric `loss` is at the
    final beta throughout, so that epochs can be compared.
    """

    beta: Beta
    estimator: Estimator = eqx.field(static=True)
    samples: int = eqx.field(static=True, default=1)
    groups: int = eqx.field(static=True, default=1)
    free_bits: float = 0.0
    temperature: Cooling = Cooling(1.0, 1.0)

    @property
    def score(self) -> Score:
        return Score("loss", "lower")

    def initial(self, model: VAE) -> RunningMean | None:
        if not self.estimator.remembers:
            return None
        zero = jnp.zeros((), model.dtype)
        return RunningMean(zero, zero)

    def __call__(
        self, model: VAE, batch: Batch, carry: RunningMean | None, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], RunningMean | None, Metrics]:
        beta = self.beta.at(step, model.dtype)
        end = jnp.asarray(self.beta.end, model.dtype)
        temperature = self.temperature.at(step, model.dtype)
        before = None if carry is None else carry.value()
        exactly = self.samples == 1 and not self.estimator.holds_density

        def one(
            model: VAE, event: Event, condition: Condition, key: PRNGKeyArray
        ) -> tuple[Array, ...]:
            key_encoder, key_codes, key_decoder = jax.random.split(key, 3)
            q = model.posterior(event, condition, key=key_encoder)
            known_price, drawn_price = price(
                q, model.code_prior(condition), model.dtype, exactly=exactly
            )

            def log_weight(q: Any, code: Array) -> tuple[Array, tuple[Array, Array]]:
                # One draw of what dropout silences: all weights are of the same nets.
                fit = model.likelihood(code, condition, key=key_decoder).log_prob(*known(event))
                rest = drawn_price(q, code)
                return fit - beta * rest, (fit, rest)

            bound, (fit, rest) = self.estimator.bound(
                q,
                log_weight,
                key_codes,
                shape=(self.groups, self.samples),
                temperature=temperature,
                mean=before,
            )
            final = jnp.mean(log_mean_exp(fit - end * rest))
            return bound, final, jnp.mean(fit), jnp.mean(rest), known_price

        def over(model: VAE, part: tuple[Any, ...]) -> Sums:
            event, condition, key, weight = part
            bound, final, fit, rest, terms = jax.vmap(one, (None, 0, 0, 0))(
                model, event, condition, key
            )
            return weight @ bound, (weight @ final, weight @ fit, weight @ rest, weight @ terms)

        keys = jax.random.split(key, len(batch.weight))
        # What is known exactly may be charged for the batch, and is there for single codes only.
        count = 1 if exactly else parts(len(keys), self.groups * self.samples)
        bound, more = summed(over, model, (batch.event, batch.condition, keys, batch.weight), count)
        bound, (final, fit, rest, exact) = jax.tree.map(lambda s: s / batch.size, (bound, more))
        charged = jnp.sum(jnp.maximum(exact, self.free_bits) if self.free_bits else exact)
        loss = beta * charged - bound
        metrics = {
            "loss": end * charged - final,
            "reconstruction": -fit,
            "kl": rest + jnp.sum(exact),
        }
        if carry is not None:
            carry = carry.then(jax.lax.stop_gradient(bound))
        return loss, carry, metrics
