"""A multilayer perceptron whose outputs see only the inputs before them."""

from itertools import pairwise

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ansatz.nets.linear import Linear, chain, glorot, linear
from ansatz.nets.nonlinear import Nonlinear, nonlinear


class MaskedMLP(eqx.Module):
    """x, c -> (numbers, size) in a row, of which column i depends on x_1, ..., x_(i−1) and c.

    A masked autoencoder (Germain and others, 2015): every unit has a degree and may see those
    units alone whose degree is at most its own, and an output those of a smaller one. The
    condition has the degree 0.
    """

    layers: tuple[Linear, ...]
    between: tuple[Nonlinear, ...]
    size: int = eqx.field(static=True)
    numbers: int = eqx.field(static=True)
    condition: int = eqx.field(static=True)

    def __init__(
        self,
        size: int,
        hidden: tuple[int, ...],
        numbers: int,
        *,
        condition: int = 0,
        activation: str = "relu",
        dtype: str = "float32",
        key: PRNGKeyArray,
    ) -> None:
        self.between = nonlinear(hidden, activation=activation, dtype=dtype)
        gains = [*(then.gain for then in self.between), 1.0]
        shapes = chain(size + condition, *hidden, size * numbers)
        self.layers = linear(glorot(shapes, gains, dtype=dtype, key=key))
        self.size, self.numbers, self.condition = size, numbers, condition

    def masks(self) -> list[Bool[np.ndarray, "out in"]]:
        """Which weights of each layer count."""
        # Without a condition there is nothing of degree 0 to see.
        lowest = 0 if self.condition or self.size == 1 else 1
        levels = max(self.size - lowest, 1)
        degrees = [np.concatenate([np.arange(1, self.size + 1), np.zeros(self.condition, int)])]
        for layer in self.layers[:-1]:
            width = len(layer.bias)
            degrees.append(lowest + np.arange(width) * levels // width)
        out = np.tile(np.arange(1, self.size + 1), self.numbers)
        inner = [after[:, None] >= before for before, after in pairwise(degrees)]
        return [*inner, out[:, None] > degrees[-1]]

    def __call__(
        self,
        x: Float[Array, " size"],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " out"]:
        h = x if condition is None else jnp.concatenate([x, condition])
        layers = [
            Linear(jnp.where(mask, layer.weight, 0), layer.bias)
            for layer, mask in zip(self.layers, self.masks(), strict=True)
        ]
        for layer, then in zip(layers[:-1], self.between, strict=True):
            h = then(layer(h))
        return layers[-1](h)
