"""A multilayer perceptron that may be conditioned and may drop units out."""

from collections.abc import Callable
from itertools import accumulate, pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
}


class Linear(eqx.Module):
    """y = W x + b."""

    weight: Float[Array, "out in"]
    bias: Float[Array, " out"]

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        return self.weight @ x + self.bias


class MLP(eqx.Module):
    """x, c -> W_n a(... a(W_1 [x, c] + b_1)) + b_n, dropout after every hidden layer.

    Weights are Glorot uniform at first (Glorot and Bengio, 2010), which keeps the variance of
    signals and of gradients as it is; biases are zero.
    """

    layers: tuple[Linear, ...]
    dropout: eqx.nn.Dropout
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        size_in: int,
        hidden: tuple[int, ...],
        size_out: int,
        *,
        condition: int = 0,
        activation: str = "tanh",
        dropout: float = 0.0,
        dtype: str = "float32",
        key: PRNGKeyArray,
    ) -> None:
        shapes = list(pairwise((size_in + condition, *hidden, size_out)))
        # One draw for all layers: compiling a draw takes far longer than making it.
        ends = list(accumulate(a * b for a, b in shapes))
        drawn = jnp.split(
            jax.random.uniform(key, (ends[-1],), dtype, minval=-1, maxval=1), ends[:-1]
        )
        self.layers = tuple(
            Linear((6 / (a + b)) ** 0.5 * w.reshape(b, a), jnp.zeros(b, dtype))
            for (a, b), w in zip(shapes, drawn, strict=True)
        )
        self.dropout = eqx.nn.Dropout(dropout)
        self.activation = activation

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " out"]:
        x = x.ravel()
        if condition is not None:
            x = jnp.concatenate([x, condition])
        active = ACTIVATIONS[self.activation]
        for i, layer in enumerate(self.layers[:-1]):
            x = active(layer(x))
            if self.dropout.p > 0:
                x = self.dropout(x, key=None if key is None else jax.random.fold_in(key, i))
        return self.layers[-1](x)

    def with_output_bias(self, bias: Float[Array, " out"]) -> "MLP":
        """The same net whose last layer starts from this output."""
        return eqx.tree_at(lambda net: net.layers[-1].bias, self, bias)
