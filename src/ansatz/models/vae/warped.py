"""Codes that couplings bend: a flow as what codes are believed to be, or as the guess at them.

Rezende and Mohamed (2015); Kingma et al. (2016); with the couplings of Dinh, Sohl-Dickstein and
Bengio (2017), which draw and score a code in one pass each.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.bijections import AbstractBijection, Chain, Coupling, Repeated, Reversal, ShiftAndScale
from ansatz.distributions import Normal, NormalHead, Transformed
from ansatz.distributions.heads.abstract import AbstractDensityHead
from ansatz.models.flow import Flow
from ansatz.models.flow.build import quiet
from ansatz.nets import MLP
from ansatz.protocol.errors import OptionError


class WarpedHead(AbstractDensityHead):
    """q(z) = N(f(z | h); m, s²) |det ∂f/∂z|, f a chain of couplings that all see the context h.

    The raw numbers are m and, through softplus, s, as of `NormalHead`, and then as many of h as a
    code has. The couplings are parameters of the head itself. They start as the identity.
    """

    shape: tuple[int, ...] = eqx.field(static=True)
    bijection: AbstractBijection

    @property
    def normal(self) -> NormalHead:
        """What is bent."""
        return NormalHead(self.shape)

    @property
    def size(self) -> int:
        return self.normal.size + self.shape[0]

    def __call__(self, raw: Float[Array, " size"]) -> Transformed:
        moments, context = jnp.split(raw, [self.normal.size])
        return Transformed(self.normal(moments), self.bijection, context, self.shape)

    def initial(
        self, events: Float[Array, "n ..."], observed: Bool[Array, "..."] | None = None
    ) -> Float[Array, " size"]:
        context = jnp.zeros(self.shape, events.dtype)
        return jnp.concatenate([self.normal.initial(events, observed), context])


def warped_head(latent: int, couplings: int, key: PRNGKeyArray, **nets: Any) -> WarpedHead:
    """A posterior of so many couplings."""
    return WarpedHead((latent,), _couplings(latent, couplings, key, condition=latent, **nets))


def warped_prior(
    latent: int, couplings: int, key: PRNGKeyArray, *, dtype: str, **nets: Any
) -> Flow:
    """A prior of so many couplings, which starts as standard normal numbers."""
    bijection = _couplings(latent, couplings, key, dtype=dtype, **nets)
    zeros = jnp.zeros(latent, dtype)
    return Flow(Normal(zeros, zeros + 1), bijection, (latent,), extended=False)


def _couplings(latent: int, count: int, key: PRNGKeyArray, *, hidden: Any, **nets: Any) -> Repeated:
    if latent < 2:
        raise OptionError(
            "A flow of codes needs codes of 2 numbers or more: one part says how the other moves."
        )
    map, stays = ShiftAndScale(), latent // 2

    def layer(key: PRNGKeyArray) -> AbstractBijection:
        net = MLP(stays, hidden, (latent - stays) * map.numbers, **nets, key=key)
        return Chain((Coupling(map, quiet(net)), Reversal()))

    return Repeated(eqx.filter_vmap(layer)(jax.random.split(key, count)))
