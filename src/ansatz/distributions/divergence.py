"""The Kullback-Leibler divergence, in closed form or by sampling."""

from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution
from ansatz.protocol.errors import OptionError

P = TypeVar("P", bound=AbstractDistribution)
Q = TypeVar("Q", bound=AbstractDistribution)

_CLOSED_FORMS: dict[tuple[type, type], Callable[..., Float[Array, ""]]] = {}


class Divergence(eqx.Module):
    """A divergence in nats, with its standard error; the error is zero if it is exact."""

    value: Float[Array, ""]
    error: Float[Array, ""]
    exact: bool = eqx.field(static=True)


def closed_form(
    p: type[P], q: type[Q]
) -> Callable[[Callable[[P, Q], Float[Array, ""]]], Callable[[P, Q], Float[Array, ""]]]:
    """A decorator that makes a function of (p, q) the exact KL(p‖q) of two types.

    A family writes it below its class, for exactly these types in this order.
    """

    def register(
        function: Callable[[P, Q], Float[Array, ""]],
    ) -> Callable[[P, Q], Float[Array, ""]]:
        if (p, q) in _CLOSED_FORMS:
            raise ValueError(
                f"The closed form of KL({p.__name__}‖{q.__name__}) is already registered."
            )
        _CLOSED_FORMS[p, q] = function
        return function

    return register


def kl(
    p: AbstractDistribution,
    q: AbstractDistribution,
    *,
    key: PRNGKeyArray | None = None,
    samples: int = 1,
) -> Divergence:
    """The Kullback-Leibler divergence KL(p‖q) = E_p [log p(x) − log q(x)].

    It is exact where the two types have a closed form, and then `key` and `samples` are not
    used. Otherwise it is the mean over `samples` independent draws from p, with the standard
    error of that mean; one draw says nothing of its own error, which is then infinite.

    The gradient of the mean is an unbiased estimate of the divergence's gradient: through the
    draws if p is reparameterised, and otherwise by the score of p, with the mean of the other
    draws as baseline.
    """
    if p.shape != q.shape:
        raise ValueError(
            f"A divergence needs two distributions over the same events, but those of p have "
            f"shape {p.shape} and those of q have shape {q.shape}."
        )
    function = _CLOSED_FORMS.get((type(p), type(q)))
    if function is not None:
        value = function(p, q)
        return Divergence(value, jnp.zeros_like(value), exact=True)
    if key is None:
        raise OptionError(
            f"KL({type(p).__name__}‖{type(q).__name__}) has no closed form here; pass kl a `key` "
            "and a number of `samples` to estimate it."
        )
    if samples < 1:
        raise OptionError(f"A divergence is estimated from 1 sample or more, not {samples}.")
    return _estimate(p, q, key, samples)


def _estimate(
    p: AbstractDistribution, q: AbstractDistribution, key: PRNGKeyArray, samples: int
) -> Divergence:
    x, log_p = jax.vmap(p.sample_and_log_prob)(jax.random.split(key, samples))
    terms = log_p - jax.vmap(q.log_prob)(x)
    # The error is a report. Its gradient, infinite where all the terms agree, is cut off.
    fixed = jax.lax.stop_gradient(terms)
    if samples == 1:
        error = jnp.full_like(fixed[0], jnp.inf)
        baseline = jnp.zeros_like(fixed)
    else:
        error = jnp.std(fixed, ddof=1) / samples**0.5
        baseline = (jnp.sum(fixed) - fixed) / (samples - 1)
    if not p.reparameterised:
        # Zero in value; its gradient is that of the density the draws come from.
        terms = terms + (fixed - baseline) * (log_p - jax.lax.stop_gradient(log_p))
    return Divergence(jnp.mean(terms), error, exact=False)
