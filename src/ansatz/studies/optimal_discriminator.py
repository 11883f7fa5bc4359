"""The discriminator of two densities that are both known."""

import warnings
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import stats

from ansatz import api
from ansatz.data.toys import AbstractToy, Moons
from ansatz.evaluate.estimate import Estimate, weighted_mean
from ansatz.models.gan import GAN
from ansatz.runs.run import Run
from ansatz.studies.study import Context

TOY: AbstractToy = Moons(0.2)
MIDDLE, SCALE = (0.5, 0.25), 0.9
"""Of the generator, which is a Gaussian and stays one."""
HALF_WIDTH = 4.0
"""Of the square about the middle that integrals are over."""
SIDE, FINE = 96, 201
POINTS = 50_000

SETTINGS: dict[str, Any] = {
    "latent": 2,
    "hidden": (128, 128),
    "loss": "minimax",
    "preprocess": ("none",),
    "batch": 256,
    "rate": 3e-3,
    "momentum": 0.9,
    "second_moment": 0.999,
}


class Gaussian(eqx.Module):
    """The generator x = middle + scale z, which has nothing to learn."""

    def __call__(self, z: Float[Array, " 2"]) -> Float[Array, " 2"]:
        return jnp.asarray(MIDDLE, z.dtype) + SCALE * z


class Opinion(NamedTuple):
    """A discriminator beside the best one."""

    run: Run
    off: Estimate
    """The mean of (D - D*)^2 over points of either density."""
    loss: Estimate
    """E -log D + E -log(1 - D): the least one, by the integral, and what it exceeds that by."""
    best: float
    """log 4 - 2 JSD(p || q), which no discriminator is below."""


def opinion(context: Context) -> Opinion:
    """Learn one, on events of the toy and samples of the Gaussian, and compare it."""
    points, _ = TOY.draw(POINTS, context.seed)
    with warnings.catch_warnings():
        # That the generator misses modes is what it is here for.
        warnings.simplefilter("ignore", UserWarning)
        run = api.fit(
            "gan",
            points.astype(np.float32),
            generator=Gaussian(),
            seed=context.seed,
            epochs=20 if context.quick else 80,
            quiet=context.quiet,
            **SETTINGS,
        )
    if not isinstance(run, Run):
        raise ValueError("One discriminator was to be learnt, not several.")
    events, _ = TOY.draw(POINTS, context.seed + 1)
    generator = np.random.Generator(np.random.Philox(context.seed + 2))
    samples = np.array(MIDDLE) + SCALE * generator.standard_normal(points.shape)
    of_events, of_samples = (believed(run, x) for x in (events, samples))
    squared = [(d - best(x)) ** 2 for d, x in ((of_events, events), (of_samples, samples))]
    # What the loss exceeds the least by, point by point, has far less noise than the loss.
    above = np.log(best(events) / of_events) + np.log1p(-best(samples)) - np.log1p(-of_samples)
    excess, least = weighted_mean(above), least_loss()
    loss = Estimate(least + excess.value, excess.error)
    return Opinion(run, weighted_mean(np.mean(squared, 0)), loss, least)


@eqx.filter_jit
def _scores(model: GAN, points: Float[Array, "points 2"]) -> Float[Array, " points"]:
    return jax.vmap(model.score)(points)


def believed(run: Run, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, " points"]:
    """D(x) = sigmoid(t), in double precision."""
    scores = np.asarray(_scores(run.model, jnp.asarray(points, "float32")), float)
    return 1 / (1 + np.exp(-scores))


def best(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, " points"]:
    """D*(x) = p(x) / (p(x) + q(x))."""
    return 1 / (1 + np.exp(log_q(points) - TOY.log_prob(points)))


def log_q(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, " points"]:
    """The density of the generator."""
    return stats.norm(MIDDLE, SCALE).logpdf(points).sum(-1)


def square(side: int) -> tuple[Float[np.ndarray, "points 2"], float]:
    """Points of a square about the middle, row by row from the top, and the area of each."""
    line = np.linspace(-HALF_WIDTH, HALF_WIDTH, side)
    grid = np.stack(np.meshgrid(line, line[::-1]), -1).reshape(-1, 2) + np.array(MIDDLE)
    return grid, (line[1] - line[0]) ** 2


def least_loss() -> float:
    """int -p log D* - q log(1 - D*), by the trapezoidal rule."""
    points, area = square(FINE)
    log_p, log_other = TOY.log_prob(points), log_q(points)
    both = np.logaddexp(log_p, log_other)
    integrand = np.exp(log_p) * (both - log_p) + np.exp(log_other) * (both - log_other)
    return float(integrand.sum() * area)
