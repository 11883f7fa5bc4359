"""Bars, physicists, a quantum state, annealing: what they count and expect, found another way."""

import itertools

import jax
import numpy as np
import pytest

from ansatz.models.boltzmann import BoltzmannMachine, RestrictedMachine, named
from ansatz.models.boltzmann.sampling import sample
from ansatz.studies import annealing, hopfield, rbm_bars
from ansatz.studies import guess_a_physicist as physicist
from ansatz.studies import quantum_state as quantum
from ansatz.studies.claim import Verdict
from ansatz.studies.physicists import answers, physicists, questions
from ansatz.studies.transverse_ising import ground_state, hamiltonian, snapshots, spins


@pytest.mark.parametrize("sites", [2, 5, 8])
def test_the_ground_state_is_that_of_free_fermions_and_of_pauli_matrices(sites):
    energy, state = ground_state(sites)
    assert energy == pytest.approx(1 - 1 / np.sin(np.pi / (4 * sites + 2)))
    z, x, one = np.diag([1.0, -1]), np.array([[0.0, 1], [1, 0]]), np.eye(2)

    def product(at):
        whole = np.eye(1)
        for site in range(sites):
            whole = np.kron(whole, at.get(site, one))
        return whole

    dense = -sum(product({k: z, k + 1: z}) for k in range(sites - 1))
    dense = dense - sum(product({k: x}) for k in range(sites))
    np.testing.assert_allclose(hamiltonian(sites).toarray(), dense)
    np.testing.assert_allclose(dense @ state, energy * state, atol=1e-8)


def test_snapshots_are_of_the_state_and_numbered_as_it_is():
    _, state = ground_state(4)
    seen = snapshots(np.random.default_rng(0), state, 20_000)
    counts = np.bincount(quantum.number(seen), minlength=16)
    # A χ² of 15, three in a hundred thousand beyond 50.
    assert ((counts - 20_000 * state**2) ** 2 / (20_000 * state**2)).sum() < 50
    np.testing.assert_array_equal(quantum.number(spins(4)), np.arange(16))


def test_what_chance_leaves_of_an_overlap_is_what_it_leaves():
    p = np.array([0.5, 0.3, 0.15, 0.04, 0.0095, 0.0005])
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(400, p, size=4000) / 400
    overlaps = np.sqrt(drawn * p).sum(1)
    expected = quantum.expected_overlap(p, 400)
    assert abs(overlaps.mean() - expected) < 4 * overlaps.std() / np.sqrt(4000)
    assert 1 - expected > 20 * overlaps.std() / np.sqrt(4000)


def test_the_chain_of_one_coupling_is_the_likeliest():
    """<s s'> of an open chain is tanh K."""
    bonds = np.tanh(0.6)
    generator = np.random.default_rng(0)
    same = generator.random((4000, 9)) < (1 + bonds) / 2
    seen = np.cumprod(np.column_stack([np.ones(4000), np.where(same, 1, -1)]), axis=1)
    p = quantum.chain(seen)
    mean = (spins(10)[:, 0] * spins(10)[:, 1]) @ p
    assert mean == pytest.approx((seen[:, :-1] * seen[:, 1:]).mean(), abs=1e-5)


def test_claims_of_a_state_see_what_is_wrong(monkeypatch, tmp_path):
    monkeypatch.setattr(quantum, "TFIM", tmp_path / "nothing")
    magnet = quantum.measured(0)
    assert "drawn from the state" in quantum.state_claim(magnet).sentence
    assert quantum.state_claim(magnet).verdict == Verdict.HOLDS
    assert quantum.histogram_claim(magnet).verdict == Verdict.HOLDS
    assert quantum.energy_claim(magnet.exact, magnet).verdict == Verdict.HOLDS
    beside = {quantum.HISTOGRAM: magnet.histogram, quantum.CHAIN: quantum.chain(magnet.seen)}

    def verdict(q):
        return quantum.fidelity_claim(quantum.PAIRS, [q], magnet, beside).verdict

    assert verdict(magnet.exact) == Verdict.HOLDS
    assert verdict(magnet.histogram) == Verdict.FAILS
    assert verdict(beside[quantum.CHAIN]) == Verdict.FAILS
    assert quantum.energy_claim(beside[quantum.CHAIN], magnet).verdict == Verdict.FAILS
    given = quantum.Magnet(magnet.energy, magnet.exact, magnet.seen, np.roll(magnet.exact, 1))
    assert quantum.state_claim(given).verdict == Verdict.FAILS
    assert (quantum.fidelity(magnet.exact, magnet.histogram)) < 0.98


def test_the_file_holds_the_state():
    if not quantum.TFIM.exists():
        pytest.skip(f"{quantum.TFIM} is missing")
    magnet = quantum.measured(0)
    assert quantum.state_claim(magnet).expected == 1
    assert quantum.state_claim(magnet).verdict == Verdict.HOLDS
    assert quantum.histogram_claim(magnet).verdict == Verdict.HOLDS
    assert magnet.seen.shape == (10_000, 10)


def test_bars_and_stripes_know_of_each_other_what_counting_says():
    shown = rbm_bars.patterns()
    assert len({image.tobytes() for image in shown}) == 12
    p = rbm_bars.uniform(shown)
    left = [image[:, :2].tobytes() for image in shown]
    right = [image[:, 2:].tobytes() for image in shown]

    def entropy(things):
        share = np.array([things.count(thing) for thing in set(things)]) / len(things)
        return -(share * np.log(share)).sum()

    expected = entropy(left) + entropy(right) - np.log(12)
    assert rbm_bars.information(p) == pytest.approx(expected)
    corner = np.corrcoef(shown[:, 0, 0], shown[:, 3, 3])[0, 1]
    assert rbm_bars.correlation(p, 0, 15) == pytest.approx(corner)
    assert corner == pytest.approx(-1 / 3)
    assert rbm_bars.correlation(p, 0, 3) == pytest.approx(1 / 3)


def test_claims_of_bars_see_what_is_wrong():
    shown = rbm_bars.patterns()
    p = rbm_bars.uniform(shown)
    flat = np.full(len(p), 1 / len(p))
    near = 0.995 * p + 0.005 * flat
    assert rbm_bars.learnt_claim(near, shown).verdict == Verdict.HOLDS
    assert rbm_bars.learnt_claim(0.8 * p + 0.2 * flat, shown).verdict == Verdict.FAILS
    expected = rbm_bars.information(p)
    assert rbm_bars.information_claim("after", near, expected, "").verdict == Verdict.HOLDS
    assert rbm_bars.information_claim("after", flat, expected, "").verdict == Verdict.FAILS
    assert rbm_bars.corners_claim(near).verdict == Verdict.HOLDS
    assert rbm_bars.corners_claim(flat).verdict == Verdict.FAILS
    drawn = np.repeat(shown, 100, axis=0)
    assert rbm_bars.chain_claim(drawn, drawn, near, shown).verdict == Verdict.HOLDS
    assert rbm_bars.chain_claim(1 - drawn[::2] * 0, drawn, near, shown).verdict == Verdict.FAILS


def test_a_machine_of_images_is_summed_over():
    generator = np.random.default_rng(0)
    machine = RestrictedMachine.of(
        generator.normal(size=16), generator.normal(size=3), generator.normal(size=(16, 3))
    )
    p = rbm_bars.probabilities(machine)
    v = rbm_bars.every()
    b, c, w = (np.asarray(part, float) for part in jax.tree.leaves(machine)[:3])
    log_p = v @ b + np.logaddexp(0, c + v @ w).sum(1)
    np.testing.assert_allclose(p, np.exp(log_p - np.logaddexp.reduce(log_p)), rtol=2e-3)
    np.testing.assert_array_equal(rbm_bars.number(v), np.arange(2**16))


def test_the_table_of_physicists_is_in_order():
    table, people = answers(), physicists()
    assert table.shape == (len(people), len(questions())) == (40, 26)
    assert len(np.unique(table, axis=0)) == 40
    born = [who.born for who in people]
    assert born == sorted(born)
    column = {name: table[:, k] for k, name in enumerate(questions())}
    names = [who.name for who in people]
    women = {n for n, up in zip(names, column["a woman"], strict=True) if up}
    assert women == {"Curie", "Meitner", "Goeppert-Mayer", "Wu", "Bell-Burnell"}
    assert not (column["born before 1800"] & column["won the Nobel prize in physics"]).any()
    assert not (column["born before 1800"] & column["lived in 1945"]).any()
    assert (column["lived in 1945"] >= column["worked for the Manhattan project"]).all()
    assert not (column["born in the United States"] & column["born in the British Isles"]).any()
    assert (column["lived to be eighty"] + column["died before sixty"] < 2).all()


def test_the_table_answers_by_those_who_agree():
    asked = np.array([0, 6, 7])
    found = physicist.by_table(asked)
    rows = answers()
    for who in (0, 17, 35):
        same = [row for row in rows if (row[asked] == rows[who, asked]).all()]
        np.testing.assert_allclose(found[who], np.mean(same, axis=0))
    left = np.setdiff1d(np.arange(26), asked)
    assert physicist.right(rows.astype(float), left) == 1
    assert physicist.right(np.full(rows.shape, 0.5), left) == 0.5
    assert physicist.right(1.0 - rows, left) == 0


def test_a_memory_is_a_machine_at_zero_temperature():
    generator = np.random.default_rng(1)
    patterns = generator.choice([-1.0, 1.0], (2, 7))
    weights = hopfield.hebb(patterns)
    np.testing.assert_allclose(weights[0, 1], (patterns[:, 0] * patterns[:, 1]).sum() / 7)
    graph = named("complete:7")
    i, j = graph.edges.T
    machine = BoltzmannMachine.of(graph, weight=weights[i, j], units="spin")
    every = np.array(list(itertools.product((-1.0, 1.0), repeat=7)))
    ends = hopfield.settled(weights, every, 50, np.arange(7))
    energy = np.asarray(machine.energies(jax.numpy.asarray(ends.T, "float32")))
    before = np.asarray(machine.energies(jax.numpy.asarray(every.T, "float32")))
    assert (energy <= before + 1e-5).all()
    # No single turn lowers the energy of where they end; and patterns are such ends.
    pull = ends @ weights
    assert (pull * ends >= -1e-9).all()
    stable = jax.numpy.asarray(patterns.T, "float32")
    cold = sample(jax.random.key(0), machine, stable, 5, beta=1e4)
    np.testing.assert_array_equal(
        np.asarray(cold).T, hopfield.settled(weights, patterns, 9, np.arange(7))
    )
    few = hopfield.kept(np.random.default_rng(0), 200, 0.02, 4, 20)
    many = hopfield.kept(np.random.default_rng(0), 200, 0.5, 40, 20)
    assert few.min() > 0.98
    assert many.mean() < 0.6


def test_curves_cross_where_they_cross():
    slopes, middle = (20.0, 60.0), 0.14
    shares = [1 / (1 + np.exp(k * (physicist.LOADS - middle) + 1)) for k in slopes]
    shares = [np.clip(share, 1e-6, 1 - 1e-6) for share in shares]
    assert physicist.crossing(*shares) == pytest.approx(middle, abs=1e-6)


def test_annealing_knows_its_lattice_and_sees_odds():
    exact = annealing.enumerated()
    assert exact.p.sum() == pytest.approx(1)
    # Of two almost pure modes the odds are those of the field, exp(2 h N).
    assert exact.up == pytest.approx(1 / (1 + np.exp(-2 * annealing.FIELD * 20)), abs=1e-3)
    state = np.ones((20, 1))
    energy = float(annealing.lattice().energies(jax.numpy.asarray(state, "float32"))[0])
    assert energy == pytest.approx(-annealing.COUPLING * 31 - annealing.FIELD * 20)
    generator = np.random.default_rng(0)

    def chains(share):
        return np.where(generator.random(20_000) < share, 1.0, -1.0)

    cases = [
        (annealing.stuck_claim, 0.0, 0.1),
        (annealing.nearer_claim, 0.6, 0.4),
        (annealing.right_claim, exact.up, 0.6),
    ]
    for claim, good, bad in cases:
        assert claim(chains(good), exact).verdict == Verdict.HOLDS
        assert claim(chains(bad), exact).verdict == Verdict.FAILS
    short = annealing.drawn(annealing.PLAIN, 5, 10, jax.random.key(0))
    assert (short < -0.8).all()
