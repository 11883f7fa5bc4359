"""The bridge to D-Wave's Ocean: models there and back, devices, what may go wrong with them."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from machines import GRAPHS, Enumerated, random_machine

from ansatz.models.boltzmann.bqm import from_bqm, to_bqm
from ansatz.models.boltzmann.connected import best_connected
from ansatz.models.boltzmann.device import Device, named_device
from ansatz.models.boltzmann.exact import exact_samples
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.named import named
from ansatz.models.boltzmann.objective import NegativeLogLikelihood
from ansatz.models.boltzmann.phases import Delegated, Exact
from ansatz.models.boltzmann.ranges import Ranges
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.sampling import sample, start
from ansatz.models.boltzmann.temperature import calibrated
from ansatz.protocol.errors import DataError, OptionError, SamplerError
from ansatz.protocol.source import Batch

dimod = pytest.importorskip(
    "dimod", reason="Ocean is not installed: pip install 'ansatz-learn[ocean]'"
)
samplers = pytest.importorskip("dwave.samplers")


class Processor(dimod.Sampler, dimod.Structured):
    """As a quantum computer looks from outside: a graph, ranges, a temperature of its own.

    Reads are put together and come sorted by their energy; flux pulls at single spins.
    """

    properties, parameters = None, None

    def __init__(self, graph, beta=1.0, most=10_000, breaks=0.0, **ranges):
        self._nodes = list(graph.labels)
        self._edges = [(graph.labels[i], graph.labels[j]) for i, j in graph.edges.tolist()]
        self.beta, self.breaks, self.sent = beta, breaks, []
        self.properties = {"num_reads_range": [1, most], "num_qubits": 100, **ranges}
        self.parameters = {"num_reads": [], "auto_scale": [], "flux_biases": []}

    @property
    def nodelist(self):
        return self._nodes

    @property
    def edgelist(self):
        return self._edges

    def sample(self, bqm, num_reads, auto_scale, flux_biases=None):
        assert not auto_scale
        assert num_reads <= self.properties["num_reads_range"][1]
        self.sent.append(bqm.copy())
        pulled = bqm.copy()
        for node, flux in enumerate(flux_biases or ()):
            if flux:
                pulled.add_linear(node, -1000 * flux)
        beta = [self.beta, self.beta]
        annealer = samplers.SimulatedAnnealingSampler()
        found = annealer.sample(
            pulled, num_reads=num_reads, beta_range=beta, num_sweeps=40, seed=len(self.sent)
        )
        found = dimod.SampleSet.from_samples_bqm(found, bqm).aggregate()
        if not self.breaks:
            return found
        broken = np.where(np.arange(len(found)) % 2, self.breaks, 0.0)
        return dimod.append_data_vectors(found, chain_break_fraction=broken)


def test_devices_and_machines_go_there_and_back_exactly():
    for name in GRAPHS:
        for units in ("binary", "spin"):
            machine = random_machine(name, units)
            bqm = to_bqm(machine)
            exact = Enumerated(machine)
            np.testing.assert_allclose(
                bqm.energies((exact.states.astype(int), list(machine.graph.labels))),
                exact.energies,
                atol=1e-12,
            )
            back, offset = from_bqm(bqm, graph=machine.graph)
            assert offset == 0
            assert eqx.tree_equal(back, machine)
            again = to_bqm(from_bqm(bqm, dtype="float32")[0])
            assert again == bqm
            # Ocean's own change between zeros and ones and spins is ours.
            other = "spin" if units == "binary" else "binary"
            there, shift = machine.converted(other)
            theirs, moved = from_bqm(
                bqm.change_vartype(other.upper(), inplace=False), graph=machine.graph
            )
            np.testing.assert_allclose(theirs.bias, there.bias, atol=1e-6)
            np.testing.assert_allclose(theirs.weight, there.weight, atol=1e-6)
            # Both are what has to be added to the energy over there.
            assert moved == pytest.approx(shift, abs=1e-5)


def test_terms_and_restricted_machines_become_models():
    generator = np.random.default_rng(0)
    restricted = RestrictedMachine.of(
        generator.normal(size=4), generator.normal(size=3), generator.normal(size=(4, 3))
    )
    assert to_bqm(restricted) == to_bqm(restricted.general())
    graph = named("chain:4")
    terms = {(0,): 0.5, (1, 0): 0.25, (0, 3): -1.0}
    machine = BoltzmannMachine.of(graph, np.ones(4), np.ones(3), terms=terms)
    exact = Enumerated(machine)
    bqm = to_bqm(machine)
    np.testing.assert_allclose(bqm.energies((exact.states.astype(int), range(4))), exact.energies)
    with pytest.raises(OptionError, match="no term of 3 units"):
        to_bqm(BoltzmannMachine.of(graph, terms={(0, 1, 2): 1.0}))
    with pytest.raises(OptionError, match="Gaussian"):
        to_bqm(
            RestrictedMachine.of(np.zeros(2), np.zeros(2), np.zeros((2, 2)), log_scale=np.zeros(2))
        )
    with pytest.raises(DataError, match="couples 0 and 3"):
        from_bqm(bqm, graph=graph)
    with pytest.raises(DataError, match="same names"):
        from_bqm(bqm, graph=named("chain:5"))


@pytest.fixture(scope="module")
def machine():
    return random_machine("king:3x4", "spin")


@pytest.fixture(scope="module")
def exact(machine):
    return Enumerated(machine)


def deviations(exact, states):
    """Means and second moments of independent states, in standard deviations from enumeration."""
    s, n = np.asarray(states, float), states.shape[1]
    i, j = np.triu_indices(len(s), 1)
    pair, found = exact.second[i, j], (s @ s.T / n)[i, j]
    squares = exact.p @ exact.states**2
    # A product of two units is its own square for spins, and so is one of zeros and ones.
    both = exact.p @ (exact.states[:, i] * exact.states[:, j]) ** 2
    return np.concatenate(
        [
            (s.mean(1) - exact.means) / np.sqrt((squares - exact.means**2) / n),
            (found - pair) / np.sqrt((both - pair**2) / n),
        ]
    )


@pytest.mark.parametrize("units", ["binary", "spin"])
def test_the_annealer_and_our_sampler_give_the_same_statistics(units):
    machine = random_machine("king:3x4", units)
    exact = Enumerated(machine)
    state = start(jax.random.key(0), machine, 4000)
    for device in (None, Device()):
        off = deviations(exact, sample(jax.random.key(1), machine, state, 60, device=device))
        # 78 numbers: beyond 4.5 deviations once in 2000 such sets.
        assert np.abs(off).max() < 4.5
        assert 0.5 < (off**2).mean() < 1.7
    # It goes on from where chains are: after no time at all they are there still.
    cold = machine.at(1000.0)
    low, high = (0, 1) if units == "binary" else (-1, 1)
    best = exact.states[exact.energies.argmin()]
    settled = jnp.asarray(np.where(best > 0, high, low), "float32")[:, None]
    stayed = sample(jax.random.key(2), cold, settled, 3, device=Device())
    np.testing.assert_array_equal(stayed, settled)


def test_a_compiled_function_may_ask_a_device(machine):
    state = start(jax.random.key(0), machine, 50)

    def ask(key, state):
        return sample(key, machine, state, 5, device=Device())

    np.testing.assert_array_equal(
        jax.jit(ask)(jax.random.key(1), state), ask(jax.random.key(1), state)
    )


@pytest.mark.parametrize("flux", [0.0, 0.01])
def test_clamped_units_condition_the_others(machine, exact, flux):
    device = Device(Processor(machine.graph, most=1500), flux=flux)
    state = start(jax.random.key(0), machine, 4000)
    held = np.ones((2, 4000))
    held[0, ::4] = -1
    state = machine.clamp(state, [0, 7], held)
    found = device.draw(jax.random.key(1), machine, state, clamped=[7, 0])
    np.testing.assert_array_equal(found.states[np.array([0, 7])], held)
    for value, chains in ((-1, held[0] < 0), (1, held[0] > 0)):
        of = (exact.states[:, 0] == value) & (exact.states[:, 7] == 1)
        p = exact.p[of] / exact.p[of].sum()
        means = p @ exact.states[of]
        off = np.asarray(found.states)[:, chains].mean(1) - means
        sigma = np.sqrt(np.maximum(1 - means**2, 0) / chains.sum()) + 1e-9
        assert (np.abs(off / sigma) < 4.5).all()
    # 1000 chains one way and 3000 the other, 1500 at a time at most.
    assert "3 submissions" in found.report
    sizes = {len(bqm.variables) for bqm in device.sampler.sent}
    assert sizes == ({12} if flux else {10})


def test_units_that_slip_are_read_again_or_said(machine):
    state = machine.clamp(start(jax.random.key(0), machine, 200), [3], -1)
    weak = Device(Processor(machine.graph), flux=1e-4)
    found = weak.draw(jax.random.key(1), machine, state, clamped=[3])
    assert (found.states[3] == -1).all()
    assert "more were left out, as a held unit had slipped" in found.report
    against = BoltzmannMachine.of(machine.graph, np.full(12, 30.0), units="spin")
    with pytest.raises(SamplerError, match="larger `flux`"):
        weak.draw(jax.random.key(1), against, state, clamped=[3])


def test_all_units_may_be_clamped(machine):
    state = machine.clamp(start(jax.random.key(0), machine, 3), range(12), 1)
    found = Device(Processor(machine.graph)).draw(
        jax.random.key(1), machine, state, clamped=range(12)
    )
    np.testing.assert_array_equal(found.states, state)


def test_broken_chains_are_counted(machine):
    device = Device(Processor(machine.graph, breaks=0.25))
    state = start(jax.random.key(0), machine, 500)
    with pytest.warns(UserWarning, match="of the chains of qubits were broken, in [0-9]+ of the"):
        found = device.draw(jax.random.key(1), machine, state)
    assert set(found.broken) == {0.0, 0.25}
    assert f"{found.broken.mean():.2%}" in found.report


def test_ranges_scale_and_refuse(machine):
    processor = Processor(machine.graph, h_range=[-0.1, 0.2], j_range=[-0.2, 0.1])
    device = Device(processor)
    most = device.largest_beta(machine)
    h, j = -np.asarray(machine.bias, float), -np.asarray(machine.weight, float)
    expected = min(0.2 / h.max(), 0.1 / -h.min(), 0.1 / j.max(), 0.2 / -j.min())
    assert most == pytest.approx(expected)
    state = start(jax.random.key(0), machine, 20)
    device.draw(jax.random.key(1), machine, state, beta=most * 0.999)
    with pytest.raises(OptionError, match="ranges of h and J hold"):
        device.draw(jax.random.key(1), machine, state, beta=most * 1.01)
    # A hotter sampler must be sent more, and has room for less.
    assert Device(processor, beta=0.5).largest_beta(machine) == pytest.approx(expected / 2)
    sums = Ranges.of({"per_qubit_coupling_range": [-1.0, 3.0], "extended_j_range": [-2.0, 1.0]})
    bqm = dimod.BinaryQuadraticModel({}, {"ab": -0.5, "bc": -0.75}, "SPIN")
    assert sums.largest_scale(bqm) == pytest.approx(1 / 1.25)


def test_a_machine_is_on_nodes_that_the_device_has(machine):
    whole = named("pegasus:2")
    device = Device(Processor(whole))
    assert device.graph.labels == whole.labels
    np.testing.assert_array_equal(device.graph.edges, whole.edges)
    with pytest.raises(SamplerError, match=r"lacks [0-9]+ nodes and [0-9]+ edges .* EmbeddingCom"):
        device.draw(jax.random.key(0), machine, start(jax.random.key(0), machine, 5))
    with pytest.raises(OptionError, match="it takes any"):
        Device().graph
    part = best_connected(device.graph, 10)
    own = BoltzmannMachine.of(part, np.full(10, 0.1), units="spin")
    found = device.draw(jax.random.key(1), own, start(jax.random.key(0), own, 5))
    assert found.states.shape == (10, 5)
    assert set(device.sampler.sent[-1].variables) == set(part.labels)


class Broken(dimod.Sampler):
    """Goes wrong in a way of its own."""

    properties, parameters = None, None

    def __init__(self, how):
        self.how, self.calls = how, 0
        self.properties, self.parameters = {"num_reads_range": [1, 10]}, {"num_reads": []}

    def sample(self, bqm, num_reads):
        self.calls += 1
        if self.how == "fails" and self.calls == 3:
            raise ConnectionError("the line is dead")
        ones = dict.fromkeys(bqm.variables, 1)
        if self.how == "renames":
            ones = {f"q{name}": 1 for name in ones}
        if self.how == "loses":
            ones.pop(0)
        if self.how == "nothing":
            return dimod.SampleSet.from_samples(
                (np.zeros((0, len(ones)), np.int8), list(ones)), "SPIN", []
            )
        few = num_reads if self.how != "few" else 3
        return dimod.SampleSet.from_samples([ones] * few, "SPIN", [0.0] * few)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("fails", "Broken failed, 20 reads having come: the line is dead"),
        ("renames", "other variables than it was sent: it gave 'q0', 'q1', 'q10' ... and left out"),
        ("loses", "it left out 0"),
        ("nothing", "gave nothing of use in 10 submissions: it returns no reads"),
    ],
)
def test_what_a_sampler_does_wrong_is_said(machine, how, said):
    state = start(jax.random.key(0), machine, 35)
    with pytest.raises(SamplerError, match=said):
        sample(jax.random.key(1), machine, state, device=Device(Broken(how)))


def test_a_sampler_that_gives_few_reads_is_asked_again(machine):
    state = start(jax.random.key(0), machine, 7)
    found = Device(Broken("few")).draw(jax.random.key(1), machine, state)
    assert "7 reads in 3 submissions" in found.report


def test_settings_of_a_device_are_checked(machine):
    state = start(jax.random.key(0), machine, 2)
    with pytest.raises(OptionError, match="positive"):
        Device(beta=0.0)
    with pytest.raises(OptionError, match="cannot hold units by a flux bias"):
        Device(flux=0.1)
    for wrong in ({"rule": "metropolis"}, {"beta": jnp.ones(2)}):
        with pytest.raises(OptionError, match="one temperature"):
            sample(jax.random.key(0), machine, state, device=Device(), **wrong)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dwave.samplers", None)
    with pytest.raises(OptionError, match=r"pip install 'ansatz-learn\[ocean\]'"):
        Device()
    monkeypatch.setitem(sys.modules, "dwave.system", None)
    with pytest.raises(OptionError, match="pip install 'dwave-system'"):
        named_device("dwave")

    class System:
        @staticmethod
        def DWaveSampler():
            raise ValueError("API token not defined")

    monkeypatch.setitem(sys.modules, "dwave.system", System)
    with pytest.raises(SamplerError, match=r"API token not defined.*set DWAVE_API_TOKEN"):
        named_device("dwave")


def test_the_slope_of_a_delegated_phase_is_the_exact_one():
    machine = random_machine("bipartite:7x5", "binary", visible=range(7))
    events = exact_samples(jax.random.key(0), machine.at(0.3), 100)[:7].T
    batch = Batch(event=events, condition=None, weight=jnp.ones(100), size=jnp.asarray(100.0))
    phases = (Exact(), Delegated(60, 4000, Device()))
    slopes = []
    for phase in phases:
        objective = NegativeLogLikelihood(phase, False, 1, 0.0, 0.0)
        carry = objective.initial(machine)
        step = eqx.filter_jit(lambda m, b, c, k, o=objective: o.slope(m, b, c, k)[0])
        slopes.append(step(machine, batch, carry, jax.random.key(1)))
    # Means of 4000 numbers between 0 and 1, or of their products.
    for ours, theirs in zip(*map(jax.tree.leaves, slopes), strict=True):
        assert np.abs(ours - theirs).max() < 4.5 * 0.5 / np.sqrt(4000)
        assert np.abs(ours).max() > 0.05


@pytest.mark.parametrize(("ranges", "believed"), [({}, 1.0), ({"j_range": [-0.1, 0.1]}, 2.0)])
def test_a_device_is_calibrated_within_its_ranges(machine, ranges, believed):
    processor = Processor(machine.graph, beta=2.5, **ranges)
    device = Device(processor, beta=believed)
    for method in ("pseudo-likelihood", "energy"):
        known, own = calibrated(jax.random.key(0), device, machine, reads=10_000, method=method)
        assert abs(own.beta - 2.5) < 4 * own.error
        assert own.error < 0.02 * 2.5 * (3 if ranges else 1)
        assert known.beta == own.beta
    scale = max(abs(value) for value in processor.sent[-1].quadratic.values())
    assert scale == pytest.approx(0.1 if ranges else np.abs(machine.weight).max() / believed)
    with pytest.raises(OptionError, match="2 reads at least"):
        calibrated(jax.random.key(0), device, machine, reads=1)


def test_a_mock_quantum_computer_with_a_boltzmann_substitute_end_to_end():
    """Qubits are missing, the temperature is not known: found, and sampled at ours."""
    testing = pytest.importorskip(
        "dwave.system.testing", reason="D-Wave's client is not installed: pip install dwave-system"
    )
    mock = testing.MockDWaveSampler(
        topology_type="pegasus",
        topology_shape=[2],
        broken_nodes=[5],
        substitute_sampler=samplers.SimulatedAnnealingSampler(),
        substitute_kwargs={"beta_range": [2.5, 2.5], "num_sweeps": 60, "seed": 1},
        parameter_warnings=False,
    )
    device = Device(mock)
    graph = best_connected(device.graph, 12)
    assert 5 not in device.graph.labels
    generator = np.random.default_rng(0)
    machine = BoltzmannMachine.of(
        graph,
        generator.normal(0, 0.3, 12),
        generator.normal(0, 0.4, len(graph.edges)),
        units="spin",
    )
    known, own = calibrated(jax.random.key(0), device, machine, reads=8000)
    assert own.beta == pytest.approx(2.5, rel=0.02)
    assert abs(own.beta - 2.5) < 4 * own.error
    state = start(jax.random.key(1), machine, 4000)
    off = deviations(Enumerated(machine), known.draw(jax.random.key(2), machine, state).states)
    # Two per cent of the temperature move the moments by less than a few of their errors.
    assert np.abs(off).max() < 6
    wild = deviations(Enumerated(machine), device.draw(jax.random.key(2), machine, state).states)
    assert np.abs(wild).max() > 10


def test_labels_are_the_variables():
    graph = Graph.of([(0, 1), (1, 2)], labels=["a", ("b", 1), 7])
    machine = BoltzmannMachine.of(graph, np.array([1.0, 2, 3]), np.array([4.0, 5]), units="spin")
    bqm = to_bqm(machine)
    assert bqm.linear == {"a": -1.0, ("b", 1): -2.0, 7: -3.0}
    assert bqm.get_quadratic("a", ("b", 1)) == -4
    back, _ = from_bqm(bqm)
    assert back.graph.labels == graph.labels
