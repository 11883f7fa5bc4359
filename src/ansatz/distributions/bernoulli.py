"""The Bernoulli distribution."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution, check_event
from ansatz.distributions.divergence import closed_form


class Bernoulli(AbstractDistribution):
    """Independent binary coordinates, one with probability σ(l) = 1/(1 + e⁻ˡ), zero otherwise.

    log p(x) = Σ [x l − log(1 + eˡ)]

    Events are the numbers 0 and 1 in the type of the logits. At a grey x between them the same
    formula is the negative cross-entropy of a coin of bias x: a common training loss for images,
    but not the logarithm of a density, since it does not integrate to one over [0, 1].
    """

    reparameterised: ClassVar[bool] = False

    logits: Float[Array, "..."]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.logits.shape

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        # The low mode compares with a multiple of the machine epsilon: in float32 it gives every
        # coordinate a chance of 1e-7 of being one, however negative its logit.
        ones = jax.random.bernoulli(key, jax.nn.sigmoid(self.logits), mode="high")
        return ones.astype(self.logits.dtype)

    def log_prob(self, x: Float[Array, "..."]) -> Float[Array, ""]:
        check_event(self, x)
        return -jnp.sum(_cross_entropy(x, self.logits))

    def entropy(self) -> Float[Array, ""]:
        on, off = jax.nn.sigmoid(self.logits), jax.nn.sigmoid(-self.logits)
        return jnp.sum(_mixed(on, off, self.logits))

    def mean(self) -> Float[Array, "..."]:
        return jax.nn.sigmoid(self.logits)

    def variance(self) -> Float[Array, "..."]:
        return jax.nn.sigmoid(self.logits) * jax.nn.sigmoid(-self.logits)


@jax.custom_jvp
def _cross_entropy(x: Array, a: Array) -> Array:
    """Per coordinate, log(1 + eᵃ) − x a; its derivatives are −a and σ(a) − x.

    log(1 + eᵃ) is max(a, 0) + log(1 + e⁻|ᵃ|): at x = 0 and 1 the large terms then cancel to the
    bit, and the one logarithm is all that a decoder of many pixels has to pay for.
    """
    return jnp.maximum(a, 0) - x * a + jnp.log1p(jnp.exp(-jnp.abs(a)))


_cross_entropy.defjvps(
    lambda dx, _value, _x, a: -a * dx,
    lambda da, _value, x, a: (jax.nn.sigmoid(a) - x) * da,
)


def _mixed(on: Array, off: Array, logits: Array) -> Array:
    """Per coordinate, −log σ(l) with the weight `on` and −log σ(−l) with the weight `off`."""
    return on * jax.nn.softplus(-logits) + off * jax.nn.softplus(logits)


@closed_form(Bernoulli, Bernoulli)
def _(p: Bernoulli, q: Bernoulli) -> Float[Array, ""]:
    """KL(p‖q) = Σ σ(a) log [σ(a)/σ(b)] + σ(−a) log [σ(−a)/σ(−b)] for logits a of p and b of q."""
    a, b = p.logits, q.logits
    ones = jax.nn.softplus(-b) - jax.nn.softplus(-a)
    zeros = jax.nn.softplus(b) - jax.nn.softplus(a)
    return jnp.sum(jax.nn.sigmoid(a) * ones + jax.nn.sigmoid(-a) * zeros)
