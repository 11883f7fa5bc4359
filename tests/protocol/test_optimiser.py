"""Every rule against Optax's own optimiser, every schedule against its formula."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ansatz.protocol.errors import OptionError
from ansatz.protocol.gradient import gradient
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective

STEPS = 12


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


class Point(eqx.Module):
    matrix: jax.Array
    vector: jax.Array


CURVATURE = np.array([[4.0, 1.0], [0.5, 2.0]])


def valley(point):
    """A quadratic with its minimum away from zero, of another curvature in every direction."""
    return (
        jnp.sum(CURVATURE * (point.matrix - 1) ** 2)
        + jnp.sum(3 * (point.vector + 2) ** 2)
        + point.matrix[0, 0] * point.vector[1]
    )


class Valley(AbstractObjective):
    @property
    def score(self):
        return None

    def initial(self, model):
        return None

    def __call__(self, model, batch, carry, step, key):
        return valley(model), carry, {}


def start():
    return Point(jnp.array([[3.0, -1.0], [0.2, 5.0]]), jnp.array([1.5, -4.0]))


def ours(optimiser):
    """The parameters after every step."""
    update = gradient(Valley(), optimiser, steps=STEPS)
    batch = Batch(jnp.zeros((1, 1)), None, jnp.ones(1), jnp.ones(()))

    def one(state, step):
        state, _ = update(state, batch, step, jax.random.key(0))
        return state, state.model

    run = eqx.filter_jit(lambda state: jax.lax.scan(one, state, jnp.arange(STEPS))[1])
    return run(update.initial(start()))


def theirs(transformation):
    def one(carried, _):
        point, memory = carried
        steps, memory = transformation.update(jax.grad(valley)(point), memory, point)
        point = optax.apply_updates(point, steps)
        return (point, memory), point

    with jax.numpy_dtype_promotion("standard"):
        first = (start(), transformation.init(start()))
        return eqx.filter_jit(lambda first: jax.lax.scan(one, first, None, STEPS)[1])(first)


def cosine(rate):
    return optax.warmup_cosine_decay_schedule(0.0, rate, 3, STEPS, 0.2 * rate)


MOMENTS = {"momentum": 0.8, "second_moment": 0.95, "epsilon": 1e-3}
RULES = {
    "adam": (MOMENTS, optax.adam(0.1, 0.8, 0.95, 1e-3)),
    "adamw": (
        {**MOMENTS, "weight_decay": 0.3},
        optax.adamw(0.1, 0.8, 0.95, 1e-3, weight_decay=0.3),
    ),
    "sgd": ({"momentum": 0.7}, optax.sgd(0.1, 0.7)),
    "sgd without momentum": ({"momentum": 0.0}, optax.sgd(0.1)),
    # The setting epsilon stands beside the root of the second moment, not within it.
    "rmsprop": (
        {"second_moment": 0.9, "epsilon": 1e-2},
        optax.rmsprop(0.1, 0.9, 1e-2, eps_in_sqrt=False),
    ),
    # Steps of Lion differ only where a sign does: on a path that turns back several times.
    "lion": (
        {"momentum": 0.1, "second_moment": 0.7, "weight_decay": 0.2, "rate": 0.8},
        optax.lion(0.8, 0.1, 0.7, weight_decay=0.2),
    ),
    "adam clipped": (
        {**MOMENTS, "clip": 2.0},
        optax.chain(optax.clip_by_global_norm(2.0), optax.adam(0.1, 0.8, 0.95, 1e-3)),
    ),
    "adam with a schedule": (
        {**MOMENTS, "schedule": "cosine", "warmup": 3, "final_rate": 0.2},
        optax.adam(cosine(0.1), 0.8, 0.95, 1e-3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_trajectory_equals_that_of_optax(rule):
    settings, transformation = RULES[rule]
    found = ours(Optimiser(**{"optimiser": rule.split()[0], "rate": 0.1, **settings}))
    expected = theirs(transformation)
    # Optax takes the course of a rate in single precision.
    within = 1e-7 if "schedule" in settings else 1e-11
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=within, atol=within)
    # The path goes somewhere, so that the comparison says something.
    assert np.abs(np.diff(found.matrix, axis=0)).max() > 1e-3


@pytest.mark.parametrize("norm", [0.5, 4.9, 5.1, 100.0])
def test_clip_scales_the_whole_gradient_to_the_norm(norm):
    gradients = Point(jnp.array([[3.0, 0.0]]), jnp.array([-4.0]))  # of norm 5
    rule = Optimiser(optimiser="sgd", momentum=0.0, clip=norm).direction()
    steps, _ = rule.update(gradients, rule.init(gradients), gradients)
    factor = min(1.0, norm / 5)
    np.testing.assert_allclose(steps.matrix, np.array([[3.0, 0.0]]) * factor, rtol=1e-12)
    np.testing.assert_allclose(steps.vector, np.array([-4.0]) * factor, rtol=1e-12)


def course(schedule, rate, warmup, final, steps, s):
    """The learning rate at step s, written out."""
    if s < warmup:
        return rate * s / warmup
    done = (s - warmup) / (steps - warmup)
    if schedule == "constant":
        return rate
    if schedule == "exponential":
        return rate * final**done
    return rate * (final + (1 - final) * (1 + math.cos(math.pi * done)) / 2)


@pytest.mark.parametrize("warmup", [0, 5])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "exponential"])
def test_learning_rate_against_its_formula(schedule, warmup):
    settings = Optimiser(rate=0.3, schedule=schedule, warmup=warmup, final_rate=0.04)
    at = [0, 1, 4, 5, 6, 20, 49, 50]
    found = jax.vmap(
        lambda s: jnp.asarray(settings.rate_at(50)(s), float)
    )(jnp.array(at, jnp.int32))  # fmt: skip
    expected = [course(schedule, 0.3, warmup, 0.04, 50, s) for s in at]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # The end of the warm-up is the top, the end of the fit the bottom.
    assert float(found[3 if warmup else 0]) == pytest.approx(0.3)
    assert float(found[-1]) == pytest.approx(0.3 if schedule == "constant" else 0.012)


def test_cosine_may_fall_to_zero_and_a_warmup_may_outlast_the_fit():
    falling = Optimiser(rate=1.0, schedule="cosine", final_rate=0.0).rate_at(10)
    assert float(falling(jnp.int32(10))) == pytest.approx(0, abs=1e-15)
    rising = Optimiser(rate=1.0, schedule="cosine", warmup=20).rate_at(10)
    assert float(rising(jnp.int32(10))) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\)"),
        ({"momentum": -0.1}, r"momentum must lie in \[0, 1\)"),
        ({"second_moment": 1.0}, r"second_moment must lie in \[0, 1\)"),
        ({"epsilon": -1e-8}, "epsilon must not be negative"),
        ({"warmup": -1}, "warmup must not be negative"),
        ({"l1": -1.0}, "l1 must not be negative"),
        ({"l2": -1.0}, "l2 must not be negative"),
        ({"optimiser": "adamw", "weight_decay": -1.0}, "weight_decay must not be negative"),
        ({"rate": 0.0}, "rate must be positive"),
        ({"rate": float("nan")}, "rate'.* must be a finite number"),
        ({"final_rate": 1.5}, "final_rate must lie in"),
        ({"final_rate": 0.0, "schedule": "exponential"}, "final_rate must lie in"),
        ({"clip": 0.0}, "clip must be positive"),
        ({"weight_decay": 0.1}, "weight_decay acts with adamw and lion, not with adam"),
        ({"optimiser": "adamax"}, "cannot be 'adamax'. Did you mean 'adam"),
    ],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(OptionError, match=words):
        Optimiser.of(settings)
