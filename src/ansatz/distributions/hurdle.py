"""The hurdle distribution: a number that is often exactly zero."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.bernoulli import Bernoulli
from ansatz.distributions.divergence import closed_form, kl_terms
from ansatz.distributions.elementwise import AbstractElementwise


class Hurdle(AbstractElementwise):
    """Independent coordinates that are hit with probability h = σ(l), and zero otherwise.

    log p(x) = Σ [log(1 − h) where x = 0, log h + log f(x) where x > 0]

    A hit draws a number from f, any elementwise distribution over positive numbers. p is a
    probability at zero and, if f is one, a density elsewhere.
    """

    reparameterised: ClassVar[bool] = False
    inside: ClassVar[float] = 0.0

    logits: Float[Array, "..."]
    positive: AbstractElementwise

    def __check_init__(self) -> None:
        if jnp.shape(self.logits) != self.positive.shape:
            raise ValueError(
                f"The logits of a Hurdle have shape {jnp.shape(self.logits)} and its positive part "
                f"has events of shape {self.positive.shape}; both must have the shape of the event."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return self.logits.shape

    def hit(self) -> Bernoulli:
        """The distribution of whether each coordinate is hit."""
        return Bernoulli(self.logits)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        key_hit, key_positive = jax.random.split(key)
        hit = self.hit().sample(key_hit) > 0
        return jnp.where(hit, self.positive.sample(key_positive), 0)

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        hit = x != 0
        log_f = self.positive.log_probs(jnp.where(hit, x, self.positive.inside))
        return self.hit().log_probs(hit.astype(x.dtype)) + jnp.where(hit, log_f, 0)

    def entropies(self) -> Float[Array, "*shape"] | None:
        own = self.positive.entropies()
        return None if own is None else self.hit().entropies() + self.hit().mean() * own

    def mean(self) -> Float[Array, "..."]:
        return self.hit().mean() * self.positive.mean()

    def variance(self) -> Float[Array, "..."]:
        hit, mean = self.hit(), self.positive.mean()
        return hit.mean() * self.positive.variance() + hit.variance() * mean**2

    def point(self) -> Float[Array, "..."]:
        return self.mean()


@closed_form(Hurdle, Hurdle)
def _(p: Hurdle, q: Hurdle) -> Float[Array, "*shape"] | None:
    """The divergence of the hits, and that of the positive parts as often as p is hit."""
    hits, positive = kl_terms(p.hit(), q.hit()), kl_terms(p.positive, q.positive)
    return None if hits is None or positive is None else hits + p.hit().mean() * positive
