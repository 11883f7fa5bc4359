"""Linear maps, and the random numbers that a net's weights start from."""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class Linear(eqx.Module):
    """y = W x + b."""

    weight: Float[Array, "out in"]
    bias: Float[Array, " out"]

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        # In this order the events of a batch stay rows in memory, as all that follows wants them.
        return x @ self.weight.T + self.bias


def chain(*widths: int) -> list[tuple[int, int]]:
    """The shapes (out, in) of the matrices that lead from each width to the next."""
    return [(after, before) for before, after in pairwise(widths)]


def glorot(
    shapes: Sequence[tuple[int, int]],
    gains: Sequence[float],
    *,
    dtype: str,
    key: PRNGKeyArray,
) -> list[Float[Array, "out in"]]:
    """A matrix for each of the shapes (out, in), uniform within ± gain sqrt(6 / (in + out)).

    With a gain of 1 this start (Glorot and Bengio, 2010) keeps the variance of signals on their
    way in and of gradients on their way back.
    """
    return _drawn(tuple(shapes), tuple(gains), dtype, key)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _drawn(
    shapes: tuple[tuple[int, int], ...], gains: tuple[float, ...], dtype: str, key: PRNGKeyArray
) -> list[Float[Array, "out in"]]:
    # One draw for a whole net: compiling a draw takes far longer than making it.
    ends = list(accumulate(rows * columns for rows, columns in shapes))
    drawn = jax.random.uniform(key, (ends[-1],), dtype, minval=-1, maxval=1)
    return [
        gain * (6 / sum(shape)) ** 0.5 * piece.reshape(shape)
        for shape, gain, piece in zip(shapes, gains, jnp.split(drawn, ends[:-1]), strict=True)
    ]


def linear(weights: Sequence[Float[Array, "_ _"]]) -> tuple[Linear, ...]:
    """A linear map for each of the matrices, its bias zero."""
    return tuple(Linear(weight, jnp.zeros(len(weight), weight.dtype)) for weight in weights)
