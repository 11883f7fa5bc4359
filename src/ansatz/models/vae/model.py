"""The variational autoencoder."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution
from ansatz.models.vae.cascade import AbstractCascade, LayeredEncoder
from ansatz.models.vae.evidence import evidence
from ansatz.models.vae.hierarchy import HierarchicalEncoder
from ansatz.models.vae.machine_prior import MachinePrior
from ansatz.models.vae.prior import given
from ansatz.models.vae.view import View, known
from ansatz.nets import ConditionalNet
from ansatz.protocol.capabilities import (
    Bound,
    Codec,
    CodeSampler,
    Condition,
    Delegating,
    Event,
    Evidence,
    Measure,
    Posterior,
    Scalar,
)
from ansatz.protocol.errors import OptionError


class VAE(Delegating, Bound, Codec, CodeSampler, Posterior):
    """p(x | c) = integral p(x | z, c) p(z) dz, learnt through a guess q(z | x, c) at p(z | x, c).

    Kingma and Welling (2014). The encoder is q, the decoder p(x | z, c), and the log-density is
    bounded by log p(x | c) >= E_q[log p(x | z, c)] - KL(q(z | x, c) || p(z)). The `view` is what
    the encoder sees of an event, and is not learnt. A code may have several stochastic layers,
    side by side in one vector, those nearest the events first; the decoder reads the first
    `read` numbers.
    """

    view: View
    encoder: ConditionalNet | LayeredEncoder | HierarchicalEncoder
    decoder: ConditionalNet
    prior: Any
    read: int = eqx.field(static=True)
    dtype: str = eqx.field(static=True)

    @property
    def first(self) -> ConditionalNet:
        """The encoder, or of several layers that of the one which is drawn first."""
        if isinstance(self.encoder, HierarchicalEncoder):
            return self.encoder.levels[0]
        return self.encoder.first if isinstance(self.encoder, LayeredEncoder) else self.encoder

    def shown(self, event: Event, condition: Condition = None) -> Float[Array, "..."]:
        """What the first layer of the encoder sees of an event."""
        seen = self.view(event)
        encoder = self.encoder
        return encoder.shown(seen, condition) if isinstance(encoder, HierarchicalEncoder) else seen

    @property
    def measure(self) -> Measure:
        return self.decoder.head.measure

    def continuous(self, event: Event) -> Bool[Array, "..."]:
        return self.decoder.head.continuous(known(event)[0])

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Array:
        key_code, key_event = jax.random.split(key)
        code = self.sample_code(key_code, condition)
        return self.likelihood(code, condition).sample(key_event)

    @property
    def asked(self) -> Any:
        return self.prior.machine if isinstance(self.prior, MachinePrior) else None

    def drawn_by(self, sampler: Any) -> "VAE":
        """The same model, codes of its prior drawn by a `Device`; the prior is a machine."""
        if self.asked is None:
            raise OptionError(
                "The prior of this model is no Boltzmann machine, and no other sampler can draw "
                "its codes: fit 'qvae' for that."
            )
        prior = self.prior.drawn_by(self.asked.drawn_by(sampler))
        return eqx.tree_at(lambda m: m.prior, self, prior)

    def posterior(
        self, event: Event, condition: Condition = None, *, key: PRNGKeyArray | None = None
    ) -> AbstractDistribution | AbstractCascade:
        """q(z | x, c)."""
        return self.encoder(self.view(event), condition, key=key)

    def likelihood(
        self,
        code: Float[Array, " code"],
        condition: Condition = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> AbstractDistribution:
        """p(x | z, c)."""
        return self.decoder(code[: self.read], condition, key=key)

    def code_prior(self, condition: Condition = None) -> Any:
        """p(z), or p(z | c) where it depends on the condition."""
        return given(self.prior, self.encoder, condition)

    def encode(self, event: Event, condition: Condition = None) -> Float[Array, " code"]:
        """The mean of q(z | x, c); of several layers, each given the one before at its mean."""
        return self.posterior(event, condition).point()

    def decode(self, code: Float[Array, " code"], condition: Condition = None) -> Array:
        """The mean of p(x | z, c); of numbers without an order, the most probable."""
        return self.likelihood(code, condition).point()

    def draw_code(
        self, key: PRNGKeyArray, event: Event, condition: Condition = None
    ) -> Float[Array, " code"]:
        return self.posterior(event, condition).sample(key)

    def sample_code(self, key: PRNGKeyArray, condition: Condition = None) -> Float[Array, " code"]:
        return self.code_prior(condition).sample(key)

    def evidence(
        self,
        event: Event,
        condition: Condition = None,
        *,
        key: PRNGKeyArray,
        samples: int,
    ) -> Evidence:
        """log (1/K) sum_k p(x | z_k, c) p(z_k) / q(z_k | x, c) with z_k ~ q, K = `samples`.

        The importance-weighted bound of Burda, Grosse and Salakhutdinov (2016): its expectation
        is the evidence lower bound at K = 1 and rises to log p(x | c). Memory does not grow
        with K.
        """
        return self.evidence_by(self.posterior(event, condition), event, condition, key, samples)

    def evidence_by(
        self,
        q: AbstractDistribution | AbstractCascade,
        event: Event,
        condition: Condition,
        key: PRNGKeyArray,
        samples: int,
    ) -> Evidence:
        """The same with codes from any distribution: one refined for the event, say."""
        p = self.code_prior(condition)

        def log_weight(key: PRNGKeyArray) -> Scalar:
            code, log_q = q.sample_and_log_prob(key)
            fit = self.likelihood(code, condition).log_prob(*known(event))
            return fit + p.log_prob(code) - log_q

        return evidence(log_weight, key, samples)
