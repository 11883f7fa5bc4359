"""The steps that preprocessing is made of, each for every number by itself."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.bijections import AbstractBijection


class Dequantise(eqx.Module):
    """y = x + u with u uniform in [0, 1)^d, for whole numbers x.

    A density of y bounds the probability of x from below:
    log P(x) = log E_u p(x + u) >= E_u log p(x + u).
    """

    def forward(self, x: Array, key: PRNGKeyArray) -> Array:
        # A sum of a large x and a u close to one would be rounded to x + 1, another cell.
        still = jax.lax.stop_gradient(x)
        return jnp.minimum(
            x + jax.random.uniform(key, x.shape, x.dtype), jnp.nextafter(still + 1, still)
        )

    def inverse(self, y: Array) -> Array:
        return jnp.floor(y)


class Binarise(eqx.Module):
    """y ~ Bernoulli(x) in every coordinate, drawn anew each time, for x in [0, 1]."""

    def forward(self, x: Array, key: PRNGKeyArray) -> Array:
        return (jax.random.uniform(key, x.shape, x.dtype) < x).astype(x.dtype)

    def inverse(self, y: Array) -> Array:
        return y


class Threshold(eqx.Module):
    """y = 1 where x > level, else 0."""

    level: Float[Array, ""]

    def forward(self, x: Array) -> Array:
        return (x > self.level).astype(x.dtype)

    def inverse(self, y: Array) -> Array:
        return y


class Deterministic(eqx.Module):
    """A bijection that maps each number by itself, as a step; it needs no key."""

    bijection: AbstractBijection

    def forward(self, x: Array) -> tuple[Array, Array]:
        """y and log|dy/dx|, number by number."""
        # Each y depends on its own x alone, so the derivative along (1, ..., 1) holds them all.
        y, slope = jax.jvp(lambda x: self.bijection.forward(x)[0], (x,), (jnp.ones_like(x),))
        return y, jnp.log(jnp.abs(slope))

    def inverse(self, y: Array) -> Array:
        return self.bijection.inverse(y)[0]


Step = Dequantise | Binarise | Threshold | Deterministic
