"""The restricted machine is the machine on a bipartite graph; Gaussian units by quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from machines import Enumerated

from ansatz.models.boltzmann.exact import exact_samples, log_z
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.sampling import draw, start
from ansatz.protocol.capabilities import capabilities


def restricted(visible=5, hidden=3, units="binary", gaussian=False, seed=0):
    generator = np.random.default_rng(seed)
    return RestrictedMachine.of(
        generator.normal(0, 0.5, visible),
        generator.normal(0, 0.5, hidden),
        generator.normal(0, 0.7, (visible, hidden)),
        log_scale=generator.normal(-0.3, 0.2, visible) if gaussian else None,
        units=units,
    )


def test_it_can_what_it_declares():
    assert capabilities(RestrictedMachine) == ("sample", "energy", "encode", "decode")


@pytest.mark.parametrize("units", ["binary", "spin"])
@pytest.mark.parametrize("sizes", [(5, 3), (3, 5)])
def test_free_energy_conditionals_and_log_z_are_those_of_enumeration(units, sizes):
    machine = restricted(*sizes, units=units)
    exact = Enumerated(machine.general())
    np.testing.assert_allclose(log_z(machine), exact.log_z, rtol=1e-6)
    visible = exact.states[:, : sizes[0]]
    events = np.unique(visible, axis=0)
    p = np.array([exact.p[(visible == v).all(1)].sum() for v in events])
    free = jax.vmap(machine.free_energy)(jnp.asarray(events, "float32"))
    np.testing.assert_allclose(-free - exact.log_z, np.log(p), atol=2e-5)
    general = jax.vmap(machine.general().free_energy)(jnp.asarray(events, "float32"))
    np.testing.assert_allclose(general, free, atol=2e-5)
    code = jax.vmap(machine.encode)(jnp.asarray(events, "float32"))
    for v, found in zip(events, code, strict=True):
        rows = (visible == v).all(1)
        mean = exact.p[rows] @ exact.states[rows, sizes[0] :] / exact.p[rows].sum()
        np.testing.assert_allclose(found, mean, atol=1e-5)


def test_the_dense_path_samples_what_the_sparse_one_does():
    machine = restricted()
    exact = Enumerated(machine.general())
    chains = 2000
    first, second, third, fourth = jax.random.split(jax.random.key(0), 4)
    dense = draw(first, machine, start(second, machine, chains), 10, burn=30, every=3)
    taken = np.asarray(exact_samples(third, machine, chains), float)
    single = jax.vmap(machine.sample)(jax.random.split(fourth, chains))
    # The mean of n independent units of mean m is known to sqrt(m (1 - m) / n).
    sigma = np.sqrt(exact.means * (1 - exact.means) / chains)
    assert (np.abs(np.asarray(dense.states)[-1].mean(1) - exact.means) < 4 * sigma).all()
    assert (np.abs(taken.mean(1) - exact.means) < 4 * sigma).all()
    assert (np.abs(single.mean(0) - exact.means[:5]) < 4 * sigma[:5]).all()
    energies = machine.energies(jnp.asarray(exact.states.T, "float32"))
    np.testing.assert_allclose(energies, exact.energies, atol=1e-5)


def test_gaussian_units_agree_with_quadrature():
    machine = restricted(2, 3, gaussian=True)
    axis = np.linspace(-8, 8, 401)
    v = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    free = np.asarray(jax.vmap(machine.free_energy)(jnp.asarray(v, "float32")), float)
    weight = np.exp(-free)
    total = weight.sum() * (axis[1] - axis[0]) ** 2
    np.testing.assert_allclose(log_z(machine), np.log(total), rtol=1e-5)
    samples = np.asarray(exact_samples(jax.random.key(3), machine, 4000), float)[:2]
    mean = weight @ v / weight.sum()
    spread = np.sqrt(weight @ (v - mean) ** 2 / weight.sum())
    assert (np.abs(samples.mean(1) - mean) < 4 * spread / np.sqrt(4000)).all()
    draws = draw(
        jax.random.key(4), machine, start(jax.random.key(5), machine, 4000), 1, burn=40
    ).states[0]
    assert (np.abs(draws[:2].mean(1) - mean) < 4 * spread / np.sqrt(4000)).all()


def test_half_the_temperature_is_twice_the_energy():
    for machine in (restricted(), restricted(gaussian=True), restricted().general()):
        np.testing.assert_allclose(log_z(machine, 2.0), log_z(machine.at(2.0)), rtol=1e-5)
