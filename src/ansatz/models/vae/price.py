"""The price of a code: log q(z | x) - log p(z), of which as much as can be is known exactly."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ansatz.distributions import AbstractDistribution, kl_terms
from ansatz.models.vae.cascade import AbstractCascade
from ansatz.models.vae.hierarchy import Hierarchy

Rest = Callable[[Any, Array], Float[Array, ""]]


def price(
    q: AbstractDistribution | AbstractCascade, p: Any, dtype: DTypeLike, *, exactly: bool
) -> tuple[Float[Array, " terms"], Rest]:
    """(terms, rest) with KL(q || p) = sum(terms) + E_q[rest(q, z)].

    If `exactly`, the terms are the divergence where it has a closed form, one for each latent
    where these are independent, and else minus the entropy of q where that has one; what is left
    is for draws to say; of a hierarchy, minus the entropies of its levels along the draw.
    Otherwise all of it is.
    """
    if exactly:
        terms = None
        if isinstance(q, AbstractDistribution) and isinstance(p, AbstractDistribution):
            terms = kl_terms(q, p)
        if terms is not None:
            return terms.ravel(), lambda _, z: jnp.zeros((), z.dtype)
        entropy = q.entropy()
        if entropy is not None:
            return -entropy[None], lambda _, z: -p.log_prob(z)
    nothing = jnp.zeros(0, dtype)
    if exactly and isinstance(q, Hierarchy):
        return nothing, lambda q, z: -q.entropies(z) - p.log_prob(z)
    return nothing, lambda q, z: q.log_prob(z) - p.log_prob(z)
