"""The Jacobian of any function at a point, and ‖J‖² = Σᵢⱼ (∂fᵢ/∂xⱼ)², exactly or by probes."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

Function = Callable[[Array], Array]


def jacobian(f: Function, x: Float[Array, "..."]) -> Float[Array, "out in"]:
    """J_ij = ∂f_i/∂x_j, both flattened.

    Column by column (forward) or row by row (in reverse), whichever are fewer.
    """
    flat, start = _flat(f, x)
    columns = len(start) < _length(flat, start)
    return (jax.jacfwd if columns else jax.jacrev)(flat)(start)


def squared_norm(f: Function, x: Float[Array, "..."]) -> Float[Array, ""]:
    """‖J‖², exactly."""
    return jnp.sum(jacobian(f, x) ** 2)


def probed_squared_norm(
    f: Function, x: Float[Array, "..."], key: PRNGKeyArray, probes: int
) -> Float[Array, ""]:
    """E‖vᵀJ‖² = ‖J‖² with the signs v drawn so many times (Hutchinson, 1990).

    v stands on the shorter side of J. There the variance of one probe is 2 Σ_{i≠j} (JJᵀ)²_ij, or
    that of JᵀJ, and a probe costs about as much as the function itself.
    """
    flat, start = _flat(f, x)
    out = _length(flat, start)
    signs = jax.random.rademacher(key, (probes, min(out, len(start))), x.dtype)
    if out <= len(start):
        _, pull = jax.vjp(flat, start)
        found = jax.vmap(lambda v: pull(v)[0])(signs)
    else:
        found = jax.vmap(lambda v: jax.jvp(flat, (start,), (v,))[1])(signs)
    return jnp.sum(found**2) / probes


def _flat(f: Function, x: Array) -> tuple[Function, Array]:
    """The function from a vector to a vector, and where it is looked at."""
    return lambda v: f(v.reshape(x.shape)).ravel(), x.ravel()


def _length(f: Function, x: Array) -> int:
    return jax.eval_shape(f, x).shape[0]
