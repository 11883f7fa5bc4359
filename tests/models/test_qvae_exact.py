"""A model of 12 bits, small enough to write out all its codes: bound, gradients, samples."""

import itertools
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ansatz.models.vae import QVAERecipe
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch

EVENT = jnp.array([1.0, 0.0, 1.0, 1.0, 0.0])
SPEC = Spec(shape=(5,), levels=(2,), lowest=(0.0,), highest=(1.0,), steps_per_epoch=10)
CODES = jnp.asarray(np.array(list(itertools.product((0.0, 1.0), repeat=12))), "float32")


def batch(events):
    """The one event so many times over."""
    rows = jnp.broadcast_to(EVENT[None], (events, len(EVENT)))
    return Batch(rows, None, jnp.ones(events), jnp.float32(events))


# Four colours, and so four levels.
RECIPE = QVAERecipe(
    latent=12,
    graph="king:3x4",
    hidden=(4,),
    activation="tanh",
    likelihood=("bernoulli",),
    preprocess=("none",),
    estimator="score-leave-one-out",
    draws=2,
    sweeps=30,
    slope="plain",
)


# Two halves of a code, and hidden units that are coupled to both.
HIDDEN = replace(RECIPE, graph="", hidden_units=2)


def built(recipe, sizes):
    """A model whose nets, biases and couplings all matter, with log Z found."""
    recipe = recipe.resolve(SPEC)
    assert recipe.method == "exact"
    built = recipe.build(SPEC, jax.random.key(3))
    assert built.encoder.sizes == sizes
    large = jax.tree.map(lambda x: 1.5 * x + 0.1 if eqx.is_inexact_array(x) else x, built)
    machine = built.prior.machine
    generator = np.random.default_rng(5)
    machine = replace(
        machine,
        bias=jnp.asarray(generator.normal(0, 0.7, machine.nodes), "float32"),
        weight=jnp.asarray(generator.normal(0, 1.0, len(machine.graph.edges)), "float32"),
    )
    prior = replace(built.prior, machine=machine)
    large = eqx.tree_at(lambda m: (m.prior, m.view), large, (prior, built.view))
    return recipe.conclude(large, jax.random.key(0))


@pytest.fixture(scope="module")
def model():
    return built(RECIPE, (4, 4, 2, 2))


def energies(machine):
    """E of all codes, term by term, hidden units summed over their states."""
    i, j = machine.graph.edges.T
    minus = []
    for hidden in itertools.product((0.0, 1.0), repeat=len(machine.hidden)):
        s = jnp.concatenate(
            [CODES, jnp.broadcast_to(jnp.array(hidden), (len(CODES), len(hidden)))], 1
        )
        minus.append(s @ machine.bias + (s[:, i] * s[:, j]) @ machine.weight)
    return -jax.nn.logsumexp(jnp.stack(minus), axis=0)


def bound(model):
    """The evidence lower bound, the sum over all codes, with log Z as another."""
    q = model.posterior(EVENT)
    log_q = jax.vmap(q.log_prob)(CODES)
    fit = jax.vmap(lambda z: model.likelihood(z).log_prob(EVENT))(CODES)
    energy = energies(model.prior.machine)
    log_p = -energy - jax.nn.logsumexp(-energy)
    return jnp.sum(jnp.exp(log_q) * (fit + log_p - log_q))


PARTS = {
    "encoder": lambda m: m.encoder,
    "decoder": lambda m: m.decoder,
    "prior": lambda m: m.prior.machine,
}


def flat(gradient):
    return {
        name: ravel_pytree(eqx.filter(part(gradient), eqx.is_inexact_array))[0]
        for name, part in PARTS.items()
    }


def exactly(model):
    """The bound and minus its gradient, part by part."""

    @eqx.filter_jit
    def both(model):
        value, gradient = eqx.filter_value_and_grad(bound)(model)
        return value, flat(gradient)

    value, gradient = both(model)
    return float(value), {name: -np.asarray(g, float) for name, g in gradient.items()}


@pytest.fixture(scope="module")
def exact(model):
    return exactly(model)


@eqx.filter_jit
def _drawn(objective, model, events, carry, keys):
    def one(key):
        def loss(model):
            value, _, metrics = objective(model, events, carry, jnp.int32(0), key)
            return value, metrics

        gradient, metrics = eqx.filter_grad(loss, has_aux=True)(model)
        return flat(gradient), metrics

    return jax.lax.map(one, keys, batch_size=max(1, 500 // len(events.event)))


def drawn(recipe, model, number, events=1):
    """Gradients and metrics by the recipe's own objective, (draw, parameter)."""
    update = recipe.update(SPEC)
    carry = update.objective.initial(model)
    keys = jax.random.split(jax.random.key(1), number)
    gradients, metrics = _drawn(update.objective, model, batch(events), carry, keys)
    return {name: np.asarray(g, float) for name, g in gradients.items()}, metrics


def off(draws, expected):
    """How many standard errors each mean is from what is expected, and the errors."""
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    return np.abs(draws.mean(0) - expected) / (error + 1e-7), error


def test_log_z_is_that_of_all_states(model):
    expected = float(jax.nn.logsumexp(-energies(model.prior.machine)))
    assert float(model.prior.known.upper[0]) == pytest.approx(expected, abs=1e-4)
    assert float(model.prior.known.error[0]) == 0


def test_the_bound_is_the_sum_over_all_codes(model, exact):
    keys = jax.random.split(jax.random.key(2), 20_000)
    each = eqx.filter_jit(jax.vmap(lambda k: model.bound(EVENT, key=k)))(keys)
    away, error = off(np.asarray(each, float)[:, None], exact[0])
    # One number: 4 standard errors are exceeded once in 15 000.
    assert away.max() < 4
    assert error.max() < 0.05
    many = eqx.filter_jit(lambda k: model.bound(EVENT, key=k, samples=20_000))(keys[0])
    fit = jax.vmap(lambda z: model.likelihood(z).log_prob(EVENT))(CODES)
    energy = energies(model.prior.machine)
    evidence = float(jax.nn.logsumexp(fit - energy) - jax.nn.logsumexp(-energy))
    assert exact[0] < evidence - 0.1
    # The error of log of a mean of 20 000 weights is the weights' relative spread / sqrt(20 000).
    assert float(many) == pytest.approx(evidence, abs=0.1)


def test_the_gradient_of_every_part_is_that_of_the_bound(model, exact):
    gradients, metrics = drawn(RECIPE.resolve(SPEC), model, 40_000)
    for name, expected in exact[1].items():
        away, error = off(gradients[name], expected)
        # The largest of some hundred normal numbers is beyond 5 once in ten thousand times.
        assert away.max() < 5, name
        assert np.linalg.norm(error) < 0.1 * np.linalg.norm(expected), name
    away, _ = off(np.asarray(metrics["loss"], float)[:, None], -exact[0])
    assert away.max() < 4


def test_persistent_chains_give_the_slope_of_the_prior(model, exact):
    """Chains that have run for long enough, and codes of the event drawn 500 times a step, so
    that the mean over steps is nearly normal."""
    recipe = replace(RECIPE, method="pcd", chains=1000, gibbs=40)
    gradients, _ = drawn(recipe, model, 60, events=500)
    away, error = off(gradients["prior"], exact[1]["prior"])
    assert away.max() < 5
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(exact[1]["prior"])


def test_with_hidden_units_that_no_code_shows():
    """Probabilities of all codes, gradients and samples are those of the sum over their states."""
    model = built(HIDDEN, (6, 6))
    energy = energies(model.prior.machine)
    log_z = jax.nn.logsumexp(-energy)
    prior = model.code_prior()
    np.testing.assert_allclose(jax.vmap(prior.log_prob)(CODES), -energy - log_z, atol=1e-4)
    value, gradient = exactly(model)
    found, metrics = drawn(HIDDEN.resolve(SPEC), model, 10_000)
    for name, expected in gradient.items():
        away, error = off(found[name], expected)
        # The largest of some hundred normal numbers is beyond 5 once in ten thousand times.
        assert away.max() < 5, name
        assert np.linalg.norm(error) < 0.2 * np.linalg.norm(expected), name
    away, _ = off(np.asarray(metrics["loss"], float)[:, None], -value)
    assert away.max() < 4
    codes = jax.jit(jax.vmap(prior.sample))(jax.random.split(jax.random.key(4), 20_000))
    p = np.exp(np.asarray(-energy - log_z, float))
    away, _ = off(np.asarray(codes, float), p @ np.asarray(CODES, float))
    assert away.max() < 5


def test_the_bias_of_the_relaxation_is_there_and_falls_with_the_temperature(model, exact):
    """Of the encoder alone: the prior learns from bits, and its slope has no bias."""
    found = {}
    for temperature in (1.0, 0.1):
        recipe = replace(RECIPE, estimator="relaxed", draws=1, temperature=(temperature,))
        gradients, _ = drawn(recipe.resolve(SPEC), model, 20_000)
        away, _ = off(gradients["encoder"], exact[1]["encoder"])
        bias = gradients["encoder"].mean(0) - exact[1]["encoder"]
        found[temperature] = (
            np.linalg.norm(bias) / np.linalg.norm(exact[1]["encoder"]),
            away.max(),
        )
        assert off(gradients["prior"], exact[1]["prior"])[0].max() < 5
    assert found[1.0][1] > 10
    assert found[0.1][0] < found[1.0][0] / 2


def test_samples_have_the_marginals_of_all_codes(model):
    keys = jax.random.split(jax.random.key(4), 20_000)
    energy = np.asarray(energies(model.prior.machine), float)
    p = np.exp(-energy - np.logaddexp.reduce(-energy))
    codes = np.asarray(CODES, float)

    @eqx.filter_jit
    def draw(keys):
        return jax.vmap(lambda k: (model.sample_code(k), model.sample(k)))(keys)

    drawn_codes, events = (np.asarray(each, float) for each in draw(keys))
    away, _ = off(drawn_codes, p @ codes)
    assert away.max() < 5
    pairs = np.einsum("bi,bj->bij", drawn_codes, drawn_codes).reshape(len(keys), -1)
    away, _ = off(pairs, (codes.T @ (p[:, None] * codes)).ravel())
    assert away.max() < 5
    means = np.asarray(eqx.filter_jit(jax.vmap(lambda z: model.likelihood(z).mean()))(CODES))
    away, _ = off(events, p @ means.astype(float))
    assert away.max() < 5
