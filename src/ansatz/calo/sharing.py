"""A likelihood of showers: their energy, how layers share it, and how voxels share a layer's.

With Θ the hits of a shower of energy e, k_l of them in layer l of energy e_l, and voxels x,

    p(x) = p(Θ) · p(e | Θ) · p(e_1 / e, ..., e_n / e | Θ) · Π_l p(x / e_l | Θ).

A layer is empty or not, and the voxels of one that is not are hit independently, but for the
chance that none of them is. ln e is normal about ln E_inc + μ + α ln k with scale τ. Shares f of
layers are those of gamma variables of shape a and rate b, and shares of voxels those of exp(y)
with y normal about m with scale s. So a shower's energy, and which layers have any, are known
better than the energies of voxels, and do not follow from these as if they knew nothing of each
other.
"""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import digamma
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.calo.layers import Layout
from ansatz.calo.shares import HALF_LOG_TAU, GammaShares, NormalShares
from ansatz.distributions import Bernoulli
from ansatz.distributions.abstract import AbstractDistribution, check_event
from ansatz.distributions.heads.abstract import AbstractHead, Measure, check_events, check_raw
from ansatz.distributions.heads.fitting import average, deviation, log_odds
from ansatz.distributions.heads.positive import positive, raw_of


class SharedShower(AbstractDistribution):
    """A distribution of showers, energies in MeV; what is said of voxels are tables."""

    reparameterised: ClassVar[bool] = False

    layout: Layout
    some: Float[Array, " layers"]
    """The logits of layers that are not empty."""
    hit: Float[Array, "layers most"]
    """The logits of hits, in such a layer, had it been no matter how many."""
    voxels: NormalShares
    """How the voxels of every layer share its energy."""
    layers: GammaShares
    """How layers share the shower's, if each has one hit."""
    more: Float[Array, " layers"]
    """By which power of the number of its hits a layer has more."""
    level: Float[Array, ""]
    """ln E_inc + μ."""
    slope: Float[Array, ""]
    """α."""
    spread: Float[Array, ""]
    """τ."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(self.layout.sizes),)

    def sample(self, key: PRNGKeyArray) -> Float[Array, " voxels"]:
        key_hit, key_voxels, key_layers, key_whole = jax.random.split(key, 4)
        hit = self._hits(key_hit)
        counts = jnp.sum(hit, 1, dtype=self.hit.dtype)
        noise = self.spread * jax.random.normal(key_whole, dtype=self.level.dtype)
        whole = jnp.exp(self._middle(counts) + noise)
        layers = whole * self._layers(counts).sample(key_layers, counts > 0)
        return self.layout.row(layers[:, None] * self.voxels.sample(key_voxels, hit))

    def _hits(self, key: PRNGKeyArray) -> Bool[Array, "layers most"]:
        """In a layer that is not empty one voxel is the first to be hit, and those behind it are
        hit or not."""
        key_some, key_first, key_rest = jax.random.split(key, 3)
        logits = self.layout.within(self.hit, -jnp.inf)
        # 1 - exp of this is the chance that a voxel so far was hit: the first one is where a number
        # between nothing and the chance of any is passed.
        none = jnp.cumsum(jax.nn.log_sigmoid(-logits), 1)
        share = jax.random.uniform(key_first, (len(logits), 1), logits.dtype)
        first = jnp.sum(none > jnp.log1p(share * jnp.expm1(none[:, -1:])), 1, keepdims=True)
        place = jnp.arange(self.layout.most)[None]
        rest = Bernoulli(logits).sample(key_rest) > 0
        some = Bernoulli(self.some).sample(key_some) > 0
        return some[:, None] & ((place == first) | ((place > first) & rest))

    def _log_hits(self, hit: Bool[Array, "layers most"]) -> Float[Array, ""]:
        """log p(Θ)."""
        some = jnp.any(hit, 1)
        dtype = self.hit.dtype
        pattern = self.layout.within(Bernoulli(self.hit).log_probs(hit.astype(dtype)), 0.0)
        none = jnp.sum(self.layout.within(jax.nn.log_sigmoid(-self.hit), 0.0), 1)
        # Where all voxels are as good as never hit, digits are left for the chance that one is.
        chance = jnp.log(-jnp.expm1(jnp.minimum(none, -jnp.finfo(dtype).eps)))
        each = jnp.where(some, jnp.sum(pattern, 1) - chance, 0)
        return jnp.sum(Bernoulli(self.some).log_probs(some.astype(dtype)) + each)

    def log_prob(
        self, x: Float[Array, " voxels"], observed: Bool[Array, " voxels"] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        if observed is not None:
            raise ValueError("Energies of a shower's voxels are known together or not at all.")
        table = self.layout.table(x)
        hit = table > 0
        counts = jnp.sum(hit, 1, dtype=x.dtype)
        logs = jnp.log(jnp.where(hit, table, 1))
        energies = jnp.sum(table, 1)
        some = counts > 0
        whole = jnp.log(jnp.where(jnp.any(some), jnp.sum(energies), 1))
        far = (whole - self._middle(counts)) / self.spread
        layers = jnp.log(jnp.where(some, energies, 1))
        # Of all the Jacobians those of voxels are left.
        return (
            self._log_hits(hit)
            + jnp.sum(self.voxels.log_prob(logs, hit))
            + self._layers(counts).log_prob(layers, some)
            - jnp.sum(logs)
            - jnp.where(jnp.any(some), far**2 / 2 + jnp.log(self.spread) + HALF_LOG_TAU, 0)
        )

    def entropy(self) -> None:
        return None

    def point(self) -> Float[Array, " voxels"]:
        """The mean energy if as many voxels are hit as are on average, shared out by what each
        has on average times its probability."""
        none = jnp.exp(jnp.sum(self.layout.within(jax.nn.log_sigmoid(-self.hit), 0.0), 1))
        some = jax.nn.sigmoid(self.some)
        often = jax.nn.sigmoid(self.layout.within(self.hit, -jnp.inf))
        hit = often * (some / (1 - none))[:, None]
        counts = jnp.sum(hit, 1)
        whole = jnp.exp(self._middle(counts) + self.spread**2 / 2)
        layers = _shared(self._layers(counts / some).size(), some)
        return self.layout.row(whole * layers[:, None] * _shared(self.voxels.size(), hit))

    def mean(self) -> Float[Array, " voxels"]:
        """No formula gives it: what `point` says, which leaves out how shares and counts vary."""
        return self.point()

    def variance(self) -> Float[Array, " voxels"]:
        raise ValueError("No formula gives how energies vary that are shared; draw samples.")

    def _middle(self, counts: Float[Array, " layers"]) -> Float[Array, ""]:
        """ln E_inc + μ + α ln k."""
        return self.level + self.slope * jnp.log(jnp.maximum(jnp.sum(counts), 1))

    def _layers(self, counts: Float[Array, " layers"]) -> GammaShares:
        more = self.more * jnp.log(jnp.maximum(counts, 1))
        return GammaShares(self.layers.shape, self.layers.log_rate - more)


class SharingHead(AbstractHead):
    """Raw numbers are, of every voxel, the logit of a hit, m and softplus⁻¹ s; of every layer the
    logit of its not being empty, softplus⁻¹ a, ln b, the power of its hits, and three whose means
    over layers are μ, α and softplus⁻¹ τ; and ln E_inc."""

    measure: ClassVar[Measure] = "mixed"
    of_voxels: ClassVar[int] = 3
    of_layers: ClassVar[int] = 7

    shape: tuple[int, ...] = eqx.field(static=True)
    layout: Layout

    @property
    def size(self) -> int:
        return self.of_voxels * self.shape[0] + self.of_layers * len(self.layout.sizes) + 1

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        return x > 0

    def __call__(self, raw: Float[Array, " size"]) -> SharedShower:
        check_raw(self, raw)
        voxels, layers, energy = jnp.split(raw, [self.of_voxels * self.shape[0], self.size - 1])
        hit, location, scale = (self.layout.table(r) for r in voxels.reshape(self.of_voxels, -1))
        some, shape, log_rate, more, *whole = layers.reshape(self.of_layers, -1)
        level, slope, spread = (jnp.mean(numbers) for numbers in whole)
        return SharedShower(
            self.layout,
            some,
            hit,
            NormalShares(location, positive(scale)),
            GammaShares(positive(shape), log_rate),
            more,
            level + energy[0],
            slope,
            positive(spread),
        )

    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        """Of shares of E_inc: a hit begins with as much however many there are in its layer, and
        a shower's energy does not depend on their number."""
        check_events(self, events, observed)
        hits = events > 0
        logs = jnp.log(jnp.where(hits, events, 1))
        tables = jax.vmap(self.layout.table)(events)
        counts = jnp.sum(tables > 0, 2, dtype=events.dtype)
        some = counts > 0
        others = jax.vmap(self.layout.row)(jnp.broadcast_to(some[..., None], tables.shape))
        voxels = jnp.stack(
            [
                log_odds(hits.astype(events.dtype), others),
                average(logs, hits),
                raw_of(deviation(logs, hits)),
            ]
        )
        each = jnp.log(jnp.where(some, jnp.sum(tables, 2) / jnp.maximum(counts, 1), 1))
        # ln g has the mean ψ(a) - ln b, and the variance ψ'(a), of which this is the inverse where
        # it is small and where it is large.
        variance = deviation(each, some) ** 2
        shape = (0.5 + jnp.sqrt(0.25 + variance)) / variance
        whole = jnp.sum(events, 1, keepdims=True)
        there = whole > 0
        total = jnp.log(jnp.where(there, whole, 1))
        one = jnp.ones_like(shape)
        layers = jnp.stack(
            [
                log_odds(some.astype(events.dtype), None),
                raw_of(shape),
                digamma(shape) - average(each, some),
                one,
                one * average(total, there),
                0 * one,
                one * raw_of(deviation(total, there)),
            ]
        )
        return jnp.concatenate([voxels.ravel(), layers.ravel(), jnp.zeros(1, events.dtype)])


def _shared(
    size: Float[Array, "*of many"], often: Float[Array, "*of many"]
) -> Float[Array, "*of many"]:
    """What each has in what all have, if there as often."""
    sizes = often * jnp.exp(size - jnp.max(size, -1, keepdims=True))
    return sizes / jnp.sum(sizes, -1, keepdims=True)
