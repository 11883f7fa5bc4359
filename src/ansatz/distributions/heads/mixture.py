"""The head of independent coordinates, each a mixture."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions.elementwise_mixture import ElementwiseMixture
from ansatz.distributions.heads.abstract import AbstractElementwiseHead, Measure
from ansatz.protocol.errors import OptionError


class MixtureHead(AbstractElementwiseHead):
    """Coordinates that are mixtures, each of its own, of what another head makes of them.

    The raw numbers are the logits of the components, and then the raw numbers of each.
    """

    head: AbstractElementwiseHead
    components: int = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, head: AbstractElementwiseHead, components: int) -> None:
        if components < 1:
            raise OptionError(f"A MixtureHead needs 1 component or more, not {components}.")
        self.head = head
        self.components = components
        self.shape = head.shape

    @property
    def measure(self) -> Measure:
        return self.head.measure

    @property
    def numbers(self) -> int:
        return self.components * (self.head.numbers + 1)

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        return self.head.continuous(x)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> ElementwiseMixture:
        own = raw[self.components :].reshape(self.components, self.head.numbers, *self.shape)
        return ElementwiseMixture(raw[: self.components], jax.vmap(self.head.elementwise)(own))

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        """Each component from its share of the events in order of size, so that all differ."""
        observed = jnp.ones(events.shape, bool) if observed is None else observed
        order = jnp.argsort(jnp.where(observed, events, jnp.inf), 0)
        rank, count = jnp.argsort(order, 0), jnp.maximum(jnp.sum(observed, 0), 1)
        share = rank * self.components // count[None]
        own = [self.head.fitted(events, observed & (share == k)) for k in range(self.components)]
        logits = jnp.zeros((self.components, *self.shape), events.dtype)
        return jnp.concatenate([logits, *own])
