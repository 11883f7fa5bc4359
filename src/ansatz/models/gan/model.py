"""The generative adversarial net."""

from typing import Any, Literal

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.gan.spectral import exactly
from ansatz.protocol.capabilities import Condition, Sampler, Scalar

Output = Literal["real", "unit"]
"""Any numbers, or those between zero and one."""


class GAN(Sampler):
    """x = G(z, c) with z standard normal, and a net D(x, c) that tells samples from events.

    It samples; it knows no density and no code.
    """

    generator: Any
    discriminator: Any
    shape: tuple[int, ...] = eqx.field(static=True)
    latent: int = eqx.field(static=True)
    output: Output = eqx.field(static=True)
    spectral: bool = eqx.field(static=True)
    """Whether the discriminator counts with its matrices over their largest singular values."""
    dtype: str = eqx.field(static=True)

    def sample(self, key: PRNGKeyArray, condition: Condition = None) -> Array:
        return self.generate(jax.random.normal(key, (self.latent,), self.dtype), condition)

    def generate(self, code: Float[Array, " latent"], condition: Condition = None) -> Array:
        """G(z, c)."""
        x = self.generator(code, condition).reshape(self.shape)
        return jax.nn.sigmoid(x) if self.output == "unit" else x

    def score(self, event: Array, condition: Condition = None) -> Scalar:
        """What the discriminator says of an event: the more, the likelier it is one of the data."""
        return self.critic(event, condition)[0]

    @property
    def critic(self) -> Any:
        """The discriminator as it counts."""
        return exactly(self.discriminator) if self.spectral else self.discriminator
