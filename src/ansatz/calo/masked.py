"""What a code says of the energies of voxels in the field's generators: two heads and a mask.

The last raw number is ln E_inc, by which energies scale: all others are of shares E_vox / E_inc.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.calo.nets import logits, shares
from ansatz.calo.raised import Raised, Seen
from ansatz.distributions import Bernoulli
from ansatz.distributions.elementwise import AbstractElementwise
from ansatz.distributions.heads.abstract import AbstractHead, Measure, check_events
from ansatz.distributions.heads.fitting import average, log_odds
from ansatz.models.vae.model import VAE
from ansatz.protocol.source import Batch

Mask = Literal["true", "predicted"]


class MaskedShower(AbstractElementwise):
    """log p(x) := −Σ (u − û)² − Σ w(u) BCE(l, Θ(u)): the loss of the field's generators.

    Abhishek et al. (2022); Toledo-Marín et al. (2025). u are the logits of x / E_inc, l those of
    a hit, and û = a Θ with the activation a. Θ = Θ(u) are the true hits, or, where the mask is the
    predicted one, Θ is drawn with σ(l) and squares are averaged over draws: the limit of the
    field's relaxed draws as they become steep. w(u) = (1 + u)^p on hits. It is no logarithm of a
    density. A sample is max(a, 0) where a coin of σ(l − r) says hit; by r weights raise logits.
    """

    reparameterised: ClassVar[bool] = False
    inside: ClassVar[float] = 0.0

    hit: Float[Array, "..."]
    activation: Float[Array, "..."]
    log_energy: Float[Array, ""]
    raised: Float[Array, "..."]
    mask: Mask = eqx.field(static=True)
    power: float = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.hit.shape

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        u = logits(x * jnp.exp(-self.log_energy))
        hits = (x > 0).astype(x.dtype)
        share = hits if self.mask == "true" else jax.nn.sigmoid(self.hit)
        square = share * (u - self.activation) ** 2 + (1 - share) * u**2
        return weight_of(u, self.power) * Bernoulli(self.hit).log_probs(hits) - square

    @property
    def hits(self) -> Bernoulli:
        """Which voxels are hit, without what weights add."""
        return Bernoulli(self.hit - self.raised)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        return self.hits.sample(key) * self._energies(self.activation)

    def point(self) -> Float[Array, "..."]:
        """Where a hit is more likely than not, the energy of the activation."""
        return jnp.where(self.hits.logits > 0, self._energies(self.activation), 0)

    def mean(self) -> Float[Array, "..."]:
        return self.hits.mean() * self._energies(self.activation)

    def variance(self) -> Float[Array, "..."]:
        return self.hits.variance() * self._energies(self.activation) ** 2

    def entropies(self) -> None:
        return None

    def _energies(self, u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return shares(u) * jnp.exp(self.log_energy)


class MaskedHead(AbstractHead):
    """Raw numbers are the logits of hits, activations, and ln E_inc."""

    measure: ClassVar[Measure] = "mixed"
    of_voxels: ClassVar[int] = 2
    of_layers: ClassVar[int] = 0

    shape: tuple[int, ...] = eqx.field(static=True)
    mask: Mask = eqx.field(static=True)
    power: float = eqx.field(static=True)
    raised: Raised

    @property
    def size(self) -> int:
        return 2 * self.shape[0] + 1

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        return x > 0

    def __call__(self, raw: Float[Array, " size"]) -> MaskedShower:
        hit, activation = raw[:-1].reshape(2, -1)
        raised = self.raised(activation)
        return MaskedShower(hit, activation, raw[-1], raised, self.mask, self.power)

    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        """The weighted odds of hits and the mean logit of those there are, of shares."""
        check_events(self, events, observed)
        hits, u = events > 0, logits(events)
        odds = log_odds(hits.astype(events.dtype), observed)
        weight = average(weight_of(u, self.power), hits, 1.0)
        zero = jnp.zeros(1, events.dtype)
        return jnp.concatenate([odds + jnp.log(weight), average(u, hits), zero])


def weight_of(u: Float[Array, "*shape"], power: float) -> Float[Array, "*shape"]:
    """w(u) = (1 + u)^p."""
    return (1 + u) ** jnp.asarray(power, u.dtype)


def without_weights(model: VAE, held: Iterable[Batch], key: PRNGKeyArray) -> VAE:
    """The model, its hits drawn without what weights add to them, by showers that were held out."""
    head = model.decoder.head
    assert isinstance(head, MaskedHead)

    def seen() -> Iterator[Seen]:
        for place, batch in enumerate(held):
            found = _seen(model, batch, jax.random.fold_in(key, place))
            yield Seen(*(np.asarray(values) for values in found))

    layout, dtype = head.raised.layout, model.dtype
    raised = Raised.found(layout, head.power, seen(), dtype)
    return eqx.tree_at(lambda m: m.decoder.head.raised, model, raised)


@eqx.filter_jit
def _seen(model: VAE, batch: Batch, key: PRNGKeyArray) -> tuple[Array, ...]:
    def one(event: Array, condition: Array, key: PRNGKeyArray) -> tuple[Array, ...]:
        p = model.likelihood(model.draw_code(key, event, condition), condition)
        assert isinstance(p, MaskedShower)
        return event > 0, p.activation, weight_of(logits(event * jnp.exp(-p.log_energy)), p.power)

    keys = jax.random.split(key, len(batch.weight))
    assert batch.condition is not None
    return *jax.vmap(one)(batch.event, batch.condition, keys), batch.weight
