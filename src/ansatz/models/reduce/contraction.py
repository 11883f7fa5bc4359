"""How far an autoencoder contracts: the singular values of its Jacobians along the data."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.models.reduce.autoencoder import Autoencoder
from ansatz.models.reduce.jacobian import jacobian
from ansatz.protocol.capabilities import Condition
from ansatz.protocol.measure import Measure
from ansatz.protocol.source import Batch

EVENTS = 500
"""Events whose Jacobians are taken."""
AT_ONCE = 20
SATURATED = 0.05
"""How near to either end a number of a code that lies between zero and one counts as saturated."""


class Contraction(NamedTuple):
    """What the Jacobians at some events are like."""

    singular: Float[np.ndarray, "events values"]
    """Singular values of ∂z/∂x, the largest first."""
    decoder: Float[np.ndarray, " events"]
    """‖∂x̂/∂z‖² at the events' codes."""
    whole: Float[np.ndarray, " events"]
    """‖∂x̂/∂x‖², which no scale of the codes changes."""
    codes: Float[np.ndarray, "events code"]

    @property
    def encoder(self) -> Float[np.ndarray, " events"]:
        """‖∂z/∂x‖²."""
        return np.sum(self.singular**2, 1)

    @property
    def directions(self) -> Float[np.ndarray, " events"]:
        """(Σσ²)² / Σσ⁴: in how many directions codes change, if alike in all of them."""
        fourth = np.sum(self.singular**4, 1)
        return self.encoder**2 / np.where(fourth > 0, fourth, 1)

    @property
    def saturated(self) -> float:
        """The part of the numbers of codes within 0.05 of zero or one."""
        return float(np.mean(np.minimum(self.codes, 1 - self.codes) < SATURATED))


def contraction(model: Autoencoder, batch: Batch) -> Contraction:
    """The Jacobians at the first events of a batch."""
    few = jax.tree.map(lambda leaf: leaf[:EVENTS] if leaf.ndim else leaf, batch)
    found = _along(model, few.event, few.condition)
    return Contraction(*(np.asarray(each, np.float64) for each in found))


@eqx.filter_jit
def _along(model: Autoencoder, events: Array, conditions: Array | None) -> tuple[Array, ...]:
    def one(item: tuple[Array, Condition]) -> tuple[Array, ...]:
        event, condition = item
        code = model.encode(event, condition)
        down = jacobian(lambda x: model.encode(x, condition), event)
        up = jacobian(lambda z: model.decode(z, condition), code)
        # ‖U D‖² = tr(UᵀU DDᵀ): both Gram matrices are as small as a code.
        whole = jnp.sum((up.T @ up) * (down @ down.T))
        return jnp.linalg.svd(down, compute_uv=False), jnp.sum(up**2), whole, code

    return jax.lax.map(one, (events, conditions), batch_size=AT_ONCE)


def slopes_only_jump(model: Autoencoder, part: str, batch: Batch) -> bool:
    """Whether the slopes of a net differ between events, and yet do not change near any of them.

    It is looked at along one random direction of the net's output.
    """
    few = jax.tree.map(lambda leaf: leaf[:32] if leaf.ndim else leaf, batch)

    def slope(x: Array, condition: Condition) -> Array:
        f: Any = model.encode if part == "encoder" else model.decode
        out, pull = jax.vjp(lambda v: f(v, condition), x)
        along = jax.random.normal(jax.random.key(0), out.shape, out.dtype)
        return jnp.sum(pull(along)[0] ** 2)

    x = few.event
    if part == "decoder":
        x = jax.jit(jax.vmap(model.encode))(x, few.condition)
    values, changes = jax.jit(jax.vmap(jax.value_and_grad(slope)))(x, few.condition)
    return bool(jnp.ptp(values) > 1e-5 * jnp.max(values)) and not bool(jnp.any(changes))


def diagnose(model: Autoencoder, batch: Batch) -> tuple[Measure, ...]:
    """Norms of the Jacobians, and in how many directions codes change."""
    found = contraction(model, batch)
    weights = np.asarray(batch.weight[: len(found.whole)], np.float64)

    def mean(name: str, values: np.ndarray, what: str, unit: str = "") -> Measure:
        centre = np.sum(weights * values) / np.sum(weights)
        error = np.sqrt(np.sum((weights * (values - centre)) ** 2)) / abs(np.sum(weights))
        return Measure(name, float(centre), float(error), unit, what)

    width = found.singular.shape[1]
    measures = [
        mean(
            "contraction of the encoder",
            found.encoder,
            "squared norm of its Jacobian, which goes with the scale of the codes",
        ),
        mean("contraction of the decoder", found.decoder, "squared norm of its Jacobian"),
        mean(
            "contraction of both",
            found.whole,
            "squared norm of the Jacobian of event to reconstruction, which does not",
        ),
        mean(
            "directions of the code",
            found.directions,
            "(sum s^2)^2 / sum s^4 of the singular values s of the encoder's Jacobian",
            f"of {width}",
        ),
    ]
    if model.code == "sigmoid":
        measures.append(
            Measure(
                "saturated",
                found.saturated,
                0.0,
                "",
                f"part of the numbers of codes within {SATURATED} of zero or one; their mean is "
                f"{found.codes.mean():.2g}",
            )
        )
    return tuple(measures)
