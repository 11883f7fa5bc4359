"""How the gradient of a bound passes through codes that are drawn at random.

All estimators act on the same log-weights s(z), of which the bound is a mean over groups of

    L = log (1/K) sum_k exp s(z_k),    z_k ~ q.

They differ in whether gradients follow the drawn code, whether log q within s moves with its own
parameters, and what stands in for the gradient that a fixed code does not carry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution, Bernoulli, Transformed
from ansatz.models.vae.cascade import AbstractCascade
from ansatz.protocol.gradient import held

AT_ONCE = 100
"""Codes of an event that are in memory together."""

Weights = Float[Array, "groups samples"]
Temperature: TypeAlias = float | Float[Array, ""]
Draw = Callable[[AbstractDistribution, PRNGKeyArray, Temperature], Array]
Baseline = Callable[[Weights, Float[Array, " groups"], Float[Array, ""] | None], Weights]


def followed(q: AbstractDistribution, key: PRNGKeyArray, temperature: Temperature) -> Array:
    """A code that moves with q: z = T(noise; q)."""
    return q.sample(key)


def fixed(q: AbstractDistribution, key: PRNGKeyArray, temperature: Temperature) -> Array:
    """A code that stays where it was drawn."""
    return jax.lax.stop_gradient(q.sample(key))


def relaxed(q: AbstractDistribution, key: PRNGKeyArray, temperature: Temperature) -> Array:
    """A code between zeros and ones that moves with q."""
    if not isinstance(q, Bernoulli):
        raise TypeError(f"Only bits can be relaxed, not a {type(q).__name__}.")
    return q.relaxed(key, temperature)


def straight(q: AbstractDistribution, key: PRNGKeyArray, temperature: Temperature) -> Array:
    """Zeros and ones that claim to move as the relaxed code does (Bengio et al., 2013)."""
    soft = relaxed(q, key, temperature)
    return soft + jax.lax.stop_gradient(jnp.round(soft) - soft)


def nothing(s: Weights, bound: Float[Array, " groups"], mean: Array | None) -> Weights:
    """No baseline."""
    return jnp.zeros_like(s)


def constant(s: Weights, bound: Float[Array, " groups"], mean: Array | None) -> Weights:
    """The mean of the bound over earlier batches."""
    return jnp.zeros_like(s) if mean is None else jnp.full_like(s, mean)


def leave_one_out(s: Weights, bound: Float[Array, " groups"], mean: Array | None) -> Weights:
    """What the bound would be without the code, judged by the others.

    Within a group the missing log-weight is put at the mean of the others (VIMCO; Mnih and
    Rezende, 2016). Of a code that is alone in its group the other groups tell.
    """
    groups, samples = s.shape
    if samples == 1:
        return ((jnp.sum(bound) - bound) / (groups - 1))[:, None]
    others = (jnp.sum(s, 1, keepdims=True) - s) / (samples - 1)
    replaced = jnp.where(jnp.eye(samples, dtype=bool)[None], others[:, :, None], s[:, None, :])
    return log_mean_exp(replaced)


@dataclass(frozen=True)
class Estimator:
    """One way of estimating a bound's gradient; its value is the bound's in all of them."""

    draw: Draw
    """Whether, and how, a drawn code moves with the parameters of q."""
    holds_density: bool = False
    """Whether the parameters of q stand still in log q, so that only the code moves it."""
    doubly: bool = False
    """Whether what passes through a code is weighted twice (Tucker et al., 2019)."""
    baseline: Baseline | None = None
    """What the bound is compared with where the score of q speaks for fixed codes."""

    def suits(self, posterior: str) -> bool:
        """Whether codes of this kind of posterior can be drawn so."""
        if self.draw is fixed:
            return True
        return (posterior == "binary") == (self.draw in (relaxed, straight))

    @property
    def remembers(self) -> bool:
        """Whether it wants the mean of earlier bounds."""
        return self.baseline is constant

    def bound(
        self,
        q: AbstractDistribution | AbstractCascade,
        log_weight: Callable[[Any, Array], tuple[Array, Any]],
        key: PRNGKeyArray,
        *,
        shape: tuple[int, int],
        temperature: Temperature = 1.0,
        mean: Array | None = None,
    ) -> tuple[Float[Array, ""], Any]:
        """The mean over groups of L, and what else `log_weight(q, z) -> (s, more)` says.

        `shape` is (groups, K), where memory grows with K only by the codes themselves. `mean` is
        that of earlier bounds, for a constant baseline.
        """
        density = held(q) if self.holds_density else q

        def each(function: Callable[[Any, Array], Any], q: Any, x: Array) -> Any:
            """function(q, x) for every x; of few, each has a q of its own."""
            if shape[1] <= AT_ONCE:
                # What has nets of its own would be a net for every code.
                if isinstance(q, AbstractCascade | Transformed):
                    return jax.vmap(jax.vmap(partial(function, q)))(x)
                return jax.vmap(jax.vmap(function))(_repeated(q, shape), x)

            # What a code needs on the way back is computed again there, and not kept for all.
            @jax.checkpoint
            def again(code: Array) -> Any:
                return function(q, code)

            return jax.vmap(lambda group: jax.lax.map(again, group, batch_size=AT_ONCE))(x)

        def draw(p: AbstractDistribution, key: PRNGKeyArray) -> Array:
            return self.draw(p, key, temperature)

        def code(q: Any, key: PRNGKeyArray) -> Array:
            return q.drawn(key, draw) if isinstance(q, AbstractCascade) else draw(q, key)

        codes = each(code, q, jax.random.split(key, shape))

        def weigh(codes: Array) -> Any:
            return each(log_weight, density, codes)

        s, more = weigh(codes)
        if self.doubly:
            # The values are the same again, and compiled code computes them once.
            share = jax.lax.stop_gradient(jax.nn.softmax(s, axis=1))
            s, more = weigh(_slowed(codes, jnp.broadcast_to(share[..., None], codes.shape)))
        bound = log_mean_exp(s)
        if self.baseline is not None:
            gain = jax.lax.stop_gradient(bound[:, None] - self.baseline(s, bound, mean))
            log_q = each(lambda q, z: q.log_prob(z), q, codes)
            # Zero in value; its gradient is that of the density the codes come from.
            bound = bound + jnp.sum(gain * (log_q - jax.lax.stop_gradient(log_q)), 1)
        return jnp.mean(bound), more


ESTIMATORS = {
    "reparameterised": Estimator(followed),
    "sticking-the-landing": Estimator(followed, holds_density=True),
    "doubly-reparameterised": Estimator(followed, holds_density=True, doubly=True),
    "score": Estimator(fixed, baseline=nothing),
    "score-constant": Estimator(fixed, baseline=constant),
    "score-leave-one-out": Estimator(fixed, baseline=leave_one_out),
    "relaxed": Estimator(relaxed),
    "straight-through": Estimator(straight),
}


def log_mean_exp(s: Float[Array, "*shape samples"]) -> Float[Array, "*shape"]:
    """log (1/K) sum_k exp s_k over the last axis."""
    return jax.nn.logsumexp(s, axis=-1) - jnp.log(jnp.asarray(s.shape[-1], s.dtype))


def _repeated(q: Any, shape: tuple[int, int]) -> Any:
    """q for every code, as a product with ones.

    The way back sums over codes; as a product that takes a fraction of the time of a plain sum.
    """
    ones = jnp.ones(shape)
    return jax.tree.map(
        lambda leaf: (
            jnp.tensordot(ones.astype(leaf.dtype), leaf, 0)
            if eqx.is_inexact_array(leaf)
            else jnp.broadcast_to(leaf, (*shape, *jnp.shape(leaf)))
        ),
        q,
    )


@jax.custom_jvp
def _slowed(z: Array, share: Array) -> Array:
    """z, whose derivative is multiplied by `share`."""
    return z


@_slowed.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (z, share), (dz, _) = primals, tangents
    return z, share * dz
