"""The variational autoencoder."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution, kl
from ansatz.nets import ConditionalNet
from ansatz.protocol.capabilities import (
    Bound,
    Codec,
    CodeSampler,
    Condition,
    Sampler,
    Scalar,
)

DRAWS_AT_ONCE = 50


class VAE(Sampler, Bound, Codec, CodeSampler):
    """p(x | c) = integral p(x | z, c) p(z) dz, learnt through a guess q(z | x, c) at p(z | x, c).

    Kingma and Welling (2014). The encoder is q, the decoder p(x | z, c), and the log-density is
    bounded by log p(x | c) >= E_q[log p(x | z, c)] - KL(q(z | x, c) || p(z)).
    """

    encoder: ConditionalNet
    decoder: ConditionalNet
    prior: AbstractDistribution

    @property
    def discrete(self) -> bool:
        """Whether events are discrete, so that the bound is on a probability."""
        return self.decoder.head.discrete

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Array:
        key_code, key_event = jax.random.split(key)
        code = self.sample_code(key_code, condition)
        return self.decoder(code, condition).sample(key_event)

    def encode(self, event: Array, condition: Condition = None) -> Float[Array, " code"]:
        """The mean of q(z | x, c)."""
        return self.encoder(event, condition).mean()

    def decode(self, code: Float[Array, " code"], condition: Condition = None) -> Array:
        """The mean of p(x | z, c)."""
        return self.decoder(code, condition).mean()

    def sample_code(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, " code"]:
        return self.prior.sample(key)

    def elbo_terms(
        self, event: Array, condition: Condition = None, *, key: PRNGKeyArray
    ) -> tuple[Scalar, Scalar]:
        """A one-draw estimate of E_q[log p(x | z, c)], and KL(q || prior).

        The divergence is exact where it has a closed form. The draw is reparameterised, so
        that both terms can be differentiated.
        """
        key_encoder, key_code, key_decoder, key_kl = jax.random.split(key, 4)
        posterior = self.encoder(event, condition, key=key_encoder)
        code = posterior.sample(key_code)
        likelihood = self.decoder(code, condition, key=key_decoder)
        divergence = kl(posterior, self.prior, key=key_kl)
        return likelihood.log_prob(event), divergence.value

    def bound(
        self,
        event: Array,
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
        posterior = self.encoder(event, condition)
        at_once = min(samples, DRAWS_AT_ONCE)
        rounds = -(-samples // at_once)

        def log_weight(draw: Array) -> Scalar:
            code, log_q = posterior.sample_and_log_prob(jax.random.fold_in(key, draw))
            log_p = self.decoder(code, condition).log_prob(event) + self.prior.log_prob(code)
            return jnp.where(draw < samples, log_p - log_q, -jnp.inf)

        def add(total: Scalar, first: Array) -> tuple[Scalar, None]:
            weights = jax.vmap(log_weight)(first + jnp.arange(at_once))
            return jnp.logaddexp(total, jax.nn.logsumexp(weights)), None

        start = jnp.full((), -jnp.inf, event.dtype)
        total, _ = jax.lax.scan(add, start, at_once * jnp.arange(rounds))
        return total - jnp.log(jnp.asarray(samples, event.dtype))
