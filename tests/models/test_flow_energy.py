"""Flows of a known energy, against quadrature."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from ansatz.evaluate.energies import judge_energy
from ansatz.evaluate.importance import (
    effective_fraction,
    effective_fraction_on_reference,
    free_energy,
    independence_metropolis,
    log_normaliser,
    mode_weights,
    resample,
)
from ansatz.models.flow import FlowRecipe
from ansatz.models.flow.energy import ReverseKL
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Draws
from ansatz.runs.energies import energy_fits, fit_energy

SMALL = FlowRecipe(layers=3, hidden=(16,), bins=6, rate=1e-2, schedule="cosine")


def double_well(x):
    """Two wells of unequal depth along x_0, 4 kT between them, and a spring along x_1."""
    return 4 * (x[0] ** 2 - 1) ** 2 + 0.4 * x[0] + x[1] ** 2 / 2


@pytest.fixture(scope="module")
def fitted():
    return fit_energy(double_well, (2,), SMALL, steps=300, draws=128, hottest=4.0, seed=1)


@pytest.fixture(scope="module")
def exact():
    """log Z and the weight of the well at positive x_0."""

    def along(x):
        return np.exp(-4 * (x**2 - 1) ** 2 - 0.4 * x)

    whole, right = integrate.quad(along, -4, 4)[0], integrate.quad(along, 0, 4)[0]
    return np.log(whole * np.sqrt(2 * np.pi)), right / whole


def test_log_z_and_both_wells(fitted, exact):
    x, log_w = fitted.draw(20_000)
    value, error = log_normaliser(log_w)
    assert abs(value - exact[0]) < 3 * error
    assert error < 0.02
    assert effective_fraction(log_w).value > 0.7
    left, right = mode_weights(log_w, (x[:, 0] > 0).astype(int), 2)
    assert abs(right.value - exact[1]) < 3 * right.error
    assert abs(left.value - 1 + exact[1]) < 3 * left.error
    # E_q[E + log q] is at least −log Z, and nearly that.
    last = fitted.history[-1]["loss"]
    assert -exact[0] - 0.05 < last < -exact[0] + 0.3


def reference(n):
    """Samples of the double well by inversion on a grid."""
    generator = np.random.default_rng(0)
    line = np.linspace(-2.5, 2.5, 4001)
    density = np.exp(-4 * (line**2 - 1) ** 2 - 0.4 * line)
    first = np.interp(generator.random(n), np.cumsum(density) / density.sum(), line)
    return np.stack([first, generator.normal(size=n)], 1)


def test_everything_is_said_of_a_flow(fitted, exact):
    """log Z, both kinds of effective samples, which agree, acceptance, and both wells."""
    modes = {"left": lambda x: x[:, 0] < 0, "right": lambda x: x[:, 0] > 0}
    found = judge_energy(
        fitted, reference=reference(4000), modes=modes, temperature=2.0, draws=4000
    )
    by_name = {measure.name: measure for measure in found}
    own, other = by_name["effective samples"], by_name["effective samples, reference"]
    assert abs(own.value - other.value) < 4 * np.hypot(own.error, other.error) < 0.2
    _, log_w = fitted.draw(4000)
    assert own.value == effective_fraction(log_w).value
    assert by_name["free energy"].value == free_energy(log_w, 2.0).value
    np.testing.assert_allclose(by_name["free energy"].value, -2 * by_name["log Z"].value)
    assert by_name["acceptance"].value == independence_metropolis(log_w)[1]
    assert abs(by_name["weight, right"].value - exact[1]) < 4 * by_name["weight, right"].error
    np.testing.assert_allclose(by_name["weight, left"].value + by_name["weight, right"].value, 1)
    assert len(judge_energy(fitted, draws=1000)) == 4


def test_errors_are_the_spread_over_repetitions():
    """Of all estimates, with Gaussians q and p of known overlap; 400 repetitions of 500 draws.

    With q = N(0, 1) and p = N(0.5, 1) in one dimension log w = x/2 − 1/8, E_q w² = e^¼.
    """
    generator = np.random.default_rng(0)
    estimates = []
    for _ in range(400):
        x, y = generator.normal(size=(2, 500))
        own, there = x / 2 - 1 / 8, (y + 0.5) / 2 - 1 / 8
        estimates.append(
            [
                log_normaliser(own),
                effective_fraction(own),
                effective_fraction_on_reference(there),
                mode_weights(own, x > 0, 2)[1],
            ]
        )
    values, errors = np.moveaxis(np.array(estimates), -1, 0)
    exact = [0, np.exp(-0.25), np.exp(-0.25), stats.norm.cdf(0.5)]
    spread = values.std(0)
    # Means of 400, and a bias of the order of one over 500 times the curvature of a ratio.
    np.testing.assert_array_less(np.abs(values.mean(0) - exact), 4 * spread / 20 + 5e-3)
    # A standard deviation of 400 is known to 1 / √800; and these are heavy tailed.
    np.testing.assert_allclose(errors.mean(0), spread, rtol=0.2)


def test_of_a_mode_that_is_never_visited_nothing_is_known():
    log_w = np.zeros(100)
    (inside, outside) = mode_weights(log_w, np.zeros(100, int), 2)
    assert inside == pytest.approx((1, 0))
    assert outside == (0.0, np.inf)
    # A half of p lies where q has next to nothing: the flow's own draws are all worth the same.
    assert effective_fraction(log_w).value == pytest.approx(1)
    there = np.concatenate([np.zeros(50), np.full(50, 30.0)])
    assert effective_fraction_on_reference(there).value < 1e-10


def test_resampling_takes_each_as_often_as_its_weight():
    log_w = np.random.default_rng(0).normal(0, 2, 50)
    share = 50 * np.exp(log_w) / np.exp(log_w).sum()
    counts = np.array([np.bincount(resample(log_w, seed), minlength=50) for seed in range(400)])
    assert np.all((counts >= np.floor(share)) & (counts <= np.ceil(share)))
    # Rounded up as often as the rest says: 400 repetitions of a variance of a quarter at most.
    assert np.abs(counts.mean(0) - share).max() < 4 * 0.5 / 20


def test_single_numbers_are_learnt_with_noise_beside_them():
    """In one dimension; the flow is watched, and the reference has the sum over its noise."""

    def well(x):
        return 4 * (x[0] ** 2 - 1) ** 2 + 0.4 * x[0]

    fits = list(energy_fits(well, (1,), SMALL, steps=200, draws=128, hottest=4.0))
    assert [len(fit.history) for fit in fits] == [1, 2]
    assert fits[-1].model.extended
    x, log_w = fits[-1].draw(2000)
    assert x.shape == (2000, 1)
    whole = integrate.quad(lambda x: np.exp(-4 * (x**2 - 1) ** 2 - 0.4 * x), -4, 4)[0]
    value, error = log_normaliser(log_w)
    assert abs(value - np.log(whole)) < 3.5 * error < 0.1
    # The bound of pairs lies above that of x alone, and both above −log Z.
    last = fits[-1].history[-1]["loss"]
    assert -np.log(whole) - 0.05 < last < -np.log(whole) + 0.5


def test_the_path_gradient_has_no_noise_where_the_flow_is_right():
    """For the standard normal base itself; the plain gradient has noise there, and mean zero."""
    spec = Spec((2,))
    recipe = FlowRecipe(layers=1, hidden=(4,), mixing="reverse", preprocess=("none",))
    model = recipe.build(spec, jax.random.key(0))
    batch, _ = Draws(64, 1, "float32").draw(None, None, None, jnp.int32(0), jax.random.key(0))
    arrays, rest = eqx.partition(model.bijection, eqx.is_inexact_array)

    @eqx.filter_jit
    def slope(path, key):
        def loss(arrays):
            flow = eqx.tree_at(lambda m: m.bijection, model, eqx.combine(arrays, rest))
            objective = ReverseKL(lambda x: jnp.sum(x**2) / 2, path=path)
            return objective(flow, batch, None, jnp.int32(0), key)[0]

        return jnp.concatenate([g.ravel() for g in jax.tree.leaves(jax.grad(loss)(arrays))])

    np.testing.assert_allclose(slope(True, jax.random.key(1)), 0, atol=1e-6)
    assert np.abs(slope(False, jax.random.key(1))).max() > 0.01


def test_the_temperature_falls():
    """With the energy of a unit Gaussian at T the loss is E[E/T + log q] for q = N(0, 1)."""
    recipe = FlowRecipe(layers=1, hidden=(4,), mixing="reverse", preprocess=("none",))
    model = recipe.build(Spec((2,)), jax.random.key(0))
    objective = ReverseKL(lambda x: jnp.sum(x**2) / 2, 16.0, 100)
    batch, _ = Draws(5000, 1, "float32").draw(None, None, None, jnp.int32(0), jax.random.key(0))
    run = eqx.filter_jit(lambda step: objective(model, batch, None, step, jax.random.key(0)))
    log_q = -np.log(2 * np.pi) - 1
    for step, temperature in [(0, 16), (50, 4), (100, 1), (500, 1)]:
        loss, _, metrics = run(jnp.int32(step))
        # E = 1 in the mean; 5000 draws of variance one.
        np.testing.assert_allclose(loss, 1 / temperature + log_q, atol=4 / 5000**0.5)
        np.testing.assert_allclose(metrics["loss"], 1 + log_q, atol=4 / 5000**0.5)


@pytest.mark.parametrize(
    ("energy", "more", "words"),
    [
        (lambda x: jnp.where(x[0] > 0, jnp.inf, 0.0), {}, r"not finite on \d+ of 256 samples"),
        (lambda x: x**2, {}, r"must be one number; it has shape \(2,\)"),
        (double_well, {"steps": 0}, "steps must be at least 1"),
        (double_well, {"hottest": 0.5}, "hottest must be at least 1"),
    ],
)
def test_mistakes(energy, more, words):
    with pytest.raises(OptionError, match=words):
        fit_energy(energy, (2,), SMALL, **more)
