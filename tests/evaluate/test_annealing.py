"""Annealed chains against closed forms and transfer matrices."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ansatz.distributions import Normal
from ansatz.evaluate.annealing import anneal
from ansatz.protocol.errors import OptionError
from ansatz.studies.known_energies import DoubleWell
from ansatz.studies.lattice import ScalarField, annealed, laplacian, magnetisation

CHAINS, STEPS = 1000, 60


@pytest.fixture(scope="module")
def theory():
    """log Z by chains of the φ⁴ theory and of the free field on the same lattice of 2 by 2."""

    def found(*numbers):
        return annealed(ScalarField(*numbers), (2, 2), chains=CHAINS, steps=STEPS)

    return {"free": found(0.5, 0.0), "φ⁴": found(-4.0, 8.0), "warm": found(-4.0, 8.0, 2.0)}


def free_log_z(squared_mass, space):
    """log Z at λ = 0 and T = 1: −½ Σ_k log((M² + Σ_μ 4 sin²(k_μ / 2)) / π)."""
    return -0.5 * float(np.sum(np.log((squared_mass + laplacian(space)) / np.pi)))


def transfer(squared_mass, coupling, temperature):
    """log Z and ⟨m²⟩ on 2 by 2 sites: Z = tr T² over rows of two, on a grid.

    Round a ring of two the two sites meet twice, in either direction.
    """
    line = np.linspace(-2.5, 2.5, 41)
    h = line[1] - line[0]
    a, b = (grid.ravel() for grid in np.meshgrid(line, line))
    own = squared_mass * (a**2 + b**2) + coupling * (a**4 + b**4) + 2 * (a - b) ** 2
    between = 2 * (np.subtract.outer(a, a) ** 2 + np.subtract.outer(b, b) ** 2)
    weight = np.exp(-(np.add.outer(own, own) + between) / temperature)
    square = np.add.outer(a + b, a + b) ** 2 / 16
    whole = weight.sum()
    return np.log(whole * h**4), (weight * square).sum() / whole


def test_the_free_field_is_gaussian(theory):
    value, error = theory["free"].log_z
    assert error < 0.05
    assert abs(value - free_log_z(0.5, (2, 2))) < 3.5 * error
    # ⟨m²⟩ = 1 / (2 M² V), of 1000 samples; the drawing repeats some of them.
    found = magnetisation(theory["free"].samples) ** 2
    assert abs(found.mean() - 1 / (2 * 0.5 * 4)) < 5 * found.std() / CHAINS**0.5


@pytest.mark.parametrize(("name", "temperature"), [("φ⁴", 1.0), ("warm", 2.0)])
def test_log_z_of_a_small_lattice_is_that_of_a_sum(theory, name, temperature):
    value, error = theory[name].log_z
    exact, square = transfer(-4.0, 8.0, temperature)
    assert error < 0.05
    assert abs(value - exact) < 3.5 * error
    found = magnetisation(theory[name].samples) ** 2
    assert abs(found.mean() - square) < 5 * found.std() / CHAINS**0.5


def test_the_free_action_is_what_its_modes_say():
    """exp(−S) with S = Σ_k (M² + k̂²) |φ_k|², and the determinant of its second derivatives."""
    space = (3, 4)
    fields = np.random.default_rng(0).normal(size=space).astype(np.float32)
    action = ScalarField(0.7, 0.0)
    points = np.eye(12, dtype=np.float32).reshape(12, *space)
    quadratic = np.array(
        [
            [float(action(jnp.asarray(a + b))) - float(action(jnp.asarray(a))) for b in points]
            for a in points
        ]
    )
    quadratic -= np.array([float(action(jnp.asarray(b))) for b in points])
    np.testing.assert_allclose(
        0.5 * fields.ravel() @ quadratic @ fields.ravel(), action(jnp.asarray(fields)), rtol=1e-4
    )
    log_z = 6 * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(quadratic)[1]
    np.testing.assert_allclose(free_log_z(0.7, space), log_z, rtol=1e-5)


def test_both_wells_and_their_weights():
    wells = DoubleWell(4.0)
    found = anneal(wells, Normal(jnp.zeros(2), jnp.ones(2)), chains=CHAINS, steps=STEPS)
    value, error = found.log_z
    assert abs(value - wells.log_z) < 3.5 * error < 0.2
    share = float(np.mean(found.samples[:, 0] > 0))
    # By systematic drawing the share has at most the noise of its weights, some three times
    # that of independent draws.
    assert abs(share - wells.right) < 5 * np.sqrt(wells.right * (1 - wells.right) / CHAINS)
    assert stats.kstest(found.samples[:, 1], "norm").pvalue > 1e-3
    assert 0.6 < found.accepted <= 1


@pytest.mark.parametrize(
    ("energy", "more", "words"),
    [
        (
            lambda x: jnp.where(x[0] > 0, jnp.inf, 0.0),
            {},
            r"not finite on \d+ of 10 draws of the start",
        ),
        (lambda x: x[0] ** 2, {"chains": 1}, "chains must be at least 2; it is 1"),
        (lambda x: x[0] ** 2, {"steps": 0}, "steps must be at least 1; it is 0"),
    ],
)
def test_mistakes(energy, more, words):
    with pytest.raises(OptionError, match=words):
        anneal(energy, Normal(jnp.zeros(1), jnp.ones(1)), **{"chains": 10, "steps": 2, **more})
