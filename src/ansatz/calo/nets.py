"""The nets of a shower generator: what is seen of a shower, and what a code says of one.

Voxels are seen as logits of their share e = E_vox / E_inc of the incident energy,

    u = log(x (1 − R) / (R (1 − x))),    x = R + (1 − 2R) e,    R = 1e-7,

zero where a voxel is empty and about 32 where it has all.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.calo.layers import Each, Layout, Mixing, blocks, dense
from ansatz.nets.linear import Linear
from ansatz.nets.normalisation import LayerNorm

REST = 1e-7
"""R, below which a share is as good as nothing."""
SPAN = 16.0
"""By what logits are divided for a net: most lie below."""
MIDDLE, DECADE = 10.36, 2.3
"""Of ln E_inc: 32 GeV, and a factor of ten."""
PLACES = tuple(-2.5 + 0.5 * k for k in range(11))
"""Where on that scale a decoder's bumps stand."""


def logits(share: Float[Array, "..."]) -> Float[Array, "..."]:
    """u of shares of the incident energy."""
    x = REST + (1 - 2 * REST) * jnp.clip(share, 0, 1)
    # log(1 - R) - log(R) and log x - log(1 - x), each to all its digits.
    return jnp.log(x) - jnp.log1p(-x) + jnp.log((1 - REST) / REST)


def shares(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """The other way round; nothing where u is not positive."""
    x = jax.nn.sigmoid(u - jnp.log((1 - REST) / REST))
    return jnp.where(u > 0, jnp.clip((x - REST) / (1 - 2 * REST), 0, 1), 0)


def seen(condition: Float[Array, " one"]) -> Float[Array, " one"]:
    """ln E_inc as a net takes it."""
    return (condition - MIDDLE) / DECADE


def bumps(condition: Float[Array, " one"]) -> Float[Array, " places"]:
    """exp(−2 (s − s_k)²) of s = ln E_inc on that scale, at half decades.

    One number beside a thousand bits would be learnt as slowly as any of these.
    """
    return jnp.exp(-2 * (seen(condition) - jnp.asarray(PLACES, condition.dtype)) ** 2)


class ShowerTrunk(eqx.Module):
    """A shower and ln E_inc -> numbers for every level of the encoder: layers are tokens.

    A token begins with the logits of a layer's voxels and the logarithm of its energy's share.
    """

    layout: Layout
    embed: Each
    mixing: tuple[Mixing, ...]
    norm: LayerNorm
    out: Linear

    @classmethod
    def drawn(
        cls, layout: Layout, features: int, depth: int, width: int, dtype: str, key: PRNGKeyArray
    ) -> "ShowerTrunk":
        keys = jax.random.split(key, 3)
        layers = len(layout.sizes)
        return cls(
            layout=layout,
            embed=Each.drawn(layers, layout.most + 2, features, dtype, keys[0]),
            mixing=blocks(layers, features, depth, dtype, keys[1]),
            norm=LayerNorm(features, dtype=dtype),
            out=dense((width, layers * features), dtype, keys[2]),
        )

    def __call__(
        self, shower: Float[Array, " voxels"], condition: Float[Array, " one"]
    ) -> Float[Array, " width"]:
        share = self.layout.table(shower * jnp.exp(-condition[0]))
        whole = logits(jnp.sum(share, 1, keepdims=True))
        energy = jnp.broadcast_to(seen(condition), whole.shape)
        h = self.embed(jnp.concatenate([logits(share) / SPAN, whole / SPAN, energy], axis=1))
        for block in self.mixing:
            h = block(h)
        return jax.nn.gelu(self.out(self.norm(h).ravel()))


class ShowerDecoder(eqx.Module):
    """A code and ln E_inc -> so many numbers for every voxel, kind by kind, and ln E_inc last."""

    layout: Layout
    embed: Linear
    given: Linear
    mixing: tuple[Mixing, ...]
    norm: LayerNorm
    out: Each
    kinds: int = eqx.field(static=True)

    @classmethod
    def drawn(
        cls,
        layout: Layout,
        latent: int,
        features: int,
        depth: int,
        kinds: int,
        dtype: str,
        key: PRNGKeyArray,
    ) -> "ShowerDecoder":
        keys = jax.random.split(key, 4)
        layers = len(layout.sizes)
        return cls(
            layout=layout,
            embed=dense((layers * features, latent), dtype, keys[0]),
            given=Linear(
                jax.random.normal(keys[3], (layers * features, len(PLACES)), dtype),
                jnp.zeros(layers * features, dtype),
            ),
            mixing=blocks(layers, features, depth, dtype, keys[1]),
            norm=LayerNorm(features, dtype=dtype),
            out=Each.drawn(layers, features, kinds * layout.most, dtype, keys[2]),
            kinds=kinds,
        )

    def __call__(
        self,
        code: Float[Array, " code"],
        condition: Float[Array, " one"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " numbers"]:
        h = self.embed(2 * code - 1) + self.given(bumps(condition))
        h = h.reshape(len(self.layout.sizes), -1)
        for block in self.mixing:
            h = block(h)
        tables = self.out(self.norm(h)).reshape(len(self.layout.sizes), self.kinds, -1)
        rows = [self.layout.row(tables[:, kind]) for kind in range(self.kinds)]
        return jnp.concatenate([*rows, condition])

    def with_output_bias(self, raw: Float[Array, " numbers"]) -> "ShowerDecoder":
        """The same net that starts from these numbers, but for ln E_inc."""
        rows = raw[:-1].reshape(self.kinds, -1)
        tables = jnp.stack([self.layout.table(row) for row in rows], 1)
        bias = tables.reshape(len(self.layout.sizes), -1)
        return eqx.tree_at(lambda net: net.out.bias, self, bias)
