"""A likelihood of showers: their energy, how layers share it, and how voxels share a layer's.

With Θ the hits of a shower of energy e, k_l of them in layer l of energy e_l, and voxels x,

    p(x) = Π Bernoulli(Θ; h) · p(e | Θ) · p(e_1 / e, ..., e_n / e | Θ) · Π_l p(x / e_l | Θ).

ln e is normal about ln E_inc + μ + α ln k with scale τ. Shares are logistic-normal: shares f of
some are those of exp(y) with y normal about m with scales s, whatever is added to all of them. With
w = 1/s², y = ln f − m and ȳ its mean under the weights w, integrating over what may be added leaves

    log p(f) = ½ ln 2π − ½ ln Σ w − Σ [ln f + ln s + ½ ln 2π + ½ w (y − ȳ)²].

A layer's m grows by α_l ln k_l with its hits. So the energy of a shower and those of its layers
are known better than those of voxels, and do not follow from these as if they knew nothing of
each other.
"""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.calo.layers import Layout
from ansatz.distributions import Bernoulli
from ansatz.distributions.abstract import AbstractDistribution, check_event
from ansatz.distributions.heads.abstract import AbstractHead, Measure, check_events, check_raw
from ansatz.distributions.heads.fitting import average, deviation, log_odds
from ansatz.distributions.heads.positive import positive, raw_of

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


class Shares(eqx.Module):
    """Positive numbers whose ratios are log-normal, of those along the last axis that are there."""

    location: Float[Array, "*of many"]
    scale: Float[Array, "*of many"]

    def sample(self, key: PRNGKeyArray, there: Bool[Array, "*of many"]) -> Float[Array, "*of many"]:
        """Shares that add to 1, or zeros where nothing is there."""
        noise = jax.random.normal(key, self.location.shape, self.location.dtype)
        return _softmax(self.location + self.scale * noise, there)

    def log_prob(
        self, logs: Float[Array, "*of many"], there: Bool[Array, "*of many"]
    ) -> Float[Array, "*of"]:
        """log p(f) + Σ ln f from logarithms to which anything may be added; 0 where nothing is
        there."""
        some = jnp.any(there, -1)
        weight = jnp.where(there, self.scale**-2, 0)
        total = jnp.where(some, jnp.sum(weight, -1), 1)
        y = jnp.where(there, logs - self.location, 0)
        mean = jnp.sum(weight * y, -1) / total
        each = jnp.log(self.scale) + HALF_LOG_TAU + weight * (y - mean[..., None]) ** 2 / 2
        return jnp.where(some, HALF_LOG_TAU - jnp.log(total) / 2, 0) - jnp.sum(
            jnp.where(there, each, 0), -1
        )


class SharedShower(AbstractDistribution):
    """A distribution of showers, energies in MeV; what is said of voxels are tables."""

    reparameterised: ClassVar[bool] = False

    layout: Layout
    hit: Float[Array, "layers most"]
    """The logits of hits."""
    voxels: Shares
    """How the voxels of every layer share its energy."""
    layers: Shares
    """How layers share the shower's."""
    more: Float[Array, " layers"]
    """α_l, by which a layer has more with more hits."""
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
        hit = (Bernoulli(self.hit).sample(key_hit) > 0) & self.layout.there
        counts = jnp.sum(hit, 1, dtype=self.hit.dtype)
        noise = self.spread * jax.random.normal(key_whole, dtype=self.level.dtype)
        whole = jnp.exp(self._middle(counts) + noise)
        layers = whole * self._layers(counts).sample(key_layers, counts > 0)
        return self.layout.row(layers[:, None] * self.voxels.sample(key_voxels, hit))

    def log_prob(
        self, x: Float[Array, " voxels"], observed: Bool[Array, " voxels"] | None = None
    ) -> Float[Array, ""]:
        check_event(self, x, observed)
        if observed is not None:
            raise ValueError("Energies of a shower's voxels are known together or not at all.")
        table = self.layout.table(x)
        hit = table > 0
        counts = jnp.sum(hit, 1, dtype=x.dtype)
        patterns = Bernoulli(self.hit).log_probs(hit.astype(x.dtype))
        logs = jnp.log(jnp.where(hit, table, 1))
        energies = jnp.sum(table, 1)
        some = counts > 0
        whole = jnp.log(jnp.where(jnp.any(some), jnp.sum(energies), 1))
        far = (whole - self._middle(counts)) / self.spread
        layers = jnp.log(jnp.where(some, energies, 1))
        # Of all the Jacobians those of voxels are left.
        return (
            jnp.sum(jnp.where(self.layout.there, patterns, 0))
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
        hit = jnp.where(self.layout.there, jax.nn.sigmoid(self.hit), 0)
        counts = jnp.sum(hit, 1)
        whole = jnp.exp(self._middle(counts) + self.spread**2 / 2)
        layers = _shared(self._layers(counts), jnp.minimum(counts, 1))
        return self.layout.row(whole * layers[:, None] * _shared(self.voxels, hit))

    def mean(self) -> Float[Array, " voxels"]:
        """No formula gives it: what `point` says, which leaves out how shares and counts vary."""
        return self.point()

    def variance(self) -> Float[Array, " voxels"]:
        raise ValueError("No formula gives how energies vary that are shared; draw samples.")

    def _middle(self, counts: Float[Array, " layers"]) -> Float[Array, ""]:
        """ln E_inc + μ + α ln k."""
        return self.level + self.slope * jnp.log(jnp.maximum(jnp.sum(counts), 1))

    def _layers(self, counts: Float[Array, " layers"]) -> Shares:
        more = self.more * jnp.log(jnp.maximum(counts, 1))
        return Shares(self.layers.location + more, self.layers.scale)


class SharingHead(AbstractHead):
    """Raw numbers are, of every voxel, the logit of a hit, m and softplus⁻¹ s; of every layer m,
    softplus⁻¹ s, α_l and three whose means over layers are μ, α and softplus⁻¹ τ; and ln E_inc."""

    measure: ClassVar[Measure] = "mixed"
    of_voxels: ClassVar[int] = 3
    of_layers: ClassVar[int] = 6

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
        middle, width, more, *whole = layers.reshape(self.of_layers, -1)
        level, slope, spread = (jnp.mean(numbers) for numbers in whole)
        return SharedShower(
            self.layout,
            hit,
            Shares(location, positive(scale)),
            Shares(middle, positive(width)),
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
        voxels = jnp.stack(
            [
                log_odds(hits.astype(events.dtype), observed),
                average(logs, hits),
                raw_of(deviation(logs, hits)),
            ]
        )
        tables = jax.vmap(self.layout.table)(events)
        counts = jnp.sum(tables > 0, 2, dtype=events.dtype)
        some = counts > 0
        each = jnp.log(jnp.where(some, jnp.sum(tables, 2) / jnp.maximum(counts, 1), 1))
        whole = jnp.sum(events, 1, keepdims=True)
        there = whole > 0
        total = jnp.log(jnp.where(there, whole, 1))
        one = jnp.ones_like(each[0])
        layers = jnp.stack(
            [
                average(each, some),
                raw_of(deviation(each, some)),
                one,
                one * average(total, there),
                0 * one,
                one * raw_of(deviation(total, there)),
            ]
        )
        return jnp.concatenate([voxels.ravel(), layers.ravel(), jnp.zeros(1, events.dtype)])


def _softmax(
    logits: Float[Array, "*of many"], there: Bool[Array, "*of many"]
) -> Float[Array, "*of many"]:
    """exp(l) / Σ exp(l) over those that are there; zeros where nothing is."""
    largest = jnp.max(jnp.where(there, logits, -jnp.inf), -1, keepdims=True)
    largest = jnp.where(jnp.isfinite(largest), largest, 0)
    raised = jnp.where(there, jnp.exp(logits - largest), 0)
    total = jnp.sum(raised, -1, keepdims=True)
    return raised / jnp.where(total > 0, total, 1)


def _shared(of: Shares, often: Float[Array, "*of many"]) -> Float[Array, "*of many"]:
    """What each has on average, as often as it is there, of what all have."""
    mean = of.location + of.scale**2 / 2
    size = often * jnp.exp(mean - jnp.max(mean, -1, keepdims=True))
    return size / jnp.sum(size, -1, keepdims=True)
