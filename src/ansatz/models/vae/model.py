"""The variational autoencoder."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution, kl
from ansatz.models.vae.view import View, known
from ansatz.nets import ConditionalNet
from ansatz.protocol.capabilities import (
    Bound,
    Codec,
    CodeSampler,
    Condition,
    Event,
    Measure,
    Sampler,
    Scalar,
)

DRAWS_AT_ONCE = 50


class VAE(Sampler, Bound, Codec, CodeSampler):
    """p(x | c) = integral p(x | z, c) p(z) dz, learnt through a guess q(z | x, c) at p(z | x, c).

    Kingma and Welling (2014). The encoder is q, the decoder p(x | z, c), and the log-density is
    bounded by log p(x | c) >= E_q[log p(x | z, c)] - KL(q(z | x, c) || p(z)). The `view` is what
    the encoder sees of an event, and is not learnt.
    """

    view: View
    encoder: ConditionalNet
    decoder: ConditionalNet
    prior: AbstractDistribution

    @property
    def measure(self) -> Measure:
        return self.decoder.head.measure

    def continuous(self, event: Event) -> Bool[Array, "..."]:
        return self.decoder.head.continuous(known(event)[0])

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Array:
        key_code, key_event = jax.random.split(key)
        code = self.sample_code(key_code, condition)
        return self.decoder(code, condition).sample(key_event)

    def posterior(
        self, event: Event, condition: Condition = None, *, key: PRNGKeyArray | None = None
    ) -> AbstractDistribution:
        """q(z | x, c)."""
        return self.encoder(self.view(event), condition, key=key)

    def encode(self, event: Event, condition: Condition = None) -> Float[Array, " code"]:
        """The mean of q(z | x, c)."""
        return self.posterior(event, condition).mean()

    def decode(self, code: Float[Array, " code"], condition: Condition = None) -> Array:
        """The mean of p(x | z, c); of numbers without an order, the most probable."""
        return self.decoder(code, condition).point()

    def sample_code(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, " code"]:
        return self.prior.sample(key)

    def elbo_terms(
        self, event: Event, condition: Condition = None, *, key: PRNGKeyArray
    ) -> tuple[Scalar, Scalar]:
        """A one-draw estimate of E_q[log p(x | z, c)], and KL(q || prior).

        The divergence is exact where it has a closed form. The draw is reparameterised, so
        that both terms can be differentiated. Of numbers that are missing nothing is asked:
        p(x | z, c) is that of the observed ones.
        """
        key_encoder, key_code, key_decoder, key_kl = jax.random.split(key, 4)
        posterior = self.posterior(event, condition, key=key_encoder)
        code = posterior.sample(key_code)
        likelihood = self.decoder(code, condition, key=key_decoder)
        divergence = kl(posterior, self.prior, key=key_kl)
        return likelihood.log_prob(*known(event)), divergence.value

    def bound(
        self,
        event: Event,
        condition: Condition = None,
        *,
        key: PRNGKeyArray,
        samples: int = 1,
    ) -> Scalar:
        """log (1/K) sum_k p(x | z_k, c) p(z_k) / q(z_k | x, c) with z_k ~ q, K = `samples`.

        The importance-weighted bound of Burda, Grosse and Salakhutdinov (2016): its expectation
        is the evidence lower bound at K = 1 and rises to log p(x | c). Weights are summed
        a few draws at a time, so memory does not grow with K.
        """
        value, observed = known(event)
        posterior = self.posterior(event, condition)
        at_once = min(samples, DRAWS_AT_ONCE)
        rounds = -(-samples // at_once)

        def log_weight(draw: Array) -> Scalar:
            code, log_q = posterior.sample_and_log_prob(jax.random.fold_in(key, draw))
            likelihood = self.decoder(code, condition).log_prob(value, observed)
            log_p = likelihood + self.prior.log_prob(code)
            return jnp.where(draw < samples, log_p - log_q, -jnp.inf)

        def add(total: Scalar, first: Array) -> tuple[Scalar, None]:
            weights = jax.vmap(log_weight)(first + jnp.arange(at_once))
            return jnp.logaddexp(total, jax.nn.logsumexp(weights)), None

        start = jnp.full((), -jnp.inf, value.dtype)
        total, _ = jax.lax.scan(add, start, at_once * jnp.arange(rounds))
        return total - jnp.log(jnp.asarray(samples, value.dtype))
