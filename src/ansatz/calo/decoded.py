"""Showers from codes, as every user of a generator has them drawn."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.vae.model import VAE


@eqx.filter_jit
def decoded(
    model: VAE,
    codes: Float[Array, "shower code"],
    conditions: Float[Array, "shower one"],
    energies: Float[Array, " shower"],
    key: PRNGKeyArray,
) -> Float[Array, "shower voxels"]:
    """A shower of each code, in MeV: no voxel holds more than the incident energy."""

    def one(code: Array, condition: Array, energy: Array, key: PRNGKeyArray) -> Array:
        return jnp.minimum(model.likelihood(code, condition).sample(key), energy)

    keys = jax.random.split(key, len(codes))
    return jax.vmap(one)(codes, conditions, energies, keys)
