"""Terms of any order, units of either kind, clamped nodes: all as enumeration has them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from machines import Enumerated, random_machine

from ansatz.models.boltzmann.ais import ais
from ansatz.models.boltzmann.elimination import eliminate
from ansatz.models.boltzmann.exact import log_z
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.named import named
from ansatz.models.boltzmann.pseudo import pseudo_log_likelihood
from ansatz.models.boltzmann.sampling import sample, start
from ansatz.models.boltzmann.terms import penalty

TERMS = {(0, 4, 8): 0.9, (1, 3): -0.4, (2,): 0.3, (5, 6, 7, 8): -0.8}
CHAINS = 4000


@pytest.mark.parametrize("units", ["binary", "spin"])
def test_terms_of_any_order_and_their_conversion(units):
    machine = random_machine("grid:3x3:periodic", units, terms=TERMS)
    exact = Enumerated(machine)
    states = jnp.asarray(exact.states.T, "float32")
    np.testing.assert_allclose(machine.energies(states), exact.energies, atol=1e-5)
    np.testing.assert_allclose(log_z(machine), exact.log_z, rtol=1e-6)
    np.testing.assert_allclose(eliminate(machine), exact.log_z, rtol=1e-6)
    other, shift = machine.converted("spin" if units == "binary" else "binary")
    there = 2 * states - 1 if units == "binary" else (1 + states) / 2
    np.testing.assert_allclose(other.energies(there) + shift, exact.energies, atol=2e-5)
    again, back = other.converted(units)
    assert shift + back == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(again.energies(states), exact.energies, atol=2e-5)


@pytest.mark.parametrize("rule", ["gibbs", "metropolis"])
def test_clamped_chains_have_the_conditional_distribution(rule):
    """Half the chains are clamped to one assignment, half to another."""
    machine = random_machine("grid:3x3:periodic", "binary", terms=TERMS)
    exact = Enumerated(machine, beta=0.7)
    held, values = (4, 1, 6), np.array([[1, 0], [1, 1], [0, 1]])
    key_start, key = jax.random.split(jax.random.key(0))
    state = start(key_start, machine, 2 * CHAINS)
    state = machine.clamp(state, held, np.repeat(values, CHAINS, axis=1))
    state = np.asarray(sample(key, machine, state, 80, beta=0.7, clamped=held, rule=rule), float)
    for half, given in zip(np.split(state, 2, axis=1), values.T, strict=True):
        assert (half[list(held)] == given[:, None]).all()
        rows = (exact.states[:, held] == given).all(1)
        p = exact.p[rows] / exact.p[rows].sum()
        mean = p @ exact.states[rows]
        sigma = np.sqrt(np.maximum(mean * (1 - mean), 0) / CHAINS)
        assert (np.abs(half.mean(1) - mean) <= 5 * sigma + 1e-12).all()


def test_every_chain_has_its_own_temperature():
    machine = random_machine("chain:9", "spin")
    betas = jnp.repeat(jnp.array([0.0, 3.0]), CHAINS)
    key_start, key = jax.random.split(jax.random.key(1))
    state = sample(key, machine, start(key_start, machine, 2 * CHAINS), 150, beta=betas)
    for half, beta in zip(np.split(np.asarray(state, float), 2, axis=1), (0.0, 3.0), strict=True):
        exact = Enumerated(machine, beta)
        sigma = np.sqrt((1 - exact.means**2) / CHAINS)
        assert (np.abs(half.mean(1) - exact.means) < 5 * sigma).all()


def test_a_penalty_is_paid_where_the_constraint_is_broken():
    for units, values in (("binary", (0, 1)), ("spin", (-1, 1))):
        terms, constant = penalty((2, 0, 1), lambda a, b, c: a == (b and c), 3.0, units)
        machine = BoltzmannMachine.of(named("complete:3"), units=units, terms=terms)
        states = np.array(list(itertools.product(values, repeat=3)), "float32")
        energies = machine.energies(jnp.asarray(states.T)) + constant
        up = states == values[1]
        broken = up[:, 2] != (up[:, 0] & up[:, 1])
        np.testing.assert_allclose(energies, 3.0 * broken, atol=1e-6)


def test_hidden_units_on_any_graph_are_summed_out():
    """Some are coupled to each other, so that no formula has them all at once."""
    visible = (8, 0, 2, 6)
    machine = random_machine("grid:3x3:periodic", "spin", visible=visible, terms=TERMS)
    exact = Enumerated(machine)
    events = np.array(list(itertools.product((-1.0, 1.0), repeat=4)))
    p = np.array([exact.p[(exact.states[:, visible] == v).all(1)].sum() for v in events])
    free = jax.jit(jax.vmap(machine.free_energy))(jnp.asarray(events, "float32"))
    np.testing.assert_allclose(-free - exact.log_z, np.log(p), atol=1e-5)
    table = dict(zip(map(tuple, events), p, strict=True))
    sums = [
        sum(np.log(table[v] / (table[v] + table[(*v[:i], -v[i], *v[i + 1 :])])) for i in range(4))
        for v in map(tuple, events)
    ]
    found = pseudo_log_likelihood(machine, jnp.asarray(events, "float32"))
    np.testing.assert_allclose(found, sums, atol=1e-4)


def test_annealed_estimates_know_terms():
    machine = random_machine("grid:3x3:periodic", "spin", terms=TERMS)
    low = ais(jax.random.key(0), machine, chains=1000, steps=60)
    assert abs(low.log_z - Enumerated(machine).log_z) < 5 * low.error < 0.25


def test_pseudo_likelihood_of_visible_units_is_read_off_the_pulls():
    machine = random_machine("chain:9", "binary")
    exact = Enumerated(machine)
    log_p = dict(zip(map(tuple, exact.states), -exact.energies, strict=True))
    events = exact.states[::37]
    sums = [
        sum(-np.logaddexp(0, log_p[(*v[:i], 1 - v[i], *v[i + 1 :])] - log_p[v]) for i in range(9))
        for v in map(tuple, events)
    ]
    found = pseudo_log_likelihood(machine, jnp.asarray(events, "float32"))
    np.testing.assert_allclose(found, sums, atol=1e-4)
