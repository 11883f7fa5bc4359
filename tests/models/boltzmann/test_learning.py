"""The slopes that machines learn along, against enumeration of all their states."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from machines import GRAPHS, Enumerated, random_machine

from ansatz.models.boltzmann import phases
from ansatz.models.boltzmann.centring import centred
from ansatz.models.boltzmann.exact import exact_samples, log_z
from ansatz.models.boltzmann.objective import NegativeLogLikelihood
from ansatz.models.boltzmann.phases import Contrastive, Exact, Persistent, Tempered
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.protocol.source import Batch

EVENTS = 6


def batch(events, weights=None):
    events = jnp.asarray(events, "float32")
    count = len(events)
    weights = jnp.ones(count) if weights is None else jnp.asarray(weights, "float32")
    return Batch(events, None, weights, jnp.float32(count))


def objective(free, centre=False, clamped=30, l1=0.0, l2=0.0):
    return NegativeLogLikelihood(free, centre, clamped, l1, l2)


@eqx.filter_jit
def compiled(made, machine, events, carry, key):
    return made.slope(machine, events, carry, key)


def slope_of(made, machine, events, key=0, carry=None):
    carry = eqx.filter_jit(made.initial)(machine) if carry is None else carry
    return compiled(made, machine, batch(events), carry, jax.random.key(key))


def events_of(machine, count=EVENTS, seed=1):
    low = -1 if machine.units == "spin" else 0
    bits = np.random.default_rng(seed).integers(0, 2, (count, len(machine.visible)))
    return (low + (1 - low) * bits).astype(np.float32)


def enumerated_slope(machine, events, weights=None):
    """d/dθ of the weighted mean of -log p(v): minus the means of s and s s' with v clamped, plus
    those of the machine."""
    exact = Enumerated(machine)
    shown = exact.states[:, list(machine.visible)]
    weights = np.ones(len(events)) if weights is None else weights
    means, second = np.zeros(machine.nodes), np.zeros((machine.nodes,) * 2)
    for event, w in zip(events, weights, strict=True):
        inside = (shown == event).all(1)
        p = exact.p[inside] / exact.p[inside].sum()
        states = exact.states[inside]
        means += w * p @ states / len(events)
        second += w * states.T @ (p[:, None] * states) / len(events)
    total = np.sum(weights) / len(events)
    i, j = machine.graph.edges.T
    return total * exact.means - means, (total * exact.second - second)[i, j]


@pytest.mark.parametrize(
    ("name", "units", "hide"),
    [(name, ("binary", "spin")[k % 2], k % 3) for k, name in enumerate(GRAPHS)],
)
def test_the_exact_slope_is_that_of_enumeration(name, units, hide):
    """On every kind of graph, with hidden units on most, with weights of events of either sign."""
    whole = random_machine(name, units)
    machine = random_machine(name, units, visible=range(whole.nodes - hide))
    events = events_of(machine)
    weights = np.array([1.5, 2.0, -0.5, 1.0, 0.0, 2.0])
    made = objective(Exact())
    carry = eqx.filter_jit(made.initial)(machine)
    found, _, metrics = compiled(made, machine, batch(events, weights), carry, jax.random.key(0))
    bias, weight = enumerated_slope(machine, events, weights)
    np.testing.assert_allclose(found.bias, bias, atol=2e-5)
    np.testing.assert_allclose(found.weight, weight, atol=2e-5)
    exact = Enumerated(machine)
    shown = exact.states[:, list(machine.visible)]
    logs = [np.log(exact.p[(shown == event).all(1)].sum()) for event in events]
    # The gap is then minus the log-likelihood, weighted.
    np.testing.assert_allclose(metrics["gap"], -weights @ logs / len(events), rtol=1e-4)


def test_the_loss_has_the_slope_that_was_found():
    machine = random_machine("grid:3x3:periodic", "spin", visible=range(7))
    made, events = objective(Exact(), l1=0.1, l2=0.3), batch(events_of(machine))
    carry, key = made.initial(machine), jax.random.key(0)
    slope = compiled(made, machine, events, carry, key)[0]
    loss = eqx.filter_grad(lambda m: made(m, events, carry, jnp.int32(0), key)[0])
    found = eqx.filter_jit(loss)(machine)
    np.testing.assert_allclose(found.weight, slope.weight, atol=1e-6)
    np.testing.assert_allclose(found.bias, slope.bias, atol=1e-6)
    bias, weight = enumerated_slope(machine, np.asarray(events.event))
    np.testing.assert_allclose(found.bias, bias, atol=2e-5)
    w = np.asarray(machine.weight)
    np.testing.assert_allclose(found.weight, weight + 0.1 * np.sign(w) + 0.6 * w, atol=2e-5)


def test_held_nodes_make_it_the_slope_of_what_is_seen_given_them():
    """E[dE/dθ | x, c] - E[dE/dθ | c] of events (x, c), by enumeration; weights are kept."""
    machine = random_machine("king:3x4", "binary", visible=range(10), given=2)
    held = machine.given
    assert held == (8, 9)
    shown = events_of(machine)
    weights = np.array([1.5, 2.0, 0.5, 1.0, 0.0, 2.0])
    exact = Enumerated(machine)
    i, j = machine.graph.edges.T
    bias, weight = np.zeros(machine.nodes), np.zeros(len(i))
    for event, w in zip(shown, weights, strict=True):
        for sign, places in ((1, held), (-1, machine.visible)):
            inside = (exact.states[:, list(places)] == event[list(places)]).all(1)
            p = exact.p[inside] / exact.p[inside].sum()
            states = exact.states[inside]
            bias += sign * w * p @ states / len(shown)
            weight += sign * w * (p @ (states[:, i] * states[:, j])) / len(shown)
    own = Batch(
        jnp.asarray(shown[:, :8]), jnp.asarray(shown[:, 8:]), jnp.asarray(weights, "float32"),
        jnp.float32(len(shown)),
    )  # fmt: skip
    chains = 30_000
    made = objective(Persistent(60, chains, held))
    carry = eqx.filter_jit(made.initial)(machine)
    found, after, _ = compiled(made, machine, own, carry, jax.random.key(0))
    np.testing.assert_array_equal(after.chains[8:10, :6], shown[:, 8:].T)
    # Numbers of 0 and 1 have a deviation of 1/2 at most; chains weigh as much as their events.
    share = weights / weights.sum()
    error = weights.sum() / len(shown) / 2 * np.sqrt((share**2).sum() / (chains / len(shown)))
    np.testing.assert_allclose(found.bias, bias, atol=4.5 * error)
    np.testing.assert_allclose(found.weight, weight, atol=4.5 * error)
    assert np.abs(np.asarray(found.bias)[list(held)]).max() < 1e-4


def small(seed=0, visible=4, hidden=2):
    generator = np.random.default_rng(seed)
    return RestrictedMachine.of(
        generator.normal(0, 0.7, visible),
        generator.normal(0, 0.7, hidden),
        generator.normal(0, 1.5, (visible, hidden)),
    )


def flat(slope):
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(eqx.filter(slope, eqx.is_array))])


def judge(means, expected):
    """Means of independent repetitions are known to s / sqrt(n); 5 of them for some 20 numbers."""
    means = np.asarray(means, float)
    sigma = means.std(0, ddof=1) / np.sqrt(len(means))
    assert (np.abs(means.mean(0) - expected) < 5 * sigma + 1e-6).all()
    assert sigma.max() < 0.02


def repeated(made, machine, events, times=40):
    """The slope many times, with noise of its own."""

    carry, seen = eqx.filter_jit(made.initial)(machine), batch(events)
    keys = [jax.random.key(k) for k in range(times)]
    return [flat(compiled(made, machine, seen, carry, key)[0]) for key in keys]


def probabilities(machine):
    """Of all visible states, and the slope of the free energy in each."""
    exact = Enumerated(machine.general())
    count = len(machine.visible)
    states = np.unique(exact.states[:, :count], axis=0)
    p = np.array([exact.p[(exact.states[:, :count] == v).all(1)].sum() for v in states])
    each = jax.vmap(lambda v: eqx.filter_grad(lambda m: m.free_energy(v))(machine))
    grads = eqx.filter_jit(each)(jnp.asarray(states, "float32"))
    parts = jax.tree.leaves(eqx.filter(grads, eqx.is_array))
    return states, p, np.concatenate([np.reshape(x, (len(states), -1)) for x in parts], 1)


def test_contrastive_divergence_has_the_bias_that_its_chain_says():
    """E[slope of CD-k] = sum_v data(v) [g(v) - sum_v' T^k(v, v') g(v')], T by enumeration."""
    machine = small()
    states, p, slopes = probabilities(machine)
    exact = Enumerated(machine.general())
    hidden = exact.states[:, 4:]
    index = {tuple(v): k for k, v in enumerate(states)}
    joint = np.zeros((len(states), 4))
    for s, h, q in zip(exact.states, hidden, exact.p, strict=True):
        joint[index[tuple(s[:4])], int(h @ [2, 1])] += q
    transition = (joint / p[:, None]) @ (joint / joint.sum(0)).T
    np.testing.assert_allclose(p @ transition, p, atol=1e-6)
    start = np.array([1.0, 0, 0, 1])
    data = np.tile(start, (2000, 1))
    at = index[tuple(start)]
    for sweeps in (1, 3):
        expected = slopes[at] - np.linalg.matrix_power(transition, sweeps)[at] @ slopes
        judge(repeated(objective(Contrastive(sweeps, 1)), machine, data), expected)
        # The bias is there, and far beyond the errors of the means, a thousandth or two.
        assert np.abs(expected - (slopes[at] - p @ slopes)).max() > (0.05, 0.02)[sweeps > 1]


@pytest.mark.parametrize(
    "free", [Persistent(40, 1500), Tempered(40, 1500, (0.3, 0.6, 1.0))], ids=["pcd", "tempered"]
)
def test_chains_that_have_forgotten_give_the_slope_without_bias(free):
    machine = small(1)
    _, p, slopes = probabilities(machine)
    events = np.array([[1.0, 0, 1, 1], [0, 0, 1, 0]])
    data = np.mean([slopes[int(v @ [8, 4, 2, 1])] for v in events], 0)
    judge(repeated(objective(free), machine, events), data - p @ slopes)


def test_chains_go_on_from_step_to_step():
    machine, made = small(), objective(Persistent(1, 5))
    first = made.initial(machine)
    after = slope_of(made, machine, events_of(machine), carry=first)[1]
    again = slope_of(made, machine, events_of(machine), carry=after)[1]
    assert after.chains.shape == (6, 5)
    assert not np.array_equal(first.chains, after.chains)
    same = slope_of(made, machine, events_of(machine), carry=first)[1]
    np.testing.assert_array_equal(same.chains, after.chains)
    assert not np.array_equal(again.chains, after.chains)


@pytest.mark.parametrize("free", [Exact(), Contrastive(1, 40)], ids=["exact", "cd"])
def test_hidden_units_that_are_coupled_are_drawn_under_clamped_events(free, monkeypatch):
    """With nothing summed out but a block, the clamped phase has the mean of enumeration."""
    machine = random_machine("complete:5", "spin", visible=(0, 3))
    events = np.tile([1.0, -1.0], (2000, 1)).astype(np.float32)
    bias, weight = enumerated_slope(machine, events[:1])
    monkeypatch.setattr(phases, "MOST_SUMMED", 0)
    made = objective(free, clamped=40)
    found = repeated(made, machine, events, times=20)
    if isinstance(free, Exact):
        judge(found, np.concatenate([bias, weight]))
    else:
        assert np.isfinite(found).all()


def flipped(machine, node):
    """The same distribution with the two values 0 and 1 of a node exchanged."""
    i, j = machine.graph.edges.T
    weight, bias = np.array(machine.weight), np.array(machine.bias)
    at = (i == node) | (j == node)
    other = np.where(i == node, j, i)[at]
    bias[other] += weight[at]
    bias[node] *= -1
    weight[at] *= -1
    return eqx.tree_at(
        lambda m: (m.bias, m.weight), machine, (jnp.asarray(bias), jnp.asarray(weight))
    )


@pytest.mark.parametrize("centre", [True, False])
def test_centred_steps_do_not_depend_on_what_is_called_up(centre):
    machine = random_machine("king:3x4", "binary", seed=3)
    node, made = 5, objective(Exact(), centre)
    events = events_of(machine)
    mirrored = events.copy()
    mirrored[:, node] = 1 - mirrored[:, node]
    offsets = jnp.linspace(0.2, 0.7, machine.nodes)
    turned = offsets.at[node].set(1 - offsets[node])

    def moved(machine, events, offsets):
        carry = replace(made.initial(machine), offsets=offsets)
        slope = slope_of(made, machine, events, carry=carry)[0]
        return jax.tree.map(lambda p, g: p - 0.1 * g, machine, slope)

    here = moved(machine, events, offsets)
    there = flipped(moved(flipped(machine, node), mirrored, turned), node)
    same = np.allclose(here.weight, there.weight, atol=1e-5) and np.allclose(
        here.bias, there.bias, atol=1e-5
    )
    assert same == centre


def test_the_centred_slope_is_the_slope_in_centred_parameters():
    """b = b' - W mu: the plain slope goes through the Jacobian and its transpose."""
    machine = small(2, 3, 2)
    offsets = jnp.asarray([0.3, 0.8, 0.1, 0.6, 0.4])
    visible, hidden = offsets[:3], offsets[3:]
    events = events_of(machine)
    plain = slope_of(objective(Exact()), machine, events)[0]

    def parameters(primed):
        b, c, w = primed
        return b - w @ hidden, c - visible @ w, w

    primed = (machine.visible_bias, machine.hidden_bias, machine.weight)
    _, back = jax.vjp(parameters, primed)
    _, forth = jax.jvp(
        parameters, (primed,), back((plain.visible_bias, plain.hidden_bias, plain.weight))
    )
    found = centred(plain, offsets, machine)
    for one, other in zip(
        (found.visible_bias, found.hidden_bias, found.weight), forth, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)
    general = centred(
        slope_of(objective(Exact()), machine.general(), events)[0], offsets, machine.general()
    )
    np.testing.assert_allclose(general.weight, found.weight.ravel(), atol=1e-5)
    both = np.concatenate([found.visible_bias, found.hidden_bias])
    np.testing.assert_allclose(general.bias, both, atol=1e-5)


def test_offsets_follow_the_means_of_both_phases():
    machine = small(3)
    made = objective(Exact(), centre=True)
    carry = made.initial(machine)
    events = events_of(machine)
    key, seen = jax.random.key(0), batch(events)
    for _ in range(1000):
        carry = compiled(made, machine, seen, carry, key)[1]
    exact = Enumerated(machine.general())
    codes = jax.vmap(machine.encode)(jnp.asarray(events))
    data = np.concatenate([events.mean(0), codes.mean(0)])
    # 0.99^1000 of the first offsets, less than a ten-thousandth, is left.
    np.testing.assert_allclose(carry.offsets, (data + exact.means) / 2, atol=1e-3)


def test_a_gaussian_machine_learns_along_the_slope_of_its_density():
    generator = np.random.default_rng(5)
    machine = RestrictedMachine.of(
        generator.normal(size=2),
        generator.normal(size=3),
        generator.normal(0, 0.7, (2, 3)),
        log_scale=np.array([0.1, -0.3]),
    )
    events = generator.normal(size=(EVENTS, 2)).astype(np.float32)

    @eqx.filter_jit
    @eqx.filter_grad
    def expected_slope(m):
        return jnp.mean(jax.vmap(m.free_energy)(jnp.asarray(events))) + log_z(m)

    expected = expected_slope(machine)
    found = slope_of(objective(Exact()), machine, events)[0]
    np.testing.assert_allclose(flat(found), flat(expected), atol=1e-5)
    own = np.asarray(exact_samples(jax.random.key(0), machine, 4000))[:2].T
    judged = repeated(objective(Contrastive(1, 1)), machine, own, times=10)
    # Events of the machine itself: CD-1 has nothing to change.
    assert np.abs(np.mean(judged, 0)).max() < 0.1
