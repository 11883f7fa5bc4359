"""What stands between the linear maps of every net."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.nets.conditioning import Modulation
from ansatz.nets.normalisation import LayerNorm
from ansatz.protocol.errors import OptionError, nearest

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": partial(jax.nn.leaky_relu, negative_slope=0.01),
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "sigmoid": jax.nn.sigmoid,
}

PIECEWISE_LINEAR = ("relu", "leaky_relu")
"""Activations whose slope is the same but for a jump."""

RECTIFIERS = {"relu": 0.0, "leaky_relu": 0.01, "gelu": 0.0, "silu": 0.0}
"""Activations that let through one half of what is symmetric about zero, and the slope that the
other half has far from it."""

Normalise = Literal["none", "layer"]


class Nonlinear(eqx.Module):
    """h -> dropout(a((1 + γ(c)) norm(h) + β(c))); normalising, modulating, dropping if asked to.

    The condition modulates before the activation, as in the paper: so it can switch units on and
    off, and appending it to the layer's input would be the special case γ = 0.
    """

    norm: LayerNorm | None
    modulation: Modulation | None
    dropout: eqx.nn.Dropout
    activation: str = eqx.field(static=True)
    place: int = eqx.field(static=True)
    """Which of its net's this is: each drops units by a draw of its own."""

    @property
    def gain(self) -> float:
        """How much larger weights before it start: by sqrt(2 / (1 + s^2)) where half a signal
        keeps only the slope s (He et al., 2015)."""
        slope = RECTIFIERS.get(self.activation)
        return 1.0 if slope is None else (2 / (1 + slope**2)) ** 0.5

    def __call__(
        self,
        h: Float[Array, "*space channels"],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*space channels"]:
        """Without a key nothing is dropped."""
        if self.norm is not None:
            h = self.norm(h)
        if self.modulation is not None:
            h = self.modulation(h, condition)
        h = ACTIVATIONS[self.activation](h)
        if self.dropout.p > 0 and key is not None:
            h = self.dropout(h, key=jax.random.fold_in(key, self.place))
        return h


def nonlinear(
    channels: Sequence[int],
    *,
    activation: str,
    condition: int = 0,
    dropout: float = 0.0,
    normalise: Normalise = "none",
    modulate: bool = False,
    dtype: str,
) -> tuple[Nonlinear, ...]:
    """What follows hidden layers of so many units, or channels, each."""
    if activation not in ACTIVATIONS:
        raise OptionError(
            f"There is no activation {activation!r}. {nearest(activation, ACTIVATIONS)}"
        )
    if not 0 <= dropout < 1:
        raise OptionError(f"dropout must lie in [0, 1); it is {dropout}.")
    if any(width < 1 for width in channels):
        raise OptionError(f"Hidden layers must have at least 1 unit; they have {channels}.")
    if modulate and not condition:
        raise OptionError("modulate needs a condition, and none is given with the events.")
    if modulate and not channels:
        raise OptionError("modulate acts on hidden layers, and there is none: give one a width.")
    return tuple(
        Nonlinear(
            LayerNorm(width, dtype=dtype) if normalise == "layer" else None,
            Modulation(width, condition, dtype=dtype) if modulate else None,
            eqx.nn.Dropout(dropout),
            activation,
            place,
        )
        for place, width in enumerate(channels)
    )
