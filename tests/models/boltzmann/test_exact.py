"""Energies, conditionals, log Z and samples of small machines, against plain enumeration."""

import equinox as eqx
import jax
import numpy as np
import pytest
from machines import GRAPHS, Enumerated, random_machine

from ansatz.models.boltzmann.elimination import eliminate
from ansatz.models.boltzmann.exact import log_z
from ansatz.models.boltzmann.sampling import draw, start

UNITS = ("binary", "spin")


@pytest.mark.parametrize("name", GRAPHS)
def test_log_z_and_its_slopes_are_those_of_enumeration(name):
    machine = random_machine(name, "binary")
    exact = Enumerated(machine)
    np.testing.assert_allclose(log_z(machine), exact.log_z, rtol=1e-6)
    np.testing.assert_allclose(eliminate(machine), exact.log_z, rtol=1e-6)
    slopes = eqx.filter_grad(log_z)(machine)
    np.testing.assert_allclose(slopes.bias, exact.means, atol=1e-5)
    i, j = machine.graph.edges.T
    np.testing.assert_allclose(slopes.weight, exact.second[i, j], atol=1e-5)


@pytest.mark.parametrize("name", GRAPHS)
def test_gibbs_has_the_means_and_correlations_of_enumeration(name):
    machine = random_machine(name, "spin")
    exact = Enumerated(machine)
    key_start, key = jax.random.split(jax.random.key(1))
    draws = draw(key, machine, start(key_start, machine, 500), 40, burn=30, every=5)
    states = np.asarray(draws.states, float)
    assert draws.mixing.r_hat < 1.01
    flat = states.transpose(0, 2, 1).reshape(-1, machine.nodes)
    # Chains are independent: the mean over chains of each one's average is known to this.
    means = states.mean(0)
    sigma = means.std(1) / np.sqrt(500)
    assert (np.abs(flat.mean(0) - exact.means) < 5 * sigma).all()
    assert np.abs(flat.T @ flat / len(flat) - exact.second).max() < 0.05
