"""The voxels of a shower as a token for each layer, and nets that mix tokens."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.calo.geometry import Geometry
from ansatz.nets.linear import Linear, glorot, linear
from ansatz.nets.normalisation import LayerNorm


class Layout(eqx.Module):
    """Rows of voxels and tables (layer, place) of them; layers that are smaller have room left."""

    sizes: tuple[int, ...] = eqx.field(static=True)
    """Voxels of each layer."""

    @classmethod
    def of(cls, geometry: Geometry) -> "Layout":
        return cls(tuple(part.stop - part.start for part in geometry.layers))

    @property
    def most(self) -> int:
        """Voxels of the largest layer."""
        return max(self.sizes)

    def table(self, row: Float[Array, " voxels"]) -> Float[Array, "layers most"]:
        """The voxels layer by layer, zeros where a layer has none."""
        if min(self.sizes) == self.most:
            return row.reshape(len(self.sizes), self.most)
        return (
            jnp.zeros(len(self.sizes) * self.most, row.dtype)
            .at[self._places]
            .set(row)
            .reshape(len(self.sizes), self.most)
        )

    def row(self, table: Float[Array, "layers most"]) -> Float[Array, " voxels"]:
        """The other way round."""
        if min(self.sizes) == self.most:
            return table.ravel()
        return table.ravel()[self._places]

    @property
    def _places(self) -> np.ndarray:
        return np.concatenate(
            [layer * self.most + np.arange(size) for layer, size in enumerate(self.sizes)]
        )


class Each(eqx.Module):
    """y_l = W_l x_l + b_l: a linear map for every layer, from its voxels or to them."""

    weight: Float[Array, "layers in out"]
    bias: Float[Array, "layers out"]

    @classmethod
    def drawn(
        cls, layers: int, size_in: int, size_out: int, dtype: str, key: PRNGKeyArray
    ) -> "Each":
        """Uniform within ± sqrt(6 / (in + out)), as `glorot` says of one layer."""
        reach = (6 / (size_in + size_out)) ** 0.5
        shape = layers, size_in, size_out
        weight = jax.random.uniform(key, shape, dtype, minval=-reach, maxval=reach)
        return cls(weight, jnp.zeros((layers, size_out), dtype))

    def __call__(self, x: Float[Array, "layers in"]) -> Float[Array, "layers out"]:
        return jnp.einsum("li,lio->lo", x, self.weight) + self.bias


class Mixing(eqx.Module):
    """h -> h + V_1 a(U_1 n(h)) over layers, and then h + V_2 a(U_2 n(h)) over features.

    Products of matrices alone, which cost a processor far less than convolutions (Tolstikhin et
    al., 2021).
    """

    norms: tuple[LayerNorm, LayerNorm]
    over_layers: tuple[Linear, Linear]
    over_features: tuple[Linear, Linear]

    @classmethod
    def drawn(
        cls, layers: int, features: int, depth: int, dtype: str, key: PRNGKeyArray
    ) -> "Mixing":
        """One of `depth` blocks."""
        wide = 2 * layers, 2 * features
        shapes = [(wide[0], layers), (layers, wide[0]), (wide[1], features), (features, wide[1])]
        gains = [2**0.5, depth**-0.5] * 2
        one, two, three, four = linear(glorot(shapes, gains, dtype=dtype, key=key))
        norms = LayerNorm(features, dtype=dtype), LayerNorm(features, dtype=dtype)
        return cls(norms, (one, two), (three, four))

    def __call__(self, h: Float[Array, "layers features"]) -> Float[Array, "layers features"]:
        first, second = (jax.vmap(linear) for linear in self.over_layers)
        h = h + second(jax.nn.gelu(first(self.norms[0](h).T))).T
        first, second = (jax.vmap(linear) for linear in self.over_features)
        return h + second(jax.nn.gelu(first(self.norms[1](h))))


def blocks(
    layers: int, features: int, depth: int, dtype: str, key: PRNGKeyArray
) -> tuple[Mixing, ...]:
    """So many blocks, one after the other."""
    return tuple(
        Mixing.drawn(layers, features, depth, dtype, one) for one in jax.random.split(key, depth)
    )


def dense(shape: tuple[int, int], dtype: str, key: PRNGKeyArray) -> Linear:
    """One linear map (out, in)."""
    return linear(glorot([shape], [1.0], dtype=dtype, key=key))[0]
