"""The game of the two players, as one objective."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.gan.losses import LOSSES, Loss
from ansatz.models.gan.model import GAN
from ansatz.models.gan.spectral import Directions, first_directions, followed
from ansatz.protocol.capabilities import Condition, Scalar
from ansatz.protocol.gradient import held
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Metrics, Step

Constraint = Literal["none", "gradient-penalty", "zero-centred", "spectral"]

FLAT = 1e-12
"""Added to a squared slope, whose root has no gradient at zero."""


class TwoPlayers(AbstractObjective):
    """L_D(D; G held) + L_G(G; D held): each player's gradient is that of its own loss.

    L_D = E real(D(x, c)) + E fake(D(G(z, c), c)) + the penalty of the constraint, and
    L_G = E generator(D(G(z, c), c)), the second only at every `every`-th step, as it then says.
    Conditions of samples are those of the batch. Both players look at the same samples and at the
    other as it was before the step.
    """

    loss: Loss = eqx.field(static=True)
    constraint: Constraint = eqx.field(static=True, default="none")
    penalty: float = 0.0
    every: int = eqx.field(static=True, default=1)

    @property
    def score(self) -> None:
        return None

    def initial(self, model: GAN) -> Directions | None:
        return first_directions(model.discriminator) if self.constraint == "spectral" else None

    def __call__(
        self,
        model: GAN,
        batch: Batch,
        carry: Directions | None,
        step: Step,
        key: PRNGKeyArray,
    ) -> tuple[Float[Array, ""], Directions | None, Metrics]:
        pay = LOSSES[self.loss]
        critic = model.discriminator
        if carry is not None:
            critic, carry = followed(critic, carry)
        key_codes, key_between = jax.random.split(key)
        codes = jax.random.normal(key_codes, (len(batch.weight), model.latent), model.dtype)

        def scored(critic: Any, events: Array) -> Float[Array, " batch"]:
            return jax.vmap(critic)(events, batch.condition)[:, 0]

        def drawn(model: GAN) -> Array:
            return jax.vmap(model.generate)(codes, batch.condition)

        samples = jax.lax.stop_gradient(drawn(model))
        real, fake = scored(critic, batch.event), scored(critic, samples)
        told = batch.mean(pay.real(real)) + batch.mean(pay.fake(fake))
        steep = self._steepness(critic, batch, samples, key_between)

        def move() -> Float[Array, ""]:
            return batch.mean(pay.generator(scored(held(critic), drawn(model))))

        if self.every == 1:
            moved = move()
        else:
            moves = (step + 1) % self.every == 0
            moved = jax.lax.cond(moves, move, lambda: jnp.zeros((), model.dtype))
        metrics = {
            "loss": told,
            "generator_loss": batch.mean(pay.generator(fake)),
            "gap": batch.mean(real) - batch.mean(fake),
        }
        if self.penalty:
            metrics["penalty"] = steep
        return told + self.penalty * steep + moved, carry, metrics

    def _steepness(
        self, critic: Any, batch: Batch, samples: Array, key: PRNGKeyArray
    ) -> Float[Array, ""]:
        """E (|∇D| - 1)^2 between events and samples, or E |∇D|^2 / 2 at events."""
        if self.constraint == "gradient-penalty":
            shape = (len(batch.weight), *(1,) * (batch.event.ndim - 1))
            share = jax.random.uniform(key, shape, batch.event.dtype)
            between = share * batch.event + (1 - share) * samples
            slopes = jax.vmap(lambda x, c: squared_slope(critic, x, c))(between, batch.condition)
            return batch.mean((jnp.sqrt(slopes + FLAT) - 1) ** 2)
        if self.constraint == "zero-centred":
            slopes = jax.vmap(lambda x, c: squared_slope(critic, x, c))(
                batch.event, batch.condition
            )
            return batch.mean(slopes) / 2
        return jnp.zeros((), batch.weight.dtype)


def squared_slope(critic: Any, event: Array, condition: Condition) -> Scalar:
    """|∇ₓD(x, c)|²."""
    return jnp.sum(jax.grad(lambda x: critic(x, condition)[0])(event) ** 2)
