"""What a code says of the energies of voxels: a likelihood, or the field's two heads.

The last raw number is ln E_inc, by which energies scale: all others are of shares E_vox / E_inc.
"""

from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.calo.nets import logits, shares
from ansatz.distributions import Bernoulli
from ansatz.distributions.elementwise import AbstractElementwise
from ansatz.distributions.heads.abstract import AbstractHead, Measure, check_events
from ansatz.distributions.heads.fitting import average, log_odds

Mask = Literal["true", "predicted"]


class MaskedShower(AbstractElementwise):
    """log p(x) := −Σ (u − û)² − Σ w(u) BCE(l, Θ(u)): the loss of the field's generators.

    Abhishek et al. (2022); Toledo-Marín et al. (2025). u are the logits of x / E_inc, l those of
    a hit, and û = a Θ(u) with the activation a, or û = a σ(l) where the mask is the predicted one;
    w(u) = (1 + u)^p on hits. It is no logarithm of a density. A sample is max(a, 0) where a coin
    of σ(l) says hit.
    """

    reparameterised: ClassVar[bool] = False
    inside: ClassVar[float] = 0.0

    hit: Float[Array, "..."]
    activation: Float[Array, "..."]
    log_energy: Float[Array, ""]
    mask: Mask = eqx.field(static=True)
    power: float = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.hit.shape

    def log_probs(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        u = logits(x * jnp.exp(-self.log_energy))
        hits = (x > 0).astype(x.dtype)
        share = hits if self.mask == "true" else jax.nn.sigmoid(self.hit)
        square = (u - self.activation * share) ** 2
        return self.weight(u) * Bernoulli(self.hit).log_probs(hits) - square

    def weight(self, u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """w(u)."""
        return (1 + u) ** jnp.asarray(self.power, u.dtype)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        hits = Bernoulli(self.hit).sample(key)
        return hits * self._energies(self.activation)

    def point(self) -> Float[Array, "..."]:
        """Where a hit is more likely than not, the energy of the activation."""
        return jnp.where(self.hit > 0, self._energies(self.activation), 0)

    def mean(self) -> Float[Array, "..."]:
        return jax.nn.sigmoid(self.hit) * self._energies(self.activation)

    def variance(self) -> Float[Array, "..."]:
        p = jax.nn.sigmoid(self.hit)
        return p * (1 - p) * self._energies(self.activation) ** 2

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

    @property
    def size(self) -> int:
        return 2 * self.shape[0] + 1

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        return x > 0

    def __call__(self, raw: Float[Array, " size"]) -> MaskedShower:
        hit, activation = raw[:-1].reshape(2, -1)
        return MaskedShower(hit, activation, raw[-1], self.mask, self.power)

    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        """The odds of hits and the mean logit of those there are, of shares."""
        check_events(self, events, observed)
        hits = events > 0
        odds, mean = log_odds(hits.astype(events.dtype), observed), average(logits(events), hits)
        return jnp.concatenate([odds, mean, jnp.zeros(1, events.dtype)])
