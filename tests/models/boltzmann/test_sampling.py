"""Tempering, annealing, the sandwich, diagnostics and noise; what a user gets wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from machines import Enumerated, random_machine
from scipy import stats

from ansatz.models.boltzmann.ais import ais
from ansatz.models.boltzmann.diagnostics import autocorrelation_time, mixing, r_hat
from ansatz.models.boltzmann.elimination import eliminate
from ansatz.models.boltzmann.exact import log_z
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.named import named
from ansatz.models.boltzmann.noise import uniform, words
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.sampling import anneal, draw, sample, start
from ansatz.models.boltzmann.sandwich import sandwich
from ansatz.models.boltzmann.tempering import temper
from ansatz.protocol.errors import DataError, OptionError


def test_tempered_chains_cross_a_barrier_that_plain_ones_do_not():
    """A cold ferromagnet, pulled up a little: from all down, plain chains stay down."""
    machine = BoltzmannMachine.of(
        named("grid:4x4"), np.full(16, 0.03), np.full(24, 1.5), units="spin"
    )
    exact = Enumerated(machine)
    up = exact.p[exact.states.sum(1) > 0].sum()
    chains, betas = 400, np.linspace(0.12, 1, 9)
    state = -jnp.ones((16, 9 * chains))
    plain = sample(jax.random.key(0), machine, state[:, :chains], 60)
    found = temper(jax.random.key(1), machine, state, betas, 2, burn=300, every=20)
    assert (plain.sum(0) > 0).mean() < 0.02
    fraction = float((found.states[-1].sum(0) > 0).mean())
    assert abs(fraction - up) < 4 * np.sqrt(up * (1 - up) / chains)
    assert found.swaps.shape == (8,)
    assert (found.swaps > 0.1).all()
    assert (found.swaps <= 1).all()
    # The last rung is what is recorded, and what stands last among the chains to go on from.
    np.testing.assert_array_equal(found.last[:, -chains:], found.states[-1])


def test_annealing_finds_the_ground_state():
    machine = random_machine("king:3x4", "spin", seed=5)
    exact = Enumerated(machine)
    key_start, key = jax.random.split(jax.random.key(0))
    state = anneal(key, machine, start(key_start, machine, 64), np.geomspace(0.1, 30, 60))
    assert float(machine.energies(state).min()) == pytest.approx(exact.energies.min(), abs=1e-4)


def test_the_sandwich_holds_log_z_and_says_what_it_is():
    generator = np.random.default_rng(0)
    machine = RestrictedMachine.of(
        generator.normal(0, 0.3, 24),
        generator.normal(0, 0.3, 23),
        generator.normal(0, 0.2, (24, 23)),
    )
    # 23 units are one too many to enumerate here, but not for the machine without the last.
    with pytest.raises(OptionError, match="23 units are left to enumerate"):
        log_z(machine)
    found = sandwich(jax.random.key(0), machine, chains=256, steps=200, burn=50, every=5)
    assert not found.exact
    assert found.reliable, str(found)
    assert "no bound" in str(found)
    assert abs(found.gap) < 5 * np.hypot(found.low.error, found.high.error)
    small = RestrictedMachine.of(
        machine.visible_bias[:9], machine.hidden_bias[:9], 12 * machine.weight[:9, :9]
    )
    poor = sandwich(jax.random.key(1), small, chains=256, steps=3, widest=0.01)
    assert poor.exact
    assert "bounds" in str(poor)
    assert not poor.reliable
    assert "unreliable: the gap is" in str(poor)
    # In three steps both are off, each to its own side by more than twice its error.
    exact = float(log_z(small))
    assert poor.low.log_z < exact < poor.high.log_z


def test_elimination_takes_long_chains_and_wide_ones_are_refused():
    """A chain against products of its transfer matrices."""
    generator = np.random.default_rng(0)
    bias, weight = generator.normal(0, 1, 200), generator.normal(0, 1, 199)
    machine = BoltzmannMachine.of(named("chain:200"), bias, weight, units="spin")
    s = np.array([-1.0, 1.0])
    row = np.exp(bias[0] * s)
    shift = 0.0
    for b, w in zip(bias[1:], weight, strict=True):
        row = row @ np.exp(w * np.outer(s, s) + b * s[None])
        shift += np.log(row.sum())
        row /= row.sum()
    assert eliminate(machine) == pytest.approx(shift + np.log(row.sum()), rel=1e-6)
    assert float(log_z(machine)) == pytest.approx(eliminate(machine), rel=1e-6)
    wide = BoltzmannMachine.of(named("pegasus:4"))
    for compute in (eliminate, log_z):
        with pytest.raises(OptionError, match="sandwich"):
            compute(wide)


def test_the_autocorrelation_time_of_an_autoregression():
    """x' = a x + noise has tau = (1 + a)/(1 - a)."""
    generator = np.random.default_rng(0)
    for a in (0.0, 0.8):
        x = np.zeros((4000, 50))
        noise = generator.normal(size=x.shape) * np.sqrt(1 - a**2)
        x[0] = generator.normal(size=50)
        for t in range(1, len(x)):
            x[t] = a * x[t - 1] + noise[t]
        # Of 200 000 draws it is known to a few per cent (Sokal, 1997).
        assert autocorrelation_time(x) == pytest.approx((1 + a) / (1 - a), rel=0.1)
        assert r_hat(x) < 1.01
        found = mixing(x)
        assert found.effective_samples == pytest.approx(x.size * (1 - a) / (1 + a), rel=0.1)
    assert r_hat(x + np.arange(50)[None]) > 2
    assert r_hat(x + np.linspace(0, 5, 4000)[:, None]) > 1.1


def test_noise_is_uniform_and_independent_of_its_neighbours():
    shape = (400, 1000)
    keys = jax.random.split(jax.random.key(0), 3)
    first, second, third = (np.asarray(words(key, shape)) for key in keys)
    assert len(np.unique(first)) == first.size
    n = first.size
    for bits in (first, second, third):
        for shift in (0, 8, 16, 24):
            counts = np.bincount((bits >> shift & 255).ravel(), minlength=256)
            assert stats.chisquare(counts).pvalue > 1e-4
        # Pairs of bytes of neighbours along a row, down a column, and far apart.
        for a, b in ((bits[:, 1:], bits[:, :-1]), (bits[1:], bits[:-1]), (bits[:200], bits[200:])):
            table = np.bincount((16 * (a >> 28) + (b >> 28)).ravel(), minlength=256)
            assert stats.chisquare(table).pvalue > 1e-4
    # Each bit of one key against each bit of another: 1024 deviations of unit variance.
    ups = [np.unpackbits(w.view(np.uint8).reshape(-1, 4), axis=1) for w in (first, second)]
    centred = [2.0 * u - 1 for u in ups]
    assert np.abs(centred[0].T @ centred[1] / np.sqrt(n)).max() < 5.5
    u = np.asarray(uniform(keys[0], shape, jnp.dtype("float32")))
    assert 0 <= u.min() < u.max() < 1
    assert stats.kstest(u.ravel()[::7], "uniform").pvalue > 1e-4


def test_graphs_of_many_colours_and_of_many_neighbours():
    """Ten colours share one array; forty neighbours are summed by a product."""
    generator = np.random.default_rng(0)
    machine = BoltzmannMachine.of(
        named("complete:10"), generator.normal(0, 0.3, 10), generator.normal(0, 0.3, 45)
    )
    exact = Enumerated(machine)
    key_start, key = jax.random.split(jax.random.key(0))
    state = np.asarray(sample(key, machine, start(key_start, machine, 4000), 60))
    sigma = np.sqrt(exact.means * (1 - exact.means) / 4000)
    assert (np.abs(state.mean(1) - exact.means) < 5 * sigma).all()
    restricted = RestrictedMachine.of(
        generator.normal(0, 0.3, 40), generator.normal(0, 0.3, 4), generator.normal(0, 0.3, (40, 4))
    )
    wide = restricted.general()
    assert any(pull.whole for pulls in wide.kernel().layout.pulls for pull in pulls)
    np.testing.assert_allclose(log_z(wide), log_z(restricted), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m, x: m.clamp(x, [12], 1), "There is no node 12 to clamp"),
        (lambda m, x: m.clamp(x, [1, 1], 1), "The node 1 is there twice"),
        (lambda m, x: m.clamp(x, [1], 0.5), "must be 0 or 1, not 0.5"),
        (lambda m, x: m.clamp(x, [1], np.ones((2, 3))), "are of that shape"),
        (lambda m, x: sample(jax.random.key(0), m, x, 1, clamped=[-1]), "There is no node -1"),
        (lambda m, _: m.states_of(np.full((2, 12), -1.0)), "must be 0 or 1, not -1.0"),
        (lambda m, _: m.states_of(np.ones((2, 5))), "has 12 numbers, not 5"),
        (lambda m, x: draw(jax.random.key(0), m, x, 0), "draws must be at least 1"),
        (lambda m, _: ais(jax.random.key(0), m, chains=1), "at least 2 chains"),
        (lambda m, x: temper(jax.random.key(0), m, x, [0.5, 1.0], 1), "whole number of chains"),
        (lambda m, _: BoltzmannMachine.of(m.graph, np.full(12, np.nan)), "biases must be finite"),
        (lambda m, _: BoltzmannMachine.of(m.graph, np.ones(3)), "are of shape"),
        (lambda m, _: BoltzmannMachine.of(m.graph, visible=[40]), "There is no node 40 to show"),
        (lambda m, _: BoltzmannMachine.of(m.graph, shape=(5, 5)), "no event of shape"),
        (lambda m, _: BoltzmannMachine.of(m.graph, terms={(1, 1): 2.0}), "different nodes"),
        (lambda m, _: BoltzmannMachine.of(m.graph, terms={(1, 40): 2.0}), "no node 40 to weigh"),
        (lambda m, _: BoltzmannMachine.of(m.graph, terms={(1, 2): np.inf}), "must be finite"),
        (
            lambda *_: RestrictedMachine.of(np.zeros(1), np.zeros(1), np.full((1, 1), np.inf)),
            r"weights must be finite; at \[0, 0\]",
        ),
    ],
)
def test_mistakes_are_named(call, said):
    machine = random_machine("king:3x4", "binary")
    with pytest.raises((DataError, OptionError), match=said):
        call(machine, jnp.zeros((12, 5)))
