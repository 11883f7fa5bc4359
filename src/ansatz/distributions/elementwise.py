"""Distributions whose coordinates are independent."""

import abc

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.abstract import AbstractDistribution, check_event


class AbstractElementwise(AbstractDistribution):
    """Independent coordinates of one family: log p(x) = Σ log p_i(x_i).

    The last axes of every array of such a distribution are the axes of the event.
    """

    @property
    @abc.abstractmethod
    def inside(self) -> float:
        """A value that every coordinate can take.

        It stands in for a coordinate that was not observed, so that whatever x holds there
        reaches neither the sum nor its gradient.
        """

    @abc.abstractmethod
    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """log p_i(x_i), per coordinate; −∞ where x_i is impossible."""

    @abc.abstractmethod
    def entropies(self) -> Float[Array, "*shape"] | None:
        """−E log p_i(x_i), per coordinate, or nothing where no formula gives it."""

    def log_prob(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        if observed is None:
            return _sum(self.log_probs(x))
        return _sum(jnp.where(observed, self.log_probs(jnp.where(observed, x, self.inside)), 0))

    def entropy(self) -> Float[Array, ""] | None:
        entropies = self.entropies()
        return None if entropies is None else jnp.sum(entropies)


def _sum(terms: Array) -> Float[Array, ""]:
    """The sum of all terms, as a product with ones.

    A plain sum is compiled into one loop with what makes the terms, and on processors that loop
    takes them one by one: for the many draws of an importance-weighted bound, three times as long.
    The ones come last, or else the terms would be transposed for them.
    """
    flat = terms.ravel()
    return jnp.dot(flat, jnp.ones_like(flat), precision="highest")
