"""The nets of a shower generator: what is seen of a shower, and what a code says of one.

Voxels are seen as logits of their share e = E_vox / E_inc of the incident energy,

    u = log(x (1 − R) / (R (1 − x))),    x = R + (1 − 2R) e,    R = 1e-7,

zero where a voxel is empty and about 32 where it has all.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.calo.layers import Each, Layout
from ansatz.nets.residual import ResidualMLP

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
    """A shower and ln E_inc -> numbers for every level of the encoder.

    A layer is a token of its own, from the logits of its voxels and of its energy's share; all
    of them together enter a residual net. Products of matrices alone: convolutions would cost a
    processor several times as much.
    """

    layout: Layout
    embed: Each
    net: ResidualMLP

    @classmethod
    def drawn(
        cls, layout: Layout, features: int, depth: int, width: int, dtype: str, key: PRNGKeyArray
    ) -> "ShowerTrunk":
        key_embed, key_net = jax.random.split(key)
        layers = len(layout.sizes)
        net = ResidualMLP(
            layers * features,
            (width,) * depth,
            width,
            condition=len(PLACES),
            activation="gelu",
            normalise="layer",
            dtype=dtype,
            key=key_net,
        )
        return cls(layout, Each.drawn(layers, layout.most + 1, features, dtype, key_embed), net)

    def __call__(
        self, shower: Float[Array, " voxels"], condition: Float[Array, " one"]
    ) -> Float[Array, " width"]:
        share = self.layout.table(shower * jnp.exp(-condition[0]))
        whole = jnp.sum(share, 1, keepdims=True)
        tokens = self.embed(logits(jnp.concatenate([share, whole], axis=1)) / SPAN)
        return jax.nn.gelu(self.net(jax.nn.gelu(tokens).ravel(), bumps(condition)))


class ShowerDecoder(eqx.Module):
    """A code and ln E_inc -> numbers of voxels, kind by kind, of layers, and ln E_inc last.

    A residual net makes a token for every layer, and a linear map of the layer's own the numbers,
    from the token and ln E_inc.
    """

    layout: Layout
    net: ResidualMLP
    out: Each
    of_voxels: int = eqx.field(static=True)
    of_layers: int = eqx.field(static=True)

    @classmethod
    def drawn(
        cls,
        layout: Layout,
        latent: int,
        features: int,
        depth: int,
        width: int,
        numbers: tuple[int, int],
        dtype: str,
        key: PRNGKeyArray,
    ) -> "ShowerDecoder":
        """`numbers` of every voxel and of every layer."""
        key_net, key_out = jax.random.split(key)
        layers = len(layout.sizes)
        net = ResidualMLP(
            latent,
            (width,) * depth,
            layers * features,
            condition=len(PLACES),
            activation="gelu",
            normalise="layer",
            dtype=dtype,
            key=key_net,
        )
        size = numbers[0] * layout.most + numbers[1]
        out = Each.drawn(layers, features + len(PLACES), size, dtype, key_out)
        return cls(layout, net, out, *numbers)

    def __call__(
        self,
        code: Float[Array, " code"],
        condition: Float[Array, " one"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " numbers"]:
        given = bumps(condition)
        layers = len(self.layout.sizes)
        tokens = jax.nn.gelu(self.net(2 * code - 1, given)).reshape(layers, -1)
        beside = jnp.broadcast_to(given, (layers, len(PLACES)))
        numbers = self.out(jnp.concatenate([tokens, beside], axis=1))
        tables, own = jnp.split(numbers, [self.of_voxels * self.layout.most], axis=1)
        tables = tables.reshape(layers, self.of_voxels, -1)
        rows = [self.layout.row(tables[:, kind]) for kind in range(self.of_voxels)]
        return jnp.concatenate([*rows, own.T.ravel(), condition])

    def with_output_bias(self, raw: Float[Array, " numbers"]) -> "ShowerDecoder":
        """The same net that starts from these numbers, but for ln E_inc."""
        layers = len(self.layout.sizes)
        voxels, own = jnp.split(raw[:-1], [len(raw) - 1 - self.of_layers * layers])
        rows = voxels.reshape(self.of_voxels, -1)
        tables = jnp.stack([self.layout.table(row) for row in rows], 1).reshape(layers, -1)
        bias = jnp.concatenate([tables, own.reshape(self.of_layers, layers).T], axis=1)
        return eqx.tree_at(lambda net: net.out.bias, self, bias)
