"""Estimates of a bound's gradient beside the gradient itself, which sums or quadrature give."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.vae import VAE, VAERecipe
from ansatz.models.vae.estimator import ESTIMATORS, log_mean_exp
from ansatz.models.vae.objective import Beta, NegativeBound, RunningMean
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.studies.claim import Measured
from ansatz.studies.linear_gaussian import with_linear

NUMBERS, NODES = 3, 48
SIGMA, LENGTH = 0.4, 0.7
"""Of the likelihood, and of the event: log p of about one nat, which the bare score multiplies."""
DRAWS = (1, 2)
"""K of the bounds."""
BLOCKS = 16
AT_ONCE = 2**14
NORMAL = (
    "reparameterised",
    "sticking-the-landing",
    "doubly-reparameterised",
    "score",
    "score-constant",
    "score-leave-one-out",
)
BINARY = ("score", "score-constant", "score-leave-one-out", "relaxed", "straight-through")
BIASED = {("sticking-the-landing", 2), *product(("relaxed", "straight-through"), DRAWS)}
"""Estimators and K of which theory says that they are."""


@dataclass(frozen=True)
class Case:
    """An estimator of the gradient of the bound of K draws, for one kind of code."""

    posterior: str
    estimator: str
    draws: int

    @property
    def label(self) -> str:
        return f"{self.estimator}, {'bits' if self.posterior == 'binary' else 'numbers'}"

    @property
    def biased(self) -> bool:
        return (self.estimator, self.draws) in BIASED

    @property
    def share(self) -> float:
        """Of the estimates there are to be, more where they are noisier."""
        if self.posterior == "binary":
            return 0.5
        return 4.0 if self.estimator == "score" else 1.0

    @property
    def groups(self) -> int:
        """Independent estimates in one, as leaving one out needs others."""
        return 2 if self.estimator == "score-leave-one-out" and self.draws == 1 else 1


CASES = tuple(
    Case(posterior, estimator, draws)
    for posterior, estimators in (("normal", NORMAL), ("binary", BINARY))
    for estimator in estimators
    for draws in DRAWS
)


@dataclass(frozen=True)
class Moments:
    """What many estimates of a gradient g say, over the norm of g."""

    bias: Measured
    """|E g' - g|^2 / |g|^2, estimated without bias from pairs of independent means."""
    variance: Measured
    """E |g' - E g'|^2 / |g|^2 of one estimate."""


def made(posterior: str, seed: int) -> tuple[VAE, Float[Array, " numbers"]]:
    """A small model with random weights, and an event."""
    binary = posterior == "binary"
    recipe = VAERecipe(
        latent=3 if binary else 1,
        hidden=(),
        likelihood=("normal",),
        variance="fixed",
        sigma=SIGMA,
        posterior="binary" if binary else "normal",
        preprocess=("none",),
    )
    n = NUMBERS
    spec = Spec(shape=(n,), levels=(0,) * n, lowest=(-9.0,) * n, highest=(9.0,) * n)
    key_model, key_event = jax.random.split(jax.random.key(seed))
    event = jax.random.normal(key_event, (n,))
    return recipe.build(spec, key_model), LENGTH * event / jnp.linalg.norm(event)


def support(q: Any, posterior_is_binary: bool) -> tuple[Array, Array]:
    """Codes and their probabilities, both of which move with q: all bits, or nodes of a
    quadrature."""
    if posterior_is_binary:
        codes = jnp.asarray(list(product((0.0, 1.0), repeat=q.shape[0])))
        return codes, jnp.exp(jax.vmap(q.log_prob)(codes))
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    deviation = jnp.sqrt(q.variance())
    codes = q.mean()[None] + deviation[None] * jnp.asarray(nodes, q.mean().dtype)[:, None]
    return codes, jnp.asarray(weights / np.sqrt(2 * np.pi), q.mean().dtype)


def exact_bound(model: VAE, *, event: Array, draws: int) -> Float[Array, ""]:
    """E log (1/K) sum_k p(x, z_k) / q(z_k | x) over all K-tuples of codes."""
    q, p = model.posterior(event), model.code_prior()
    codes, share = support(q, len(p.shape) == 1 and p.shape[0] > 1)

    def weigh(code: Array) -> Array:
        fit = model.likelihood(code).log_prob(event)
        return fit + p.log_prob(code) - q.log_prob(code)

    s = jax.vmap(weigh)(codes)
    if draws == 1:
        return share @ s
    pairs = log_mean_exp(jnp.stack(jnp.broadcast_arrays(s[:, None], s[None, :]), -1))
    return share @ pairs @ share


@eqx.filter_jit
def gradient_of(model: VAE, bound: Any) -> Float[Array, " parameters"]:
    """The gradient of a bound with respect to encoder and decoder."""
    return _flat(eqx.filter_grad(bound)(model))


def _flat(gradient: VAE) -> Array:
    return ravel_pytree(eqx.filter((gradient.encoder, gradient.decoder), eqx.is_inexact_array))[0]


@eqx.filter_jit
def drawn(
    model: VAE,
    event: Array,
    objective: NegativeBound,
    carry: RunningMean | None,
    key: PRNGKeyArray,
    count: int,
) -> tuple[Array, Array]:
    """The sum of so many estimates of the bound's gradient, and that of their squared lengths."""
    batch = Batch(event[None], None, jnp.ones(1), jnp.ones(()))

    def one(key: PRNGKeyArray) -> Array:
        def loss(model: VAE) -> Array:
            return objective(model, batch, carry, jnp.asarray(0), key)[0]

        return -_flat(eqx.filter_grad(loss)(model))

    def chunk(sums: tuple[Array, Array], key: PRNGKeyArray) -> tuple[tuple[Array, Array], None]:
        each = jax.vmap(one)(jax.random.split(key, AT_ONCE))
        total, squares = sums
        return (total + jnp.mean(each, 0), squares + jnp.mean(jnp.sum(each**2, 1))), None

    chunks = max(1, count // AT_ONCE)
    like = jax.eval_shape(one, key)
    start = (jnp.zeros(like.shape), jnp.zeros(()))
    (total, squares), _ = jax.lax.scan(chunk, start, jax.random.split(key, chunks))
    return total / chunks, squares / chunks


def moments(
    case: Case,
    model: VAE,
    event: Array,
    exact: Float[np.ndarray, " parameters"],
    key: PRNGKeyArray,
    estimates: int,
) -> Moments:
    """Bias and variance from blocks of independent estimates."""
    estimator = ESTIMATORS[case.estimator]
    objective = NegativeBound(Beta(1.0), estimator, samples=case.draws, groups=case.groups)
    carry = objective.initial(model)
    if carry is not None:
        # A running mean that has arrived, as it has after many batches.
        bound = exact_bound(model, event=event, draws=case.draws)
        carry = RunningMean(bound, jnp.ones_like(bound))
    size = float(exact @ exact)
    means, squares = [], []
    for own in jax.random.split(key, BLOCKS):
        mean, square = drawn(
            model, event, objective, carry, own, int(estimates * case.share) // BLOCKS
        )
        means.append(np.asarray(mean, float) - exact)
        squares.append(float(square))
    off = np.stack(means)
    centre = float(np.mean([(mean + exact) @ (mean + exact) for mean in off]))
    # Of one group: with two, the noise of the mean is halved.
    variance = case.groups * (np.array(squares) - centre) / size
    return Moments(Measured.over(squared_mean(off) / size), Measured.over(variance))


def squared_mean(blocks: Float[np.ndarray, "block n"]) -> Float[np.ndarray, " block"]:
    """Estimates of |E b|^2 without bias, one by each block, whose mean and error are its.

    Products of two blocks that differ hold no noise in the mean, and the estimate U is the mean
    over all of them. Those here are its jackknife's, B U - (B - 1) U without block b.
    """
    products = blocks @ blocks.T
    np.fill_diagonal(products, 0)
    count = len(blocks)
    whole = products.sum()
    without = (whole - 2 * products.sum(1)) / ((count - 1) * (count - 2))
    return count * whole / (count * (count - 1)) - (count - 1) * without


def at_the_posterior(seed: int) -> Measured:
    """The variance of sticking the landing where q is the posterior, over that of plain
    reparameterisation, for the encoder's mean and deviation.

    A linear decoder of one latent with x = w z + noise has p(z | x) = N(w.x / (w^2 + s^2), ...).
    """
    recipe = VAERecipe(
        latent=1,
        hidden=(),
        likelihood=("normal",),
        variance="fixed",
        sigma=0.7,
        preprocess=("none",),
    )
    spec = Spec(shape=(1,), lowest=(-9.0,), highest=(9.0,))
    model = recipe.build(spec, jax.random.key(seed))
    weight, variance = 1.3, 0.7**2
    precision = weight**2 / variance + 1
    reading = weight / variance / precision
    model = with_linear(model, "decoder", np.array([[weight]]), np.zeros(1))
    model = with_linear(
        model,
        "encoder",
        np.array([[reading], [0.0]]),
        np.array([0.0, np.log(np.expm1(precision**-0.5))]),
    )
    event = jax.random.normal(jax.random.key(seed + 1), (1,))
    noise = []
    for name in ("sticking-the-landing", "reparameterised"):
        grads = encoder_gradients(
            model, event, NegativeBound(Beta(1.0), ESTIMATORS[name]), jax.random.key(seed)
        )
        noise.append(np.asarray(grads, float).var(0).sum())
    return Measured(float(noise[0] / noise[1]))


@eqx.filter_jit
def encoder_gradients(
    model: VAE, event: Array, objective: NegativeBound, key: PRNGKeyArray
) -> Float[Array, "draw parameters"]:
    """Many estimates of the gradient with respect to the encoder."""
    batch = Batch(event[None], None, jnp.ones(1), jnp.ones(()))

    def one(key: PRNGKeyArray) -> Array:
        def loss(model: VAE) -> Array:
            return objective(model, batch, None, jnp.asarray(0), key)[0]

        gradient = eqx.filter_grad(loss)(model)
        return ravel_pytree(eqx.filter(gradient.encoder, eqx.is_inexact_array))[0]

    return jax.vmap(one)(jax.random.split(key, 1000))
