"""What is worth looking at in a variational autoencoder."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import Normal, kl
from ansatz.models.vae.model import VAE
from ansatz.protocol.figures import Bars, Figure, of_events
from ansatz.protocol.source import Batch


def figures(
    model: VAE, batch: Batch, raw: Callable[[Array], Array], key: PRNGKeyArray
) -> tuple[Figure, ...]:
    """Events beside what the decoder makes of their codes and of new ones; KL per latent."""

    @eqx.filter_jit
    def decoded(model: VAE, batch: Batch, key: PRNGKeyArray) -> tuple[Array, Array]:
        def one(event: Array, condition: Array | None, key: PRNGKeyArray) -> tuple[Array, Array]:
            again = model.decode(model.encode(event, condition), condition)
            return raw(again), raw(model.decode(model.sample_code(key, condition), condition))

        return jax.vmap(one)(batch.event, batch.condition, jax.random.split(key, len(batch.event)))

    again, new = decoded(model, batch, key)
    rows = {
        "events": np.asarray(jax.vmap(raw)(batch.event)),
        "reconstructions": np.asarray(again),
        "new": np.asarray(new),
    }
    price = np.asarray(kl_per_latent(model, batch))
    order = np.argsort(-price)
    return (
        *of_events("Events, their reconstructions, and new ones", rows),
        Bars(
            "Divergence from the prior, by latent",
            tuple(f"z{i}" for i in order),
            price[order],
            "nats",
        ),
    )


@eqx.filter_jit
def kl_per_latent(model: VAE, batch: Batch) -> Float[Array, " latent"]:
    """E_x[KL(q(z_i | x) || p(z_i))], the nats that each number of a code carries."""

    def one(event: Array, condition: Array | None) -> Array:
        posterior, prior = model.encoder(event, condition), model.prior

        def single(m: Array, v: Array, prior_m: Array, prior_v: Array) -> Array:
            return kl(Normal(m, jnp.sqrt(v)), Normal(prior_m, jnp.sqrt(prior_v))).value

        return jax.vmap(single)(
            posterior.mean(), posterior.variance(), prior.mean(), prior.variance()
        )

    return jnp.mean(jax.vmap(one)(batch.event, batch.condition), 0)
