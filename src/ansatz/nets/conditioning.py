"""The two ways in which a condition enters a net: beside its input, or into its hidden layers."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


def beside(
    x: Float[Array, "..."], condition: Float[Array, " condition"] | None
) -> Float[Array, " together"]:
    """The flattened input with the condition behind it."""
    return x.ravel() if condition is None else jnp.concatenate([x.ravel(), condition])


class Modulation(eqx.Module):
    """h -> (1 + γ(c)) h + β(c), one γ and one β a channel (FiLM; Perez et al., 2018).

    γ = G c and β = B c start at zero, so that the condition has no influence at first.
    """

    scale: Float[Array, "channels condition"]
    shift: Float[Array, "channels condition"]

    def __init__(self, channels: int, condition: int, *, dtype: str) -> None:
        self.scale = jnp.zeros((channels, condition), dtype)
        self.shift = jnp.zeros((channels, condition), dtype)

    def __call__(
        self,
        h: Float[Array, "*space channels"],
        condition: Float[Array, " condition"] | None,
    ) -> Float[Array, "*space channels"]:
        if condition is None:
            raise ValueError("A net that a condition modulates must be called with one.")
        scale = jnp.broadcast_to(1 + self.scale @ condition, h.shape)
        return scale * h + jnp.broadcast_to(self.shift @ condition, h.shape)
