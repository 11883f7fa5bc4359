"""A diagonal scaling that is learnt."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition

PACE = 10.0
"""How many times faster a scale learns than other parameters."""


class Scaling(AbstractBijection):
    """The map y = (x − shift) exp(log_scale), number by number or channel by channel.

    Shift and scale are learnt, and of the shape of an event or of its last axes. Optimisers such
    as Adam's move every parameter by about the rate, and a number that hardly varies but for a few
    events has to go up by several factors of e: so the scale's logarithm is `PACE` times `raw`,
    which is what is learnt. Started from a
    first batch (`fitted`) it brings every number, or every channel, to mean zero and a given
    deviation: activation normalisation (Kingma and Dhariwal, 2018).
    """

    shift: Float[Array, "..."]
    raw: Float[Array, "..."]

    @property
    def log_scale(self) -> Float[Array, "..."]:
        return PACE * self.raw

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        shift, log_scale = self._over(x)
        return (x - shift) * jnp.exp(log_scale), jnp.sum(log_scale)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        shift, log_scale = self._over(y)
        return y * jnp.exp(-log_scale) + shift, -jnp.sum(log_scale)

    def fitted(self, events: Float[Array, "events ..."], deviation: float = 1.0) -> "Scaling":
        """The scaling that gives these events mean zero and this standard deviation.

        What does not vary, up to rounding, keeps its scale.
        """
        axes = tuple(range(events.ndim - self.shift.ndim))
        mean, spread = jnp.mean(events, axes), jnp.std(events, axes)
        varies = spread > 1e-6 * (1 + jnp.abs(mean))
        log_scale = jnp.where(varies, jnp.log(deviation / jnp.where(varies, spread, 1)), 0)
        return Scaling(mean, (log_scale / PACE).astype(self.raw.dtype))

    def _over(self, event: Array) -> tuple[Array, Array]:
        """Shift and logarithm of the scale, one value for each number of `event`."""
        return (
            jnp.broadcast_to(self.shift, event.shape),
            jnp.broadcast_to(self.log_scale, event.shape),
        )
