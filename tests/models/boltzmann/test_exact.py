"""Random machines on every kind of graph agree with plain enumeration in all they say."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from machines import GRAPHS, Enumerated, random_machine

from ansatz.models.boltzmann.ais import ais, reverse_ais
from ansatz.models.boltzmann.elimination import eliminate
from ansatz.models.boltzmann.exact import exact_samples, log_z
from ansatz.models.boltzmann.sampling import sample, start

CHAINS = 1000
SEEDS = range(3)
KINDS = [(name, ("binary", "spin")[k % 2]) for k, name in enumerate(GRAPHS)]


def machines(name, units):
    """Some random machines and what enumeration says of them."""
    for seed in SEEDS:
        machine = random_machine(name, units, seed)
        yield jax.random.key(seed), machine, Enumerated(machine)


@pytest.mark.parametrize(("name", "units"), KINDS)
def test_log_z_means_and_correlations(name, units):
    slope = eqx.filter_jit(eqx.filter_value_and_grad(log_z))
    for _, machine, exact in machines(name, units):
        value, slopes = slope(machine)
        np.testing.assert_allclose(value, exact.log_z, rtol=1e-6)
        np.testing.assert_allclose(eliminate(machine), exact.log_z, rtol=1e-7)
        np.testing.assert_allclose(slopes.bias, exact.means, atol=1e-5)
        i, j = machine.graph.edges.T
        np.testing.assert_allclose(slopes.weight, exact.second[i, j], atol=1e-5)


def judge(state, exact):
    """Chains are independent, so that means and products are known to sd / sqrt(chains).

    Five deviations are passed by chance once in a million.
    """
    state = np.asarray(state, float)
    sigma = np.sqrt((exact.p @ exact.states**2 - exact.means**2) / CHAINS)
    assert (np.abs(state.mean(1) - exact.means) < 5 * sigma).all()
    square = (exact.states**2).T @ (exact.p[:, None] * exact.states**2)
    sigma = np.sqrt(np.maximum(square - exact.second**2, 0) / CHAINS)
    assert (np.abs(state @ state.T / CHAINS - exact.second) <= 5 * sigma + 1e-9).all()


@pytest.mark.parametrize(("name", "units"), KINDS)
def test_chains_and_annealed_estimates(name, units):
    for key, machine, exact in machines(name, units):
        keys = jax.random.split(key, 5)
        # These machines forget within a few sweeps.
        judge(sample(keys[0], machine, start(keys[1], machine, CHAINS), 60), exact)
        samples = exact_samples(keys[2], machine, CHAINS)
        judge(samples, exact)
        bias = jnp.linspace(-0.3, 0.3, machine.nodes)
        low = ais(keys[3], machine, bias=bias, chains=CHAINS, steps=60)
        high = reverse_ais(keys[4], machine, samples, bias=bias, steps=60)
        for estimate in (low, high):
            assert abs(estimate.log_z - exact.log_z) < 5 * estimate.error
            assert estimate.error < 0.05
            assert estimate.effective_samples > CHAINS / 4
