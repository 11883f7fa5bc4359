"""The Bernoulli distribution."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.divergence import closed_form
from ansatz.distributions.elementwise import AbstractElementwise


class Bernoulli(AbstractElementwise):
    """Independent binary coordinates, one with probability σ(l) = 1/(1 + e⁻ˡ), zero otherwise.

    log p(x) = Σ [x l − log(1 + eˡ)]

    Events are the numbers 0 and 1 in the type of the logits. At a grey x between them the same
    formula is the negative cross-entropy of a coin of bias x: a common training loss for images,
    but not the logarithm of a density, since it does not integrate to one over [0, 1].
    """

    reparameterised: ClassVar[bool] = False
    inside: ClassVar[float] = 0.0

    logits: Float[Array, "..."]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.logits.shape

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        # The low mode compares with a multiple of the machine epsilon: in float32 it gives every
        # coordinate a chance of 1e-7 of being one, however negative its logit.
        ones = jax.random.bernoulli(key, jax.nn.sigmoid(self.logits), mode="high")
        return ones.astype(self.logits.dtype)

    def relaxed(
        self, key: PRNGKeyArray, temperature: float | Float[Array, ""]
    ) -> Float[Array, "..."]:
        """Numbers σ((l + λ)/T) between zero and one with logistic noise λ, which move with l.

        Rounded they are a sample, and as T falls to zero they are one (the binary Concrete
        distribution; Maddison et al., 2017; Jang et al., 2017).
        """
        noise = jax.random.logistic(key, self.shape, self.logits.dtype)
        return jax.nn.sigmoid((self.logits + noise) / temperature)

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return -_cross_entropy(x, self.logits)

    def entropies(self) -> Float[Array, "*shape"]:
        a = self.logits
        ones = jax.nn.sigmoid(a) * jax.nn.softplus(-a)
        zeros = jax.nn.sigmoid(-a) * jax.nn.softplus(a)
        return ones + zeros

    def mean(self) -> Float[Array, "..."]:
        return jax.nn.sigmoid(self.logits)

    def variance(self) -> Float[Array, "..."]:
        return jax.nn.sigmoid(self.logits) * jax.nn.sigmoid(-self.logits)

    def point(self) -> Float[Array, "..."]:
        return self.mean()


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


@closed_form(Bernoulli, Bernoulli)
def _(p: Bernoulli, q: Bernoulli) -> Float[Array, "*shape"]:
    """σ(a) log [σ(a)/σ(b)] + σ(−a) log [σ(−a)/σ(−b)] for logits a of p and b of q."""
    a, b = p.logits, q.logits
    ones = jax.nn.softplus(-b) - jax.nn.softplus(-a)
    zeros = jax.nn.softplus(b) - jax.nn.softplus(a)
    return jax.nn.sigmoid(a) * ones + jax.nn.sigmoid(-a) * zeros
