"""Numbers in nats, exact or by sampling, and the entropy of a distribution as one."""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions.abstract import AbstractDistribution
from ansatz.protocol.errors import OptionError


class Nats(eqx.Module):
    """A number of nats, with its standard error; the error is zero if the number is exact."""

    value: Float[Array, ""]
    error: Float[Array, ""]
    exact: bool = eqx.field(static=True)


def exactly(value: Float[Array, ""]) -> Nats:
    """A number of nats that is known exactly."""
    return Nats(value, jnp.zeros_like(value), exact=True)


def entropy(p: AbstractDistribution, *, key: PRNGKeyArray | None = None, samples: int = 1) -> Nats:
    """The entropy H = −E_p log p(x) of any distribution.

    It is exact where the distribution knows it, and then `key` and `samples` are not used.
    Otherwise it is the mean over `samples` independent draws, with the standard error of that
    mean and an unbiased gradient, as for `kl`.
    """
    value = p.entropy()
    if value is not None:
        return exactly(value)
    name = f"The entropy of a {type(p).__name__}"
    return by_sampling(name, p, lambda _, log_p: -log_p, key, samples)


def by_sampling(
    name: str,
    p: AbstractDistribution,
    term: Callable[[Array, Float[Array, ""]], Float[Array, ""]],
    key: PRNGKeyArray | None,
    samples: int,
) -> Nats:
    """E_p[term(x, log p(x))] by the mean over `samples` independent draws from p.

    One draw says nothing of its own error, which is then infinite. The gradient of the mean is
    unbiased: through the draws if p is reparameterised, and otherwise by the score of p, with
    the mean of the other draws as baseline.
    """
    if key is None:
        raise OptionError(
            f"{name} has no closed form here; pass a `key` and a number of `samples` to "
            "estimate it."
        )
    if samples < 1:
        raise OptionError(f"{name} is estimated from 1 sample or more, not {samples}.")
    draw = p.sample_and_log_prob if p.reparameterised else partial(_fixed_draw, p)
    x, log_p = jax.vmap(draw)(jax.random.split(key, samples))
    terms = jax.vmap(term)(x, log_p)
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
    return Nats(jnp.mean(terms), error, exact=False)


def _fixed_draw(
    p: AbstractDistribution, key: PRNGKeyArray
) -> tuple[Float[Array, "..."], Float[Array, ""]]:
    """A draw that is held fixed, and its log p.

    What moves with the parameters in a draw that is not reparameterised, as within a component
    of a mixture, would be counted again by the score.
    """
    x = jax.lax.stop_gradient(p.sample(key))
    return x, p.log_prob(x)
