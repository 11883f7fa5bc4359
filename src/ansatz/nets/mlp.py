"""A multilayer perceptron."""

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.nets.conditioning import beside
from ansatz.nets.linear import Linear, chain, glorot, linear
from ansatz.nets.nonlinear import Nonlinear, Normalise, nonlinear


class MLP(eqx.Module):
    """x, c -> W_n a(... a(W_1 [x, c] + b_1)) + b_n.

    What stands for a(...) is said by `Nonlinear`. With `modulate` the condition enters there, at
    every hidden layer, and not beside x. Weights start as `glorot` says, biases at zero.
    """

    layers: tuple[Linear, ...]
    between: tuple[Nonlinear, ...]
    modulate: bool = eqx.field(static=True)

    def __init__(
        self,
        size_in: int,
        hidden: tuple[int, ...],
        size_out: int,
        *,
        condition: int = 0,
        activation: str = "tanh",
        dropout: float = 0.0,
        normalise: Normalise = "none",
        modulate: bool = False,
        dtype: str = "float32",
        key: PRNGKeyArray,
    ) -> None:
        self.between = nonlinear(
            hidden,
            condition=condition,
            activation=activation,
            dropout=dropout,
            normalise=normalise,
            modulate=modulate,
            dtype=dtype,
        )
        first = size_in if modulate else size_in + condition
        gains = [*(then.gain for then in self.between), 1.0]
        shapes = chain(first, *hidden, size_out)
        self.layers = linear(glorot(shapes, gains, dtype=dtype, key=key))
        self.modulate = modulate

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " out"]:
        h = beside(x, None if self.modulate else condition)
        for layer, then in zip(self.layers[:-1], self.between, strict=True):
            h = then(layer(h), condition, key=key)
        return self.layers[-1](h)

    def with_output_bias(self, bias: Float[Array, " out"]) -> "MLP":
        """The same net whose last layer starts from this output."""
        return eqx.tree_at(lambda net: net.layers[-1].bias, self, bias)
