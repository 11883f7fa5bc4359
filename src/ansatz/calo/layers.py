"""The voxels of a shower as a token for each layer, and linear maps of their own for layers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from ansatz.calo.geometry import Geometry


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

    def table(self, row: Shaped[Array, " voxels"]) -> Shaped[Array, "layers most"]:
        """The voxels layer by layer, zeros where a layer has none."""
        if min(self.sizes) == self.most:
            return row.reshape(len(self.sizes), self.most)
        return (
            jnp.zeros(len(self.sizes) * self.most, row.dtype)
            .at[self._places]
            .set(row)
            .reshape(len(self.sizes), self.most)
        )

    def row(self, table: Shaped[Array, "layers most"]) -> Shaped[Array, " voxels"]:
        """The other way round."""
        if min(self.sizes) == self.most:
            return table.ravel()
        return table.ravel()[self._places]

    @property
    def there(self) -> np.ndarray:
        """Where a table has voxels."""
        return np.arange(self.most) < np.array(self.sizes)[:, None]

    def within(
        self, table: Float[Array, "layers most"], otherwise: float
    ) -> Float[Array, "layers most"]:
        """The table, and something else where it has no voxels."""
        if min(self.sizes) == self.most:
            return table
        return jnp.where(self.there, table, otherwise)

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
