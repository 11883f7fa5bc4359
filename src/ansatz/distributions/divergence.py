"""The Kullback-Leibler divergence, in closed form or by sampling."""

from collections.abc import Callable
from typing import TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution
from ansatz.distributions.nats import Nats, by_sampling, exactly

P = TypeVar("P", bound=AbstractDistribution)
Q = TypeVar("Q", bound=AbstractDistribution)
Terms = Float[Array, "..."] | None

_CLOSED_FORMS: dict[tuple[type, type], Callable[..., Terms]] = {}


def closed_form(
    p: type[P], q: type[Q]
) -> Callable[[Callable[[P, Q], Terms]], Callable[[P, Q], Terms]]:
    """A decorator that makes a function of (p, q) the exact KL(p‖q) of two types.

    A family writes it below its class, for exactly these types in this order. The function
    gives the terms whose sum is the divergence: one per coordinate where coordinates are
    independent. A family made of others gives nothing where theirs have no closed form.
    """

    def register(function: Callable[[P, Q], Terms]) -> Callable[[P, Q], Terms]:
        if (p, q) in _CLOSED_FORMS:
            raise ValueError(
                f"The closed form of KL({p.__name__}‖{q.__name__}) is already registered."
            )
        _CLOSED_FORMS[p, q] = function
        return function

    return register


def kl_terms(p: AbstractDistribution, q: AbstractDistribution) -> Terms:
    """The terms of KL(p‖q) in closed form, or nothing where there is none."""
    function = _CLOSED_FORMS.get((type(p), type(q)))
    return None if function is None else function(p, q)


def kl(
    p: AbstractDistribution,
    q: AbstractDistribution,
    *,
    key: PRNGKeyArray | None = None,
    samples: int = 1,
) -> Nats:
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
    terms = kl_terms(p, q)
    if terms is not None:
        return exactly(jnp.sum(terms))
    name = f"KL({type(p).__name__}‖{type(q).__name__})"
    return by_sampling(name, p, lambda x, log_p: log_p - q.log_prob(x), key, samples)
