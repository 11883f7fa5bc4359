"""What only a GAN shows: its discriminator's opinion."""

import equinox as eqx
import jax
import numpy as np

from ansatz.models.gan.model import GAN
from ansatz.protocol.capabilities import Condition
from ansatz.protocol.figures import Figure, Histogram, Histograms
from ansatz.protocol.subject import Subject

LEAST_BINS, MOST_BINS = 10, 60


@eqx.filter_jit
def scores(
    model: GAN, key: jax.Array, events: jax.Array, condition: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """The discriminator's scores of events, and of a sample under each one's condition."""

    def one(key: jax.Array, event: jax.Array, condition: Condition) -> tuple[jax.Array, jax.Array]:
        sample = model.sample(key, condition)
        return model.score(event, condition), model.score(sample, condition)

    return jax.vmap(one)(jax.random.split(key, len(events)), events, condition)


def figures(model: GAN, subject: Subject) -> tuple[Figure, ...]:
    """Whether the discriminator can still tell samples from events."""
    if subject.batch is None:
        return ()
    found = scores(model, jax.random.key(0), subject.batch.event, subject.batch.condition)
    real, fake = map(np.asarray, found)
    bins = int(np.clip(len(real) ** 0.5, LEAST_BINS, MOST_BINS))
    both = np.concatenate([real, fake])
    edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-6), bins + 1)
    densities = {
        name: np.histogram(values, edges)[0] / (len(values) * np.diff(edges))
        for name, values in (("data", real), ("samples", fake))
    }
    return (
        Histograms(
            name="discriminator",
            title="What the discriminator says",
            caption="The distribution of the discriminator's score over the events and over "
            "samples. Where the two agree it can no longer tell one from the other; where they "
            "are far apart the samples have not come up to it. It is no likelihood.",
            panels=(Histogram("score", edges, densities),),
        ),
    )
