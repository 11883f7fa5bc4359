"""K-means: the limit of a mixture of equal spherical Gaussians as their variance goes to zero."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ansatz.models.mixture.half_steps import flat
from ansatz.protocol.capabilities import Codec, Completer, Condition, Event
from ansatz.protocol.source import Batch, Masked
from ansatz.protocol.update import AbstractUpdate, Metrics, Score, Step


class Assigned(eqx.Module):
    """Sums over events, each of which counts for its nearest centre alone."""

    count: Float[Array, "K d"]
    """How many events have a number there."""
    first: Float[Array, "K d"]
    """The sum of x - m_k over them."""
    share: Float[Array, " K"]
    """How many events there are."""


def assignment(
    centres: Float[Array, "K d"], event: Event, weight: Float[Array, " n"]
) -> tuple[Assigned, Float[Array, " n"], Int[Array, " n"]]:
    """The nearest centre of every event, k = argmin |x - m_k|^2 over what was observed of it.

    Their sums, the squared distances, and the centres chosen.
    """
    x, observed = flat(event)
    # |x - m|^2 - |x|^2 about a point among the centres: two products of matrices at most.
    middle = jnp.mean(centres, 0)
    moved = centres - middle[None]
    if observed is None:
        closeness = (x - middle[None]) @ moved.T - jnp.sum(moved**2, 1)[None] / 2
        seen = jnp.ones_like(x)
    else:
        seen = observed.astype(x.dtype)
        closeness = (seen * (x - middle[None])) @ moved.T - seen @ (moved**2).T / 2
    chosen = jnp.argmax(closeness, 1)
    offset = seen * (x - centres[chosen])
    one_hot = weight[:, None] * jax.nn.one_hot(chosen, len(centres), dtype=x.dtype)
    sums = Assigned(one_hot.T @ seen, one_hot.T @ offset, jnp.sum(one_hot, 0))
    return sums, jnp.sum(offset**2, 1), chosen


def centred(centres: Float[Array, "K d"], sums: Assigned) -> Float[Array, "K d"]:
    """The mean of the events of every centre; one that has none stays where it is."""
    return centres + sums.first / jnp.where(sums.count > 0, sums.count, 1)


class KMeans(Codec, Completer):
    """K centres m_k, of which each event has the nearest; shares are the fractions of events.

    The code of an event is one for its centre and zero for all others.
    """

    centres: Float[Array, "K d"]
    shares: Float[Array, " K"]
    shape: tuple[int, ...] = eqx.field(static=True)

    def nearest(self, event: Event) -> Int[Array, ""]:
        """The number of the centre that is nearest to what was observed of an event."""
        batch = jax.tree.map(lambda leaf: leaf[None], event)
        one = jnp.ones(1, self.centres.dtype)
        return assignment(self.centres, batch, one)[2][0]

    def encode(self, event: Event, condition: Condition = None) -> Float[Array, " K"]:
        return jax.nn.one_hot(
            self.nearest(event), len(self.centres), dtype=self.centres.dtype
        )

    def decode(self, code: Float[Array, " K"], condition: Condition = None) -> Array:
        return (code @ self.centres).reshape(self.shape)

    def complete(self, event: Masked, condition: Condition = None) -> Array:
        """What is missing is that of the centre."""
        return jnp.where(event.observed, event.value, self.decode(self.encode(event)))

    def draw_missing(
        self, key: PRNGKeyArray, event: Masked, condition: Condition = None
    ) -> Array:
        """The same: without variance there is nothing to draw."""
        return self.complete(event)


class KMeansState(eqx.Module):
    """The centres as last solved, and the sums since."""

    model: KMeans
    sums: Assigned


class KMeansUpdate(AbstractUpdate):
    """Each batch is assigned to centres; at the end of an epoch these move (Lloyd, 1982)."""

    tolerance: float

    @property
    def score(self) -> Score:
        return Score("squared_distance", "lower", self.tolerance)

    def initial(self, model: KMeans) -> KMeansState:
        return KMeansState(model, _nothing(model.centres))

    def __call__(
        self, state: KMeansState, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> tuple[KMeansState, Metrics]:
        sums, distance, _ = assignment(state.model.centres, batch.event, batch.weight)
        state = KMeansState(state.model, jax.tree.map(jnp.add, state.sums, sums))
        return state, {"squared_distance": batch.mean(distance)}

    def finish_epoch(self, state: KMeansState) -> KMeansState:
        old, sums = state.model, state.sums
        shares = sums.share / jnp.sum(sums.share)
        model = KMeans(centred(old.centres, sums), shares, old.shape)
        return KMeansState(model, _nothing(model.centres))

    def model(self, state: KMeansState) -> KMeans:
        return state.model

    def evaluate(self, state: KMeansState, batch: Batch, step: Step, key: PRNGKeyArray) -> Metrics:
        _, distance, _ = assignment(state.model.centres, batch.event, batch.weight)
        return {"squared_distance": batch.mean(distance)}


def _nothing(centres: Float[Array, "K d"]) -> Assigned:
    zeros = jnp.zeros_like(centres)
    return Assigned(zeros, zeros, zeros[:, 0])
