"""Learning a density that is known but for its normaliser, without events."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ansatz.distributions import Normal, Transformed
from ansatz.models.flow.extended import Extended
from ansatz.models.flow.model import Flow
from ansatz.protocol.gradient import held
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Step


class ReverseKL(AbstractObjective):
    """E_q[E(x)/T + log q(x)] = KL(q ‖ p) − log Z for p(x) = exp(−E(x)/T) / Z, by draws from q.

    The temperature falls from `hottest` to 1 in the first `cooling` steps, evenly in its
    logarithm, so that modes are found before walls between them rise. The gradient follows the
    draws alone (`path`; Roeder, Wu and Duvenaud, 2017; of flows Vaitl and others, 2022): the
    parameters within log q stand still, where the gradient has mean zero and noise that does not
    vanish with the divergence.

    An extended flow draws pairs of a number x and noise u, and learns E(x)/T − log N(u; 0, 1),
    which has the same Z.
    """

    energy: Any
    hottest: float = eqx.field(static=True, default=1.0)
    cooling: int = eqx.field(static=True, default=0)
    path: bool = eqx.field(static=True, default=True)

    @property
    def score(self) -> None:
        return None

    def initial(self, model: Flow) -> None:
        return None

    def __call__(
        self, model: Flow, batch: Batch, carry: PyTree, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], PyTree, Metrics]:
        dtype = batch.weight.dtype
        left = jnp.zeros((), dtype)
        if self.cooling:
            left = jnp.maximum(1 - step.astype(dtype) / self.cooling, 0)
        temperature = jnp.asarray(self.hottest, dtype) ** left

        def one(key: PRNGKeyArray) -> tuple[Array, Array]:
            q = _whole(model)
            x, log_q = q.sample_and_log_prob(key)
            if self.path:
                log_q = _whole(held(model)).log_prob(x)
            if not model.extended:
                return self.energy(x), log_q
            noise = Normal(jnp.zeros_like(x[1:]), jnp.ones_like(x[1:])).log_prob(x[1:])
            return self.energy(x[:1].reshape(model.shape)), log_q - noise

        energies, log_q = jax.vmap(one)(jax.random.split(key, len(batch.weight)))
        loss = jnp.mean(energies / temperature + log_q)
        return loss, carry, {"loss": jnp.mean(energies + log_q), "energy": jnp.mean(energies)}


def _whole(model: Flow) -> Transformed:
    """q, of an extended flow with its noise."""
    q = model()
    return q.pair if isinstance(q, Extended) else q
