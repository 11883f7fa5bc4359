"""What a variational autoencoder makes small."""

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.vae.model import VAE
from ansatz.protocol.capabilities import Condition, Event
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Score, Step


class NegativeELBO(AbstractObjective):
    """-E_q[log p(x | z, c)] + beta KL(q(z | x, c) || p(z)), averaged over events.

    At beta = 1 this is minus the evidence lower bound; other values weigh the price of a code
    against its use (Higgins et al., 2017).
    """

    beta: float

    @property
    def score(self) -> Score:
        return Score("loss", "lower")

    def initial(self, model: VAE) -> None:
        return None

    def __call__(
        self, model: VAE, batch: Batch, carry: None, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], None, Metrics]:
        def terms(event: Event, condition: Condition, key: PRNGKeyArray) -> tuple[Array, Array]:
            return model.elbo_terms(event, condition, key=key)

        keys = jax.random.split(key, len(batch.weight))
        fit, divergence = jax.vmap(terms)(batch.event, batch.condition, keys)
        reconstruction, price = batch.mean(-fit), batch.mean(divergence)
        loss = reconstruction + self.beta * price
        return loss, carry, {"loss": loss, "reconstruction": reconstruction, "kl": price}
