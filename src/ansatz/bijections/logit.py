"""From the unit interval to the real line."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.bijections.abstract import AbstractBijection, Condition
from ansatz.protocol.errors import OptionError


class Logit(AbstractBijection):
    """The map y = log(s / (1 − s)) with s = α + (1 − 2α) x, for x in [0, 1] and a margin α.

    log |det ∂y/∂x| = Σ log(1 − 2α) − log s − log(1 − s).

    The margin, 0 ≤ α < ½, keeps the ends of the interval finite: x = 0 and x = 1 go to
    ∓log((1 − α)/α). With α = 0 they go to ∓∞. The inverse takes any y; beyond those two
    values its x lies outside [0, 1] by at most α / (1 − 2α).
    """

    margin: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        if not 0 <= self.margin < 0.5:
            raise OptionError(
                f"The margin of a Logit must be at least 0 and below 1/2, but it is {self.margin}."
            )

    def forward(
        self, x: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        width = 1 - 2 * self.margin
        log_s = jnp.log(self.margin + width * x)
        # 1 − s is built from 1 − x, which is exact for x near 1; 1 minus a rounded s is not.
        log_t = jnp.log(self.margin + width * (1 - x))
        return log_s - log_t, jnp.sum(math.log(width) - log_s - log_t)

    def inverse(
        self, y: Float[Array, "..."], condition: Condition = None
    ) -> tuple[Float[Array, "..."], Float[Array, ""]]:
        width = 1 - 2 * self.margin
        x = (jax.nn.sigmoid(y) - self.margin) / width
        # softplus(∓y) is −log s and −log(1 − s), which do not underflow where s or 1 − s does.
        return x, -jnp.sum(jax.nn.softplus(-y) + jax.nn.softplus(y) + math.log(width))
