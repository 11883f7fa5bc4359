"""Maximum likelihood."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ansatz.distributions import Normal
from ansatz.models.flow.extended import Extended
from ansatz.models.flow.model import Flow
from ansatz.protocol.capabilities import Condition
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Score, Step


def with_noise(model: Flow, events: Float[Array, "events ..."], key: PRNGKeyArray) -> Array:
    """The events as the bijection takes them: of an extended flow with their noise."""
    if not model.extended:
        return events
    noise = jax.random.normal(key, (len(events), 1), events.dtype)
    return jnp.concatenate([events.reshape(-1, 1), noise], axis=1)


class NegativeLogLikelihood(AbstractObjective):
    """−log p(x | c), the mean over events.

    Of an extended flow it is a bound with one draw of the noise: −log p(x, u) + log N(u; 0, 1),
    in the mean at least −log p(x).
    """

    @property
    def score(self) -> Score:
        return Score("loss", "lower")

    def initial(self, model: Flow) -> None:
        return None

    def __call__(
        self, model: Flow, batch: Batch, carry: PyTree, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], PyTree, Metrics]:
        def one(event: Array, condition: Condition) -> Array:
            p = model(condition)
            if not isinstance(p, Extended):
                return p.log_prob(event)
            one = jnp.ones(1, event.dtype)
            return p.pair.log_prob(event) - Normal(0 * one, one).log_prob(event[1:])

        events = with_noise(model, batch.event, key)
        loss = -batch.mean(jax.vmap(one)(events, batch.condition))
        return loss, carry, {"loss": loss}
