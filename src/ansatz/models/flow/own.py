"""A user's own bijection or base, in a flow."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ansatz.models.flow.model import Flow
from ansatz.protocol.capabilities import Condition
from ansatz.protocol.errors import OptionError
from ansatz.protocol.source import Batch

EVENTS = 64
"""With which a bijection is tried."""
TOLERANCE = 1e-3
"""How far off an event may come back, in single precision: of its largest number, or of 1."""


def shape_of_noise(bijection: Any, shape: tuple[int, ...], condition: int, dtype: str) -> Any:
    """What the bijection makes of an event, before anything is computed."""
    event = jax.ShapeDtypeStruct(shape, dtype)
    given = jax.ShapeDtypeStruct((condition,), dtype) if condition else None
    try:
        noise, log_det = eqx.filter_eval_shape(bijection.forward, event, given)
    except OptionError:
        raise
    except Exception as error:
        raise OptionError(
            f"The bijection cannot map an event of shape {shape}"
            f"{f' under a condition of {condition} numbers' if condition else ''}: {error}"
        ) from error
    if log_det.shape != () or noise.size != np.prod(shape):
        raise OptionError(
            f"The bijection must map an event of shape {shape} to as many numbers and one "
            f"log-determinant; it gives shapes {noise.shape} and {log_det.shape}."
        )
    return noise


def check_base(base: Any, noise: Any) -> None:
    """Refuse a model as a base that cannot be one, or not of noise of this shape."""
    for name in ("sample", "log_prob"):
        if not callable(getattr(base, name, None)):
            raise OptionError(
                f"A base needs `sample` and `log_prob`; a {type(base).__name__} has no {name}."
            )
    drawn = eqx.filter_eval_shape(base.sample, jax.eval_shape(lambda: jax.random.key(0)))
    if drawn.shape != noise.shape:
        raise OptionError(
            f"The base is of events of shape {drawn.shape}, and the bijection gives noise of shape "
            f"{noise.shape}: give a base of that shape."
        )


def check_round_trip(model: Flow, batch: Batch) -> None:
    """Refuse a bijection whose inverse does not undo it on these events."""

    def there_and_back(event: Array, condition: Condition) -> tuple[Array, Array]:
        noise, forward = model.bijection.forward(event, condition)
        back, inverse = model.bijection.inverse(noise, condition)
        return jnp.max(jnp.abs(back - event)), jnp.abs(forward + inverse)

    condition = None if batch.condition is None else batch.condition[:EVENTS]
    events = batch.event[:EVENTS]
    off, log_det = eqx.filter_jit(jax.vmap(there_and_back))(events, condition)
    largest = np.maximum(np.abs(events).max(), 1)
    for what, found, most in [
        ("an event comes back off", off, TOLERANCE * largest),
        ("the two log-determinants differ", log_det, TOLERANCE * events[0].size),
    ]:
        worst = float(np.max(found))
        if not worst <= most:
            raise OptionError(
                f"The bijection does not invert: on the first {len(events)} events {what} by up "
                f"to {worst:.3g}. Its `inverse` must undo its `forward`, with minus its "
                "log-determinant."
            )
