"""The temperature of states, found from them by two estimates, and from a device."""

import jax
import numpy as np
import pytest
from machines import random_machine

from ansatz.models.boltzmann import temperature
from ansatz.models.boltzmann.exact import exact_samples
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.temperature import by_energy, by_pseudo_likelihood
from ansatz.protocol.errors import SamplerError


@pytest.fixture(scope="module")
def machine():
    return random_machine("king:3x4", "spin")


@pytest.mark.parametrize("beta", [0.4, 1.0, 1.7])
def test_rescaled_states_have_the_temperature_that_they_were_drawn_at(machine, beta):
    states = exact_samples(jax.random.key(3), machine.at(beta), 30_000)
    for found in (
        by_energy(jax.random.key(1), machine, states),
        by_pseudo_likelihood(machine, states),
    ):
        assert found.beta == pytest.approx(beta, rel=0.02)
        assert abs(found.beta - beta) < 4 * found.error
        assert found.error < 0.01 * max(beta, 1)


def test_restricted_machines_of_zeros_and_ones_have_temperatures():
    generator = np.random.default_rng(0)
    machine = RestrictedMachine.of(
        generator.normal(0, 0.5, 8), generator.normal(0, 0.5, 6), generator.normal(0, 0.7, (8, 6))
    )
    states = exact_samples(jax.random.key(0), machine.at(1.4), 30_000)
    for found in (
        by_energy(jax.random.key(1), machine, states),
        by_pseudo_likelihood(machine, states),
    ):
        assert found.beta == pytest.approx(1.4, rel=0.02)
        assert abs(found.beta - 1.4) < 4 * found.error


def test_errors_are_as_large_as_they_say(machine):
    """Of 60 sets of states, squares of the deviations over their errors: a χ² of 60."""
    states = exact_samples(jax.random.key(5), machine.at(1.2), 60 * 250)
    sets = states.reshape(12, 60, 250)
    for estimate in (
        lambda s: by_energy(jax.random.key(0), machine, s),
        lambda s: by_pseudo_likelihood(machine, s),
    ):
        found = [estimate(sets[:, k]) for k in range(60)]
        square = sum(((beta - 1.2) / error) ** 2 for beta, error in found)
        # Within four standard deviations, sqrt(120), of 60.
        assert 60 - 44 < square < 60 + 44


def test_chains_match_energies_where_nothing_can_be_enumerated(machine, monkeypatch):
    states = exact_samples(jax.random.key(0), machine.at(0.7), 20_000)
    exactly = by_energy(jax.random.key(1), machine, states)
    monkeypatch.setattr(temperature, "enumerable", lambda _: False)
    found = by_energy(jax.random.key(1), machine, states)
    # They share the states, and differ by what chains add.
    added = np.sqrt(found.error**2 - exactly.error**2)
    assert 0 < added < found.error
    assert abs(found.beta - exactly.beta) < 4 * added


@pytest.mark.parametrize("roundings", [-8, 0, 8])
def test_the_lowest_energy_is_so_whichever_way_it_was_rounded(machine, roundings):
    lowest = float(machine.energies(exact_samples(jax.random.key(0), machine.at(300.0), 1))[0])
    mean = lowest * (1 + roundings * float(np.finfo(np.float32).eps))
    with pytest.raises(SamplerError, match="all of lowest energy"):
        temperature._matched_exactly(machine, mean)


def test_what_has_no_temperature_is_said(machine):
    best = exact_samples(jax.random.key(0), machine.at(300.0), 50)
    worst = exact_samples(jax.random.key(0), machine.at(-1.0), 500)
    for states, said in ((best, "all of lowest energy"), (worst, "there is no temperature")):
        with pytest.raises(SamplerError, match=said):
            by_pseudo_likelihood(machine, states)
        with pytest.raises(SamplerError, match=said):
            by_energy(jax.random.key(0), machine, states)
