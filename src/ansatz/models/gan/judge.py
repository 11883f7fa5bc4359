"""How far samples are from events held out, which no loss of the two players says."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.gan.model import GAN
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Step

NEIGHBOURS = 5


class AgainstEvents(AbstractObjective):
    """The events y of a batch beside as many samples x under their conditions.

    distance = 2 E|x - y| - E|x - x'| - E|y - y'|, the energy distance: zero for equal
    distributions alone (Székely and Rizzo, 2013), and here without bias.
    missed = 1 - coverage / what equal distributions would come to, where the coverage is the part
    of the events that have a sample nearer than their 5th nearest other one (Naeem and others,
    2020): zero where nothing is missed, but for chance.
    spread = E|x - x'| / E|y - y'|.
    Events are compared together with their conditions.
    """

    @property
    def score(self) -> None:
        return None

    def initial(self, model: GAN) -> None:
        return None

    def __call__(
        self, model: GAN, batch: Batch, carry: object, step: Step, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], object, Metrics]:
        keys = jax.random.split(key, len(batch.weight))
        samples = jax.vmap(model.sample)(keys, batch.condition)
        x, y = (_rows(events, batch.condition) for events in (samples, batch.event))
        metrics = compared(x, y, batch.weight)
        return metrics["distance"], carry, metrics


def compared(
    x: Float[Array, "events numbers"],
    y: Float[Array, "events numbers"],
    weight: Float[Array, " events"],
) -> Metrics:
    """The metrics of samples x and events y; of weight zero there is neither."""
    pairs = weight[:, None] * weight[None]
    others = jnp.where(jnp.eye(len(weight), dtype=bool), 0, pairs)
    own, across = jnp.sum(others), jnp.sum(pairs)
    apart = [_distances(*two) for two in ((x, y), (x, x), (y, y))]
    between = jnp.sum(pairs * apart[0]) / across
    among = [jnp.sum(others * d) / own for d in apart[1:]]
    nearest = jnp.where(others != 0, apart[2], jnp.inf)
    radius = jnp.sort(nearest, axis=1)[:, NEIGHBOURS - 1]
    near = jnp.where(pairs != 0, apart[0].T, jnp.inf) < radius[:, None]
    covered = jnp.sum(jnp.where(jnp.any(near, axis=1), weight, 0)) / jnp.sum(weight)
    return {
        "distance": jnp.where(own > 0, 2 * between - among[0] - among[1], 0),
        "missed": 1 - covered / by_chance(jnp.sum(weight != 0).astype(weight.dtype)),
        "spread": jnp.where(own > 0, among[0] / among[1], 1),
    }


def by_chance(n: Float[Array, ""]) -> Float[Array, ""]:
    """The coverage of n events by n samples of their own distribution.

    An event is not covered if of its 5 nearest among all 2 n - 1 others every one is an event.
    """
    k = jnp.arange(NEIGHBOURS, dtype=n.dtype)
    return 1 - jnp.prod(jnp.maximum(n - 1 - k, 0) / jnp.maximum(2 * n - 1 - k, 1))


def _distances(
    a: Float[Array, "rows numbers"], b: Float[Array, "columns numbers"]
) -> Float[Array, "rows columns"]:
    middle = jnp.mean(b, axis=0, keepdims=True)
    a, b = a - middle, b - middle
    product = jnp.matmul(a, b.T, precision="highest")
    squared = jnp.sum(a**2, 1)[:, None] + jnp.sum(b**2, 1)[None] - 2 * product
    return jnp.sqrt(jnp.maximum(squared, 0))


def _rows(
    events: Float[Array, "events ..."], condition: Float[Array, "events condition"] | None
) -> Float[Array, "events numbers"]:
    flat = events.reshape(len(events), -1)
    return flat if condition is None else jnp.concatenate([flat, condition], axis=1)
