"""Heads: what a network's raw output means."""

import abc
import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ansatz.distributions.abstract import AbstractDistribution
from ansatz.distributions.bernoulli import Bernoulli
from ansatz.distributions.logistic import Logistic
from ansatz.distributions.normal import Normal
from ansatz.protocol.errors import OptionError


class AbstractHead(eqx.Module):
    """A map from a network's raw output to a distribution over an event.

    The raw output has the shape (numbers, *event shape): any real numbers, `numbers` of them
    for each coordinate of the event.
    """

    numbers: eqx.AbstractVar[int]
    discrete: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def __call__(self, raw: Float[Array, "numbers *shape"]) -> AbstractDistribution:
        """The distribution that the raw output stands for."""

    @abc.abstractmethod
    def initial(
        self, mean: Float[Array, "*shape"], variance: Float[Array, "*shape"]
    ) -> Float[Array, "numbers *shape"]:
        """A raw output whose distribution has this mean and variance, as nearly as it can.

        Set as the bias of a network's last layer, it starts training from the data's own
        averages. A coordinate that does not vary, up to rounding, is started with unit
        variance, since it says nothing of its scale.
        """


class BernoulliHead(AbstractHead):
    """Binary coordinates; the raw numbers are their logits."""

    discrete: ClassVar[bool] = True
    numbers: int = eqx.field(static=True, default=1, init=False)

    def __call__(self, raw: Float[Array, "numbers *shape"]) -> Bernoulli:
        _check_raw(self, raw)
        return Bernoulli(raw[0])

    def initial(
        self, mean: Float[Array, "*shape"], variance: Float[Array, "*shape"]
    ) -> Float[Array, "numbers *shape"]:
        # A pixel that is always dark starts at one in a thousand, where gradients still move it.
        mean = jnp.clip(mean, 1e-3, 1 - 1e-3)
        return (jnp.log(mean) - jnp.log1p(-mean))[None]


class LogisticHead(AbstractHead):
    """Logistic coordinates; the raw numbers are their locations and, through softplus, scales."""

    discrete: ClassVar[bool] = False
    numbers: int = eqx.field(static=True, default=2, init=False)

    def __call__(self, raw: Float[Array, "numbers *shape"]) -> Logistic:
        _check_raw(self, raw)
        return Logistic(raw[0], jax.nn.softplus(raw[1]))

    def initial(
        self, mean: Float[Array, "*shape"], variance: Float[Array, "*shape"]
    ) -> Float[Array, "numbers *shape"]:
        # The variance of a logistic distribution is s² π² / 3.
        scale = _deviation(mean, variance) * (math.sqrt(3) / math.pi)
        return jnp.stack([mean, _softplus_inverse(scale)])


class FixedNormalHead(AbstractHead):
    """Normal coordinates of one given scale; the raw numbers are their means.

    Its −log p is the squared error over 2 scale², and a constant.
    """

    discrete: ClassVar[bool] = False

    scale: float = eqx.field(static=True)
    numbers: int = eqx.field(static=True, default=1, init=False)

    def __check_init__(self) -> None:
        _check_scale(self, self.scale)

    def __call__(self, raw: Float[Array, "numbers *shape"]) -> Normal:
        _check_raw(self, raw)
        return Normal(raw[0], jnp.full_like(raw[0], self.scale))

    def initial(
        self, mean: Float[Array, "*shape"], variance: Float[Array, "*shape"]
    ) -> Float[Array, "numbers *shape"]:
        return mean[None]


class SharedNormalHead(AbstractHead):
    """Normal coordinates of one learnt scale; the raw numbers are their means.

    `log_scale` is a parameter of the head itself, the same for every coordinate and every
    event. At the optimum the scale is the root mean square residual.
    """

    discrete: ClassVar[bool] = False

    log_scale: Float[Array, ""]
    numbers: int = eqx.field(static=True, default=1, init=False)

    def __init__(self, *, dtype: DTypeLike | None = None, scale: float = 1.0) -> None:
        """`dtype` is JAX's default floating type if not given; `scale` is where learning starts."""
        _check_scale(self, scale)
        dtype = jnp.result_type(float) if dtype is None else dtype
        self.log_scale = jnp.asarray(math.log(scale), dtype)

    def __call__(self, raw: Float[Array, "numbers *shape"]) -> Normal:
        _check_raw(self, raw)
        return Normal(raw[0], jnp.broadcast_to(jnp.exp(self.log_scale), raw[0].shape))

    def initial(
        self, mean: Float[Array, "*shape"], variance: Float[Array, "*shape"]
    ) -> Float[Array, "numbers *shape"]:
        return mean[None]


class NormalHead(AbstractHead):
    """Normal coordinates; the raw numbers are their means and, through softplus, their scales.

    softplus(r) = log(1 + e^r) is e^r where scales are small and r where they are large: unlike
    e^r it turns no event far out into an astronomic variance.
    """

    discrete: ClassVar[bool] = False
    numbers: int = eqx.field(static=True, default=2, init=False)

    def __call__(self, raw: Float[Array, "numbers *shape"]) -> Normal:
        _check_raw(self, raw)
        return Normal(raw[0], jax.nn.softplus(raw[1]))

    def initial(
        self, mean: Float[Array, "*shape"], variance: Float[Array, "*shape"]
    ) -> Float[Array, "numbers *shape"]:
        return jnp.stack([mean, _softplus_inverse(_deviation(mean, variance))])


def _deviation(mean: Array, variance: Array) -> Array:
    """The standard deviation, 1 for a coordinate that does not vary."""
    # A constant c has a computed variance of the order of (eps c)², not of zero.
    rounding = (10 * jnp.finfo(mean.dtype).eps * mean) ** 2
    return jnp.sqrt(jnp.where(variance > rounding, variance, 1))


def _softplus_inverse(scale: Array) -> Array:
    """log(e^s − 1), written so that neither a small nor a large s is lost."""
    return scale + jnp.log(-jnp.expm1(-scale))


def _check_raw(head: AbstractHead, raw: Array) -> None:
    if raw.ndim == 0 or raw.shape[0] != head.numbers:
        raise ValueError(
            f"A {type(head).__name__} needs a raw output of shape ({head.numbers}, *event shape), "
            f"but it was given shape {raw.shape}."
        )


def _check_scale(head: AbstractHead, scale: float) -> None:
    if not 0 < scale < math.inf:
        raise OptionError(
            f"The scale of a {type(head).__name__} must be positive and finite, not {scale}."
        )
