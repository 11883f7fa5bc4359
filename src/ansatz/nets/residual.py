"""A perceptron whose layers add to what they are given."""

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.nets.conditioning import beside
from ansatz.nets.linear import Linear, glorot, linear
from ansatz.nets.nonlinear import Nonlinear, Normalise, nonlinear
from ansatz.protocol.errors import OptionError


class Block(eqx.Module):
    """h -> h + W_2 a(W_1 a(h) + b_1) + b_2 (He et al., 2016)."""

    before: Nonlinear
    first: Linear
    within: Nonlinear
    second: Linear

    def __call__(
        self,
        h: Float[Array, " width"],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " width"]:
        inner = self.first(self.before(h, condition, key=key))
        return h + self.second(self.within(inner, condition, key=key))


class ResidualMLP(eqx.Module):
    """x, c -> V (block_n ∘ ... ∘ block_1)(U [x, c] + u) + v.

    `hidden` has one width for every block, all equal. What stands for a(...) in a block is said
    by `Nonlinear`; with `modulate` the condition enters there and not beside x.

    The second matrix of each of n blocks starts 1/sqrt(n) times as large as in an MLP: so the
    variance grows by a bounded factor however many blocks there are, and yet every parameter
    learns from the first step, as it would not if that matrix were zero.
    """

    first: Linear
    blocks: tuple[Block, ...]
    last: Linear
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
        if len(set(hidden)) != 1:
            raise OptionError(
                "A residual net adds each block's output to its input, so hidden needs one width, "
                f"said once for every block, such as (256, 256); it is {hidden}."
            )
        n, width = len(hidden), hidden[0]
        between = nonlinear(
            (width,) * 2 * n,
            condition=condition,
            activation=activation,
            dropout=dropout,
            normalise=normalise,
            modulate=modulate,
            dtype=dtype,
        )
        first = size_in if modulate else size_in + condition
        shapes = [(width, first), *[(width, width)] * 2 * n, (size_out, width)]
        gains = [1.0, *(between[0].gain, n**-0.5) * n, 1.0]
        self.first, *inner, self.last = linear(glorot(shapes, gains, dtype=dtype, key=key))
        self.blocks = tuple(
            Block(between[i], inner[i], between[i + 1], inner[i + 1]) for i in range(0, 2 * n, 2)
        )
        self.modulate = modulate

    def __call__(
        self,
        x: Float[Array, "..."],
        condition: Float[Array, " condition"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " out"]:
        h = self.first(beside(x, None if self.modulate else condition))
        for block in self.blocks:
            h = block(h, condition, key=key)
        return self.last(h)

    def with_output_bias(self, bias: Float[Array, " out"]) -> "ResidualMLP":
        """The same net whose last layer starts from this output."""
        return eqx.tree_at(lambda net: net.last.bias, self, bias)
