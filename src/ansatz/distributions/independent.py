"""Many independent events of one type of distribution, as one event."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution, check_event
from ansatz.distributions.divergence import closed_form, kl_terms
from ansatz.distributions.stack import check_stack, one_of


class Independent(AbstractDistribution):
    """A stack of independent events: log p(x) = Σ log p_i(x_i).

    Every array of `distribution` has the leading axes `axes`, one distribution for each index i,
    as `jax.vmap` of a constructor makes them; an event has these axes before those of one x_i.
    A mixture, for example, becomes one mixture for each coordinate.
    """

    distribution: AbstractDistribution
    axes: tuple[int, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        check_stack("Independent", self.distribution, self.axes)

    @property
    def reparameterised(self) -> bool:
        return self.distribution.reparameterised

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.axes, *one_of(self.distribution, len(self.axes)).shape)

    def each(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The results of function(p_i, arguments_i), stacked along the axes."""

        def flat(a: Array) -> Array:
            return a.reshape(-1, *a.shape[len(self.axes) :])

        mapped = jax.vmap(function)(*jax.tree.map(flat, (self.distribution, *arguments)))
        return jax.tree.map(lambda a: a.reshape(*self.axes, *a.shape[1:]), mapped)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        keys = jax.random.split(key, self.axes)
        return self.each(lambda p, key: p.sample(key), keys)

    def log_prob(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        return jnp.sum(self.each(lambda p, x, observed: p.log_prob(x, observed), x, observed))

    def entropy(self) -> Float[Array, ""] | None:
        entropies = self.each(lambda p: p.entropy())
        return None if entropies is None else jnp.sum(entropies)

    def mean(self) -> Float[Array, "..."]:
        return self.each(lambda p: p.mean())

    def variance(self) -> Float[Array, "..."]:
        return self.each(lambda p: p.variance())

    def point(self) -> Float[Array, "..."]:
        return self.each(lambda p: p.point())


@closed_form(Independent, Independent)
def _(p: Independent, q: Independent) -> Float[Array, "..."] | None:
    """The divergences of all events."""
    if p.axes != q.axes:
        return None
    return p.each(kl_terms, q.distribution)
