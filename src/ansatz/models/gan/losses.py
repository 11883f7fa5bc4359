"""What the two players make small, as functions of the score t that the discriminator gives.

Of an event the discriminator pays `real(t)` and of a sample `fake(t)`; for each sample the
generator pays `generator(t)`. With densities p of the data and q of the samples, the best score
makes p real(t) + q fake(t) smallest, point by point.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Pay = Callable[[Float[Array, "..."]], Float[Array, "..."]]
Loss = Literal["minimax", "non-saturating", "wasserstein", "hinge"]


class Losses(NamedTuple):
    """What is paid for a score."""

    real: Pay
    fake: Pay
    generator: Pay


def _minus(t: Float[Array, "..."]) -> Float[Array, "..."]:
    return -t


def _log_loss(t: Float[Array, "..."]) -> Float[Array, "..."]:
    """-log sigmoid(t)."""
    return jax.nn.softplus(-t)


LOSSES: dict[str, Losses] = {
    # -log D, -log(1 - D) and log(1 - D) with D = sigmoid(t), best at t = log p/q, where
    # D = p / (p + q) (Goodfellow and others, 2014).
    "minimax": Losses(_log_loss, jax.nn.softplus, lambda t: -jax.nn.softplus(t)),
    # The same, but the generator pays -log D: its gradient does not vanish where D does.
    "non-saturating": Losses(_log_loss, jax.nn.softplus, _log_loss),
    # Any score is best that is steepest between the two, so its slope must be bounded
    # (Arjovsky, Chintala and Bottou, 2017).
    "wasserstein": Losses(_minus, lambda t: t, _minus),
    # Best at the sign of p - q (Lim and Ye, 2017; Miyato and others, 2018).
    "hinge": Losses(lambda t: jnp.maximum(1 - t, 0), lambda t: jnp.maximum(1 + t, 0), _minus),
}
