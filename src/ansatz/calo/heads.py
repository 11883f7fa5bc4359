"""What a code says of the energies of voxels: a likelihood.

The last raw number is ln E_inc, by which energies scale: all others are of shares E_vox / E_inc.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ansatz.distributions import Hurdle, HurdleHead, LogNormal
from ansatz.distributions.heads.abstract import AbstractHead, Measure


class ShowerHurdleHead(AbstractHead):
    """Every voxel is hit or not, and log-normal if it is: a likelihood of energies in MeV.

    Raw numbers are those of `HurdleHead`, of shares, and ln E_inc.
    """

    measure: ClassVar[Measure] = "mixed"

    shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def of_shares(self) -> HurdleHead:
        return HurdleHead(self.shape)

    @property
    def size(self) -> int:
        return self.of_shares.size + 1

    def continuous(self, x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
        return x > 0

    def __call__(self, raw: Float[Array, " size"]) -> Hurdle:
        found = self.of_shares(raw[:-1])
        assert isinstance(found, Hurdle)
        assert isinstance(found.positive, LogNormal)
        location, scale = found.positive.location, found.positive.scale
        return Hurdle(found.logits, LogNormal(location + raw[-1], scale))

    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        """Of shares: what is given are shares."""
        one = jnp.zeros(1, events.dtype)
        return jnp.concatenate([self.of_shares.initial(events, observed), one])
