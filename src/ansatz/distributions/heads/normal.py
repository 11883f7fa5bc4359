"""Heads of independent normal coordinates, which differ in where the scale comes from."""

import math
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from ansatz.distributions.heads.abstract import AbstractDensityHead, AbstractElementwiseHead
from ansatz.distributions.heads.fitting import average, deviation
from ansatz.distributions.heads.positive import positive, raw_of
from ansatz.distributions.normal import Normal
from ansatz.protocol.errors import OptionError


class NormalHead(AbstractElementwiseHead, AbstractDensityHead):
    """Normal coordinates; the raw numbers are their means and, through softplus, their scales."""

    numbers: ClassVar[int] = 2

    shape: tuple[int, ...] = eqx.field(static=True)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Normal:
        return Normal(raw[0], positive(raw[1]))

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        scale = deviation(events, observed)
        return jnp.stack([average(events, observed), raw_of(scale)])


class FixedNormalHead(AbstractElementwiseHead, AbstractDensityHead):
    """Normal coordinates of one given scale; the raw numbers are their means.

    Its −log p is the squared error over 2 scale², and a constant.
    """

    numbers: ClassVar[int] = 1

    shape: tuple[int, ...] = eqx.field(static=True)
    scale: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        _check_scale(self, self.scale)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Normal:
        return Normal(raw[0], jnp.full_like(raw[0], self.scale))

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        return average(events, observed)[None]


class SharedNormalHead(AbstractElementwiseHead, AbstractDensityHead):
    """Normal coordinates of one learnt scale; the raw numbers are their means.

    `log_scale` is a parameter of the head itself, the same for every coordinate and every
    event. At the optimum the scale is the root mean square residual.
    """

    numbers: ClassVar[int] = 1

    shape: tuple[int, ...] = eqx.field(static=True)
    log_scale: Float[Array, ""]

    def __init__(
        self, shape: tuple[int, ...], *, dtype: DTypeLike | None = None, scale: float = 1.0
    ) -> None:
        """`dtype` is JAX's default floating type if not given; `scale` is where learning starts."""
        _check_scale(self, scale)
        dtype = jnp.result_type(float) if dtype is None else dtype
        self.shape = shape
        self.log_scale = jnp.asarray(math.log(scale), dtype)

    def elementwise(self, raw: Float[Array, "numbers *shape"]) -> Normal:
        return Normal(raw[0], jnp.broadcast_to(jnp.exp(self.log_scale), raw[0].shape))

    def fitted(
        self, events: Float[Array, "n *shape"], observed: Bool[Array, "n *shape"] | None
    ) -> Float[Array, "numbers *shape"]:
        return average(events, observed)[None]


def _check_scale(head: AbstractElementwiseHead, scale: float) -> None:
    if not 0 < scale < math.inf:
        raise OptionError(
            f"The scale of a {type(head).__name__} must be positive and finite, not {scale}."
        )
