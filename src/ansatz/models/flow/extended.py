"""Single numbers with a number of noise beside them."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution, Transformed
from ansatz.distributions.abstract import check_event

REACH, NODES = 7.5, 101
"""The noise is summed over [−7.5, 7.5] in steps of 0.15 of its deviation."""


class Extended(AbstractDistribution):
    """p(x) = ∫ p(x, u) du, x a single number and u noise, learnt as a standard normal number.

    So couplings, which need two numbers, can learn of one. The integral is a trapezoidal sum.
    """

    pair: Transformed
    events: tuple[int, ...] = eqx.field(static=True)

    @property
    def reparameterised(self) -> bool:
        return self.pair.reparameterised

    @property
    def shape(self) -> tuple[int, ...]:
        return self.events

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        return self.pair.sample(key)[:1].reshape(self.events)

    def joint(self, x: Float[Array, "..."], noise: Float[Array, " one"]) -> Float[Array, ""]:
        """log p(x, u)."""
        return self.pair.log_prob(jnp.concatenate([x.ravel(), noise]))

    def log_prob(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        if observed is not None:
            raise ValueError("A number that was not observed leaves nothing to score.")
        nodes = jnp.linspace(-REACH, REACH, NODES, dtype=x.dtype)[:, None]
        each = jax.vmap(lambda u: self.joint(x, u))(nodes)
        step = jnp.asarray(2 * REACH / (NODES - 1), x.dtype)
        return jax.nn.logsumexp(each) + jnp.log(step)

    def entropy(self) -> None:
        return None

    def mean(self) -> Float[Array, "..."]:
        return self.pair.mean()[:1].reshape(self.events)

    def variance(self) -> Float[Array, "..."]:
        return self.pair.variance()[:1].reshape(self.events)

    def point(self) -> Float[Array, "..."]:
        return self.pair.point()[:1].reshape(self.events)
