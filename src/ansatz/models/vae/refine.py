"""A posterior improved for one event, beyond what the encoder says of it."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution, Bernoulli
from ansatz.models.vae.estimator import ESTIMATORS
from ansatz.models.vae.model import VAE
from ansatz.models.vae.price import price
from ansatz.models.vae.view import known
from ansatz.nets import ConditionalNet
from ansatz.protocol.capabilities import Condition, Event
from ansatz.protocol.errors import OptionError

RATE = 0.05
DRAWS = 8


def refined(
    model: VAE,
    event: Event,
    condition: Condition = None,
    *,
    key: PRNGKeyArray,
    steps: int,
) -> AbstractDistribution:
    """q(z) of the encoder's kind whose parameters take so many steps up the evidence lower bound.

    The numbers that the encoder gives are where it starts; the nets stand still. What the bound
    gains is the encoder's share of the gap to log p(x), the *amortisation gap*; what is left is
    that of the kind of q, the *approximation gap* (Cremer, Li and Duvenaud, 2018).
    """
    encoder = model.encoder
    if not isinstance(encoder, ConditionalNet):
        raise OptionError(
            "A posterior of several stochastic layers is nets all through, and not numbers that "
            "could be refined for one event."
        )
    prior = model.code_prior(condition)

    def loss(raw: Float[Array, " size"], key: PRNGKeyArray) -> Float[Array, ""]:
        q = encoder.head(raw)
        exact, drawn = price(q, prior, model.dtype, exactly=True)

        def log_weight(q: AbstractDistribution, code: Array) -> tuple[Array, None]:
            fit = model.likelihood(code, condition).log_prob(*known(event))
            return fit - drawn(q, code), None

        bits = isinstance(q, Bernoulli)
        estimator = ESTIMATORS["score-leave-one-out" if bits else "reparameterised"]
        bound, _ = estimator.bound(q, log_weight, key, shape=(DRAWS, 1))
        return jnp.sum(exact) - bound

    raw = encoder.net(model.view(event), condition)
    rule = optax.scale_by_adam()

    def step(state: tuple[Array, optax.OptState], place: Array) -> tuple[tuple, None]:
        raw, memory = state
        gradient = jax.grad(loss)(raw, jax.random.fold_in(key, place))
        # Optax mixes whole numbers with floats, which strict type promotion would refuse.
        with jax.numpy_dtype_promotion("standard"):
            direction, memory = rule.update(gradient, memory)
        # The steps shorten to nothing, so that their noise averages out.
        length = jnp.asarray(1 - place / steps, raw.dtype)
        return (raw - RATE * length * direction, memory), None

    (raw, _), _ = jax.lax.scan(step, (raw, rule.init(raw)), jnp.arange(steps))
    return encoder.head(raw)
