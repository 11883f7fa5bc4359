"""The studies of Boltzmann machines: what they count and expect, found another way."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest

from ansatz.models.boltzmann import RestrictedMachine
from ansatz.models.boltzmann.exact import exact_samples
from ansatz.models.boltzmann.sampling import sample
from ansatz.runs.run import Run
from ansatz.studies import detailed_balance as balance
from ansatz.studies import ising, rbm_mnist
from ansatz.studies.claim import Verdict
from ansatz.studies.wolff import turned, wolff


def test_clusters_have_the_energy_and_magnetisation_of_enumeration():
    coupling, side, lattices = 0.3, 3, 4000
    states = np.array(list(itertools.product((-1.0, 1.0), repeat=side**2))).reshape(-1, side, side)
    bonds = sum((states * np.roll(states, 1, axis)).sum((1, 2)) for axis in (1, 2))
    p = np.exp(coupling * bonds)
    p /= p.sum()
    spins = wolff(np.random.default_rng(0), coupling, side, lattices, 40)
    found = sum((spins * np.roll(spins, 1, axis)).sum((1, 2)) for axis in (1, 2))
    square = spins.sum((1, 2)) ** 2
    for values, exact in ((found, bonds), (square, states.sum((1, 2)) ** 2)):
        mean = p @ exact
        # Lattices are independent: their mean is known to the deviation over the root of them.
        sigma = np.sqrt((p @ exact**2 - mean**2) / lattices)
        assert abs(values.mean() - mean) < 4 * sigma
    one = turned(np.random.default_rng(1), coupling, spins)
    assert ((one != spins).sum((1, 2)) >= 1).all()


def test_onsager_is_the_integral_of_his_free_energy():
    """u = -d/dK of log 2 + 1/(2 pi^2) times the double integral over angles."""

    def log_z(k):
        n = 400
        angle = (np.arange(n) + 0.5) * np.pi / n
        inside = np.cosh(2 * k) ** 2 - np.sinh(2 * k) * (
            np.cos(angle)[:, None] + np.cos(angle)[None]
        )
        return np.log(2) + np.log(inside).mean() / 2

    for k in (0.2, 0.35, 0.5):
        slope = (log_z(k + 1e-4) - log_z(k - 1e-4)) / 2e-4
        np.testing.assert_allclose(ising.onsager_energy(k), -slope, rtol=1e-5)


def test_log_z_claims_of_the_ising_study_hold():
    assert ising.ring().verdict == Verdict.HOLDS
    assert ising.curie_weiss().verdict == Verdict.HOLDS


@pytest.fixture(scope="module")
def machine():
    generator = np.random.default_rng(0)
    return RestrictedMachine.of(
        generator.normal(0, 0.5, 3), generator.normal(0, 0.5, 2), generator.normal(0, 2, (3, 2))
    )


@pytest.fixture(scope="module")
def counted(machine):
    before = exact_samples(jax.random.key(0), machine, 100_000)
    after = sample(jax.random.key(1), machine, before, 1)
    first, last = (balance.numbered(np.asarray(state)) for state in (before, after))
    return np.bincount(first * 32 + last, minlength=32**2).reshape(32, 32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_flows_are_written_out_right(machine):
    """State by state and unit by unit, hidden units first."""
    b, c, w = (np.asarray(p, float) for p in jax.tree.leaves(machine)[:3])
    bits = [np.array(s) for s in itertools.product((0, 1), repeat=5)]
    weight = np.array([np.exp(s[:3] @ b + s[3:] @ c + s[:3] @ w @ s[3:]) for s in bits])
    expected = np.zeros((32, 32))
    for i, s in enumerate(bits):
        up = sigmoid(c + s[:3] @ w)
        for j, t in enumerate(bits):
            then = sigmoid(b + w @ t[3:])
            hidden = np.prod(np.where(t[3:] == 1, up, 1 - up))
            visible = np.prod(np.where(t[:3] == 1, then, 1 - then))
            expected[i, j] = weight[i] / weight.sum() * hidden * visible
    np.testing.assert_allclose(balance.flows(machine), expected, atol=1e-9)
    shown = balance.marginal(expected)
    np.testing.assert_allclose(shown, shown.T, atol=1e-12)


def test_claims_hold_for_the_machine_and_see_what_is_wrong(machine, counted):
    exact = balance.flows(machine)
    shown = balance.marginal(counted)
    right = (
        balance.occupation(counted.sum(1), exact.sum(1)),
        balance.stationary(counted),
        balance.balanced(shown),
        balance.as_enumerated(shown, balance.marginal(exact)),
        balance.circling(counted, exact),
    )
    assert all(claim.verdict != Verdict.FAILS for claim in right)
    assert [claim.verdict for claim in right[:4]] == [Verdict.HOLDS] * 4
    # A hundredth of all chains that go from one state to another and not back.
    leak = shown.copy()
    leak[0, 7] += 5000
    assert balance.balanced(leak).verdict == Verdict.FAILS
    assert balance.as_enumerated(leak, balance.marginal(exact)).verdict == Verdict.FAILS
    whole = counted.copy()
    whole[0, 7] += 5000
    assert balance.stationary(whole).verdict == Verdict.FAILS
    assert balance.occupation(np.roll(counted.sum(1), 1), exact.sum(1)).verdict == Verdict.FAILS
    symmetric = (counted + counted.T) // 2
    assert balance.circling(symmetric, exact).verdict == Verdict.FAILS
    assert balance.matrix(shown).values.shape == (8, 8)
    assert len(balance.against(counted, shown).clouds) == 2


class Known(Run):
    """A run of which only the likelihood of some events is known."""

    def __init__(self, mean):
        object.__setattr__(self, "mean", mean)

    def held_out(self, data=None):
        return "test", None

    def log_likelihood(self, data, *, samples=100, seed=0):
        return np.full(10, self.mean)


@pytest.mark.parametrize(
    ("centred", "plain", "verdicts"),
    [
        (-139.5, -149.0, ("holds", "holds")),
        (-141.5, -149.0, ("fails", "holds")),
        (-139.5, -139.0, ("holds", "fails")),
        (-139.5, -160.0, ("holds", "fails")),
    ],
)
def test_the_exact_claims_see_what_they_are_about(centred, plain, verdicts):
    found = rbm_mnist.exact_claims((Known(centred),), (Known(plain),), published=True)
    assert tuple(str(claim.verdict) for claim in found) == verdicts
    (gain,) = rbm_mnist.exact_claims((Known(centred),), (Known(plain),), published=False)
    assert gain == replace(found[1])


def test_one_fit_that_falls_short_is_enough():
    centred, plain = (
        tuple(Known(mean) for mean in means) for means in ((-139.5, -141.5), (-149.0, -149.0))
    )
    found = rbm_mnist.exact_claims(centred, plain, published=True)
    assert [str(claim.verdict) for claim in found] == ["fails", "holds"]
