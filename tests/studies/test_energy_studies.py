"""What the studies of known energies and fields judge by."""

import jax.numpy as jnp
import numpy as np
from scipy import stats

from ansatz.studies import conditional_flow, conv_flow_field
from ansatz.studies.claim import Verdict
from ansatz.studies.known_energies import CoulombGas, DoubleWell


def test_draws_of_the_double_well_have_its_weights():
    wells = DoubleWell()
    x = wells.draw(4000, 0)
    right = np.mean(x[:, 0] > 0)
    assert abs(right - wells.right) < 4 * np.sqrt(wells.right * (1 - wells.right) / 4000)
    # The virial theorem, ⟨x ∂E/∂x⟩ = 1 along each axis.
    along = x[:, 0] * (4 * wells.height * x[:, 0] * (x[:, 0] ** 2 - 1) + wells.slope)
    for moment in (along, x[:, 1] ** 2):
        assert abs(moment.mean() - 1) < 4 * moment.std() / 4000**0.5
    line = np.linspace(-4, 4, 4001)
    e = [[float(wells(jnp.array([a, b]))) for b in (0.0, 1.0)] for a in (-1.0, 0.5)]
    np.testing.assert_allclose(np.diff(e, axis=1), 0.5, rtol=1e-5)
    np.testing.assert_allclose(np.exp(-np.array(e)[:, 0]), wells.along(np.array([-1, 0.5])), 1e-5)
    exact = np.log(wells.along(line).sum() * (line[1] - line[0]) * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(wells.log_z, exact, rtol=1e-6)


def test_charges_are_the_eigenvalues_of_random_matrices():
    pair = CoulombGas(2)
    # In z₁ + z₂ and z₁ − z₂ = r e^iφ the integral of two charges is π · 2π ∫ r³ e^(−r²/2) / 2 dr.
    r = np.linspace(0, 12, 12_001)
    integral = np.sum(r**3 * np.exp(-(r**2) / 2)) * (r[1] - r[0])
    np.testing.assert_allclose(np.exp(pair.log_z), np.pi**2 * integral, rtol=1e-6)
    a, b = np.array([[0.3, -0.2], [1.0, 0.5]]), np.array([[0.0, 0.1], [0.4, 0.2]])
    found = [float(pair(jnp.asarray(z, jnp.float32))) for z in (a, b)]
    expected = [(z**2).sum() - np.log(((z[0] - z[1]) ** 2).sum()) for z in (a, b)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    gas = CoulombGas(3)
    z = gas.draw(2000, 0)
    # The virial theorem: ⟨Σ|z|²⟩ = N + N (N − 1) / 2, a sum of variance as large.
    squares = (z**2).sum((1, 2))
    assert abs(squares.mean() - 6) < 4 * squares.std() / 2000**0.5
    first = np.hypot(z[:, 0, 0], z[:, 0, 1])
    fine = np.linspace(0, 6, 2001)
    cdf = np.cumsum(gas.density(fine)) * (fine[1] - fine[0])
    np.testing.assert_allclose(cdf[-1], 1, atol=1e-3)
    assert stats.kstest(first, lambda x: np.interp(x, fine, cdf)).pvalue > 1e-3


def test_a_gaussian_field_is_what_its_covariance_says():
    side = 4
    p = conv_flow_field.power(side)
    covariance = np.fft.ifft2(p).real
    places = np.indices((side, side)).reshape(2, -1)
    apart = (places[:, :, None] - places[:, None, :]) % side
    whole = covariance[apart[0], apart[1]]
    fields = conv_flow_field.drawn(side, 2000, 0)
    expected = stats.multivariate_normal(np.zeros(side**2), whole).logpdf(fields.reshape(2000, -1))
    np.testing.assert_allclose(conv_flow_field.log_prob(fields), expected, rtol=1e-8)
    # Each mode's power is p times a mean of 2000 numbers whose variance is two at most.
    relative = conv_flow_field.modes(fields).mean(0) / p
    np.testing.assert_allclose(relative, 1, atol=5 * np.sqrt(2 / 2000))
    assert sum(map(len, conv_flow_field.bands(side))) == side**2


def test_between_temperatures_nearest_is_not_good_enough():
    """A flow that draws as at the nearest temperature it knows is found out."""

    def at(temperature, mean, drawn):
        generator = np.random.default_rng(int(100 * temperature))
        fields = [m + 0.1 * generator.normal(size=(1000, 6, 6)) for m in (mean, drawn)]
        chains = conditional_flow.Annealed(fields[0], np.zeros(1000), 0.8)
        return conditional_flow.At(temperature, chains, fields[1], np.zeros(1000), np.zeros(1000))

    means = {0.6: 0.6, 0.75: 0.5, 0.9: 0.4, 1.05: 0.35, 1.2: 0.3, 1.35: 0.25, 1.5: 0.2}
    right = {t: at(t, m, m) for t, m in means.items()}
    assert all(c.verdict == Verdict.HOLDS for c in conditional_flow.claims(right))
    nearest = {t: at(t, m, m + 0.1 * (t == 0.75)) for t, m in means.items()}
    failed = [c.name for c in conditional_flow.claims(nearest) if c.verdict != Verdict.HOLDS]
    assert failed == ["draws at 0.75", "weighted at 0.75"]


def test_weights_shift_a_normal_magnetisation():
    """A normal number of the mean µ and the variance σ², weighted by e^(a m), has µ + a σ²."""
    m = np.random.default_rng(0).normal(0.6, 0.1, 4000)
    fields = np.broadcast_to(m[:, None, None], (4000, 2, 2))
    chains = conditional_flow.Annealed(fields, np.zeros(4000), 0.8)
    value, error, _ = conditional_flow.At(1.0, chains, fields, -5 * m, np.zeros(4000)).weighted
    assert abs(value - 0.55) < 4 * error < 0.01
