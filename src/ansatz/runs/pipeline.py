"""The way from raw events through the model and back, for one event and over many."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from ansatz.data.batch import make_batch
from ansatz.data.conditions import ConditionEncoder
from ansatz.data.preprocessing import Preprocessing
from ansatz.protocol.capabilities import Completer, Density, Unnormalised
from ansatz.protocol.source import Batch, Masked


class Pipeline(eqx.Module):
    """Raw events and conditions -> the model -> raw events: everything that is saved as arrays."""

    model: Any
    preprocessing: Preprocessing
    encoder: ConditionEncoder | None

    def given(self, row: Array | None) -> Array | None:
        """A row of raw conditions as the model takes it."""
        return None if row is None or self.encoder is None else self.encoder(row)


@eqx.filter_jit
def over(
    each: Callable[..., Array],
    pipeline: Pipeline,
    key: PRNGKeyArray,
    places: Array,
    rows: Array | None,
    *items: Array,
) -> Array:
    """`each` of (pipeline, key, row, *item) for many; the key is folded with the place."""

    def one(place: Array, row: Array | None, *item: Array) -> Array:
        return each(pipeline, jax.random.fold_in(key, place), row, *item)

    return jax.vmap(one)(places, rows, *items)


def sample(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None) -> Array:
    """A raw event drawn from the model."""
    return pipeline.preprocessing.inverse(pipeline.model.sample(key, pipeline.given(row)))


def expect(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None) -> Array:
    """The raw event that the model expects for a code drawn from it."""
    code = pipeline.model.sample_code(key, pipeline.given(row))
    return decode(pipeline, key, row, code)


def decode(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None, code: Array) -> Array:
    """The raw event that the model expects for a code."""
    return pipeline.preprocessing.inverse(pipeline.model.decode(code, pipeline.given(row)))


def encode(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None, event: Array) -> Array:
    """The code of a raw event."""
    prepared, _ = pipeline.preprocessing.forward(event, key)
    return pipeline.model.encode(prepared, pipeline.given(row))


def draw_code(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None, event: Array) -> Array:
    """A code drawn for a raw event."""
    key_event, key_code = jax.random.split(key)
    prepared, _ = pipeline.preprocessing.forward(event, key_event)
    return pipeline.model.draw_code(key_code, prepared, pipeline.given(row))


def sample_code(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None) -> Array:
    """A code that belongs to no event."""
    return pipeline.model.sample_code(key, pipeline.given(row))


def reconstruct(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None, event: Array) -> Array:
    """A raw event as its own code expects it."""
    return decode(pipeline, key, row, encode(pipeline, key, row, event))


def fill(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None, event: Array) -> Array:
    """A raw event, what is missing of it as expected: given the rest, or by its own code."""
    model = pipeline.model
    if isinstance(model, Completer):
        prepared = pipeline.preprocessing.forward(event, key)[0]
        assert isinstance(prepared, Masked)
        completed = model.complete(prepared, pipeline.given(row))
        expected = pipeline.preprocessing.inverse(completed)
    else:
        expected = reconstruct(pipeline, key, row, event)
    return jnp.where(jnp.isnan(event), expected, event)


def draw_missing(pipeline: Pipeline, key: PRNGKeyArray, row: Array | None, event: Array) -> Array:
    """A raw event, what is missing of it drawn given the rest."""
    key_event, key_model = jax.random.split(key)
    prepared, _ = pipeline.preprocessing.forward(event, key_event)
    drawn = pipeline.model.draw_missing(key_model, prepared, pipeline.given(row))
    return jnp.where(jnp.isnan(event), pipeline.preprocessing.inverse(drawn), event)


class LogLikelihood(eqx.Module):
    """log p of a raw event, exact or bounded, the slopes of the preprocessing included.

    Of an event with missing numbers it is that of the observed ones.
    """

    samples: int = eqx.field(static=True)

    def __call__(
        self, pipeline: Pipeline, key: PRNGKeyArray, row: Array | None, event: Array
    ) -> Array:
        key_event, key_model = jax.random.split(key)
        prepared, log_slope = pipeline.preprocessing.forward(event, key_event)
        model, condition = pipeline.model, pipeline.given(row)
        if isinstance(model, Density):
            value = model.log_prob(prepared, condition)
        elif isinstance(model, Unnormalised):
            # All but the normaliser, which is the same for every event under a condition.
            value = -model.energy(prepared, condition)
        else:
            value = model.bound(prepared, condition, key=key_model, samples=self.samples)
        # Only densities change with the units.
        return value + jnp.sum(jnp.where(model.continuous(prepared), log_slope, 0))


class WeighedEvidence(eqx.Module):
    """The bound on log p of a raw event, the same corrected, and the effective draws."""

    samples: int = eqx.field(static=True)

    def __call__(
        self, pipeline: Pipeline, key: PRNGKeyArray, row: Array | None, event: Array
    ) -> Array:
        key_event, key_model = jax.random.split(key)
        prepared, log_slope = pipeline.preprocessing.forward(event, key_event)
        model, condition = pipeline.model, pipeline.given(row)
        found = model.evidence(prepared, condition, key=key_model, samples=self.samples)
        slope = jnp.sum(jnp.where(model.continuous(prepared), log_slope, 0))
        return jnp.stack([found.bound + slope, found.corrected + slope, found.effective])


@eqx.filter_jit
def batch_of(pipeline: Pipeline, key: PRNGKeyArray, rows: Array | None, events: Array) -> Batch:
    """Raw events and conditions as a batch for the model."""
    real = jnp.ones(len(events), bool)
    return make_batch(
        pipeline.preprocessing,
        pipeline.encoder,
        events,
        rows,
        None,
        real,
        dtype=str(events.dtype),
        key=key,
    )
