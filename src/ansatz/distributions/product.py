"""Different distributions side by side."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution, check_event
from ansatz.distributions.divergence import closed_form, kl_terms


class Product(AbstractDistribution):
    """Independent parts of different types: log p(x) = Σ log p_i(x at the places of part i).

    An event is a vector. `places[i]` are the coordinates that part i takes, in the order of its
    own event read row by row; every coordinate belongs to one part.
    """

    parts: tuple[AbstractDistribution, ...]
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        check_places("Product", [part.shape for part in self.parts], self.places)

    @property
    def reparameterised(self) -> bool:
        return all(part.reparameterised for part in self.parts)

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(len(places) for places in self.places),)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        keys = jax.random.split(key, len(self.parts))
        return assemble(
            [part.sample(k) for part, k in zip(self.parts, keys, strict=True)], self.places
        )

    def log_prob(
        self, x: Float[Array, "..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        masks = [None] * len(self.parts) if observed is None else self._taken(observed)
        terms = zip(self.parts, self._taken(x), masks, strict=True)
        return jnp.sum(jnp.stack([part.log_prob(own, mask) for part, own, mask in terms]))

    def entropy(self) -> Float[Array, ""] | None:
        terms = [term for part in self.parts if (term := part.entropy()) is not None]
        return jnp.sum(jnp.stack(terms)) if len(terms) == len(self.parts) else None

    def mean(self) -> Float[Array, "..."]:
        return assemble([part.mean() for part in self.parts], self.places)

    def variance(self) -> Float[Array, "..."]:
        return assemble([part.variance() for part in self.parts], self.places)

    def point(self) -> Float[Array, "..."]:
        return assemble([part.point() for part in self.parts], self.places)

    def _taken(self, x: Array) -> list[Array]:
        """The event of each part."""
        return [
            x[np.array(places)].reshape(part.shape)
            for part, places in zip(self.parts, self.places, strict=True)
        ]


def assemble(events: list[Array], places: tuple[tuple[int, ...], ...]) -> Array:
    """The event whose coordinates at `places[i]` are those of event i."""
    order = np.argsort(list(itertools.chain(*places)))
    return jnp.concatenate([event.ravel() for event in events])[order]


def check_places(
    name: str, shapes: list[tuple[int, ...]], places: tuple[tuple[int, ...], ...]
) -> None:
    """Raises unless each part has places for its event, and every coordinate one part."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    if not shapes:
        raise ValueError(f"A {name} needs one part or more.")
    if sizes != [len(own) for own in places]:
        raise ValueError(
            f"The parts of this {name} have events of {sizes} coordinates, but their places are "
            f"{places}."
        )
    if sorted(itertools.chain(*places)) != list(range(sum(sizes))):
        raise ValueError(
            f"The places of this {name} must hold each of the coordinates 0 to "
            f"{sum(sizes) - 1} once, but they are {places}."
        )


@closed_form(Product, Product)
def _(p: Product, q: Product) -> Float[Array, " parts"] | None:
    """The divergences of all parts."""
    if p.places != q.places:
        return None
    pairs = zip(p.parts, q.parts, strict=True)
    terms = [jnp.sum(term) for pair in pairs if (term := kl_terms(*pair)) is not None]
    return jnp.stack(terms) if len(terms) == len(p.parts) else None
