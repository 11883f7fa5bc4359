"""The head of different distributions side by side."""

import itertools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from ansatz.distributions.heads.abstract import AbstractHead, Measure, check_events, check_raw
from ansatz.distributions.product import Product, assemble, check_places


class ProductHead(AbstractHead):
    """Parts of an event, each with a head of its own; the raw numbers are those of all heads.

    `places[i]` are the coordinates that part i takes, as for `Product`.
    """

    heads: tuple[AbstractHead, ...]
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self, heads: tuple[AbstractHead, ...], places: tuple[tuple[int, ...], ...]
    ) -> None:
        check_places("ProductHead", [head.shape for head in heads], places)
        self.heads = heads
        self.places = places
        self.shape = (sum(len(own) for own in places),)

    @property
    def measure(self) -> Measure:
        measures = {head.measure for head in self.heads}
        return measures.pop() if len(measures) == 1 else "mixed"

    @property
    def size(self) -> int:
        return sum(head.size for head in self.heads)

    def __call__(self, raw: Float[Array, " size"]) -> Product:
        check_raw(self, raw)
        ends = list(itertools.accumulate(head.size for head in self.heads))
        pieces = jnp.split(raw, ends[:-1])
        parts = [head(piece) for head, piece in zip(self.heads, pieces, strict=True)]
        return Product(tuple(parts), self.places)

    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        check_events(self, events, observed)
        masks = [None] * len(self.heads) if observed is None else self._taken(observed)
        pieces = zip(self.heads, self._taken(events), masks, strict=True)
        return jnp.concatenate([head.initial(own, mask) for head, own, mask in pieces])

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        pieces = zip(self.heads, self._taken(x[None]), strict=True)
        return assemble([head.continuous(own[0]) for head, own in pieces], self.places)

    def _taken(self, events: Shaped[Array, "n *shape"]) -> list[Array]:
        """The events of each head."""
        return [
            events[:, np.array(places)].reshape(-1, *head.shape)
            for head, places in zip(self.heads, self.places, strict=True)
        ]
