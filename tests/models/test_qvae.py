"""Bits on graphs, and a machine that learns to be their prior: the recipe `qvae`."""

from dataclasses import replace
from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ansatz
from ansatz.evaluate import codes as of_codes
from ansatz.evaluate import told_apart
from ansatz.evaluate.judge import judge
from ansatz.models.boltzmann import BoltzmannMachine, named
from ansatz.models.boltzmann.device import Device
from ansatz.models.boltzmann.relaxation import relaxed_energy
from ansatz.models.vae import QVAERecipe, machine_prior
from ansatz.models.vae.machine_figures import moment_figure
from ansatz.models.vae.machine_prior import Known, MachinePrior
from ansatz.models.vae.objective import Cooling
from ansatz.models.vae.placement import place_latents, pulled
from ansatz.models.vae.shown import Categories, Steps
from ansatz.protocol.capabilities import Sampler
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch

BITS = Spec(shape=(4,), levels=(2,), lowest=(0.0,), highest=(1.0,), steps_per_epoch=6)
TINY = {
    "latent": 6,
    "hidden": (8,),
    "batch": 50,
    "patience": 0,
    "annealing": 20,
    "sweeps": 20,
    "quiet": True,
}


def machine(name, seed=0, scale=0.7, visible=None, units="binary"):
    graph = named(name)
    generator = np.random.default_rng(seed)
    return BoltzmannMachine.of(
        graph,
        generator.normal(0, scale, graph.nodes),
        generator.normal(0, scale, len(graph.edges)),
        visible=None if visible is None else range(visible),
        units=units,
    )


@pytest.mark.parametrize(
    ("name", "latent", "partitions", "given", "hidden", "sizes"),
    [
        ("", 9, (), 0, 0, (5, 4)),
        ("", 8, (), 3, 0, (4, 4)),
        ("", 8, (), 3, 5, (4, 4)),
        ("", 8, (), 3, 9, (4, 4)),
        ("bipartite:9x6", 9, (), 0, 5, (9,)),
        ("grid:3x3", 9, (), 0, 0, (5, 4)),
        ("grid:4x4", 9, (), 0, 0, (4, 5)),
        ("grid:4x4", 10, (6, 4), 1, 0, (6, 4)),
        ("grid:4x4", 12, (8, 4), 0, 4, (8, 4)),
        ("pegasus:3", 40, (), 0, 0, (10, 10, 10, 10)),
        ("pegasus:3", 40, (13, 12, 8, 7), 4, 0, (13, 12, 8, 7)),
        ("pegasus:3", 40, (), 4, 20, (13, 13, 14)),
        ("complete:10", 10, (), 0, 0, (10,)),
    ],
)
def test_levels_are_colours_of_the_graph(name, latent, partitions, given, hidden, sizes):
    """No edge is within a level, nor between units that show the condition and the first level,
    nor between hidden units."""
    placed = place_latents(name, (), latent, 0, partitions, given, hidden)
    assert placed.sizes == sizes
    assert placed.graph.nodes == latent + given + hidden
    if name.startswith("complete"):
        return
    level = np.repeat([*range(len(sizes)), 0, -1], [*sizes, given, hidden])
    i, j = placed.graph.edges.T
    assert (level[i] != level[j]).all()
    # What was taken hangs together: a path leads from the first node to all others.
    reached, waiting = {0}, [0]
    while waiting:
        for other in placed.graph.lists[waiting.pop()]:
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    assert len(reached) == placed.graph.nodes


def test_partitions_that_do_not_hang_together_are_refused():
    with pytest.raises(OptionError, match="as many of each colour as asked for"):
        place_latents("grid:4x4", (), 10, 0, (7, 3), given=1)


def test_edges_of_ones_own_and_one_level():
    placed = place_latents("", ("0-1", "1-2", "2-3"), 4, 1, ())
    assert placed.sizes == (4,)
    assert len(placed.graph.edges) == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"graph": "grid:3x3", "latent": 10}, "has 9 nodes, and 10 latent units need 10"),
        ({"graph": "grid:3x3", "latent": 9, "levels": 3}, "--levels 2 or 1, not 3"),
        ({"graph": "grid:4x4", "latent": 9, "partitions": (3, 3, 3)}, "has 2 colours for 9"),
        ({"graph": "grid:4x4", "latent": 9, "partitions": (4, 4)}, "with the sum 8"),
        ({"graph": "grid:4x4", "latent": 9, "partitions": (9, 0)}, "one latent unit at least"),
        ({"graph": "grid:4x4", "latent": 10, "partitions": (1, 9)}, "8 of its colour"),
        ({"temperature": (0.1, 0.5)}, "cannot rise from 0.1 to 0.5"),
        ({"temperature": (0.5, 0.2, 0.1)}, "one positive number, or two"),
        ({"temperature": (-0.5,)}, "one positive number, or two"),
        ({"clamp": True}, "the condition is missing"),
        ({"clamp": True, "prior": "bernoulli"}, "no units to clamp"),
        ({"prior_epochs": 51}, "the last ones of all 50"),
        ({"prior_rate": 0.0}, "prior_rate must be positive"),
        ({"annealing": 0}, "annealing must not be 0"),
        ({"levels": -1}, "levels must not be -1"),
        ({"hidden_units": -1}, "hidden_units must not be -1"),
        ({"graph": "grid:3x3", "latent": 4, "hidden_units": 6}, "need 10"),
        ({"graph": "grid:4x4", "latent": 6, "hidden_units": 9}, "8 nodes of one colour"),
        ({"estimator": "score-leave-one-out"}, "--draws 2"),
        ({"graph": "grid:3x3", "edges": ("0-1",)}, "not both"),
        ({"method": "exact"}, "too many: choose --method pcd"),
        ({"method": "tempered", "gibbs": 1}, "--gibbs 2"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, said):
    with pytest.raises(OptionError, match=said):
        QVAERecipe(**settings).resolve(BITS)


def test_numbers_cannot_be_clamped():
    spec = replace(BITS, condition=2, classes=(0, 0))
    with pytest.raises(OptionError, match="the condition has numbers"):
        QVAERecipe(clamp=True).resolve(spec)


@pytest.mark.parametrize("name", ["bipartite:7x5", "pegasus:2", "complete:5"])
def test_the_relaxed_energy_is_linear_in_every_unit(name):
    """Value and slope by the formula, one state at a time and many over two axes."""
    m = machine(name)
    i, j = m.graph.edges.T
    states = jax.random.uniform(jax.random.key(1), (3, 2, m.nodes))

    def formula(s):
        return -s @ m.bias - jnp.sum(m.weight * s[i] * s[j])

    @eqx.filter_jit
    def both(energy):
        each = jax.vmap(jax.vmap(jax.value_and_grad(energy)))
        return each(states)

    for found, expected in zip(both(lambda s: relaxed_energy(m, s)), both(formula), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(
        jax.value_and_grad(lambda s: relaxed_energy(m, s))(states[0, 0])[1],
        jax.grad(formula)(states[0, 0]),
        atol=1e-5,
    )


@pytest.mark.parametrize("units", ["binary", "spin"])
def test_hidden_units_are_summed_out_of_the_relaxed_energy(units):
    """Value and slope against the sum over their states, between the values of the others."""
    m = machine("multipartite:4x3x2", visible=7, units=units)
    values = {"binary": (0.0, 1.0), "spin": (-1.0, 1.0)}[units]
    hidden = jnp.array(list(product(values, repeat=2)))
    i, j = m.graph.edges.T

    def summed(z):
        s = jnp.concatenate([jnp.broadcast_to(z, (4, 7)), hidden], 1)
        return -jax.nn.logsumexp(s @ m.bias + (s[:, i] * s[:, j]) @ m.weight)

    states = jax.random.uniform(jax.random.key(1), (5, 7))
    for found, expected in zip(
        jax.vmap(jax.value_and_grad(lambda z: relaxed_energy(m, z)))(states),
        jax.vmap(jax.value_and_grad(summed))(states),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_slope_of_the_bound_reaches_the_machine():
    m = machine("bipartite:3x2", visible=3)
    slope = eqx.filter_grad(lambda m: relaxed_energy(m, jnp.full(3, 0.3)))(m)
    assert not np.any(slope.bias)
    assert not np.any(slope.weight)


def test_the_temperature_falls_by_the_same_factor():
    cooling = Cooling(0.8, 0.05, 4)
    found = [float(cooling.at(jnp.int32(step), "float32")) for step in (0, 2, 4, 9)]
    np.testing.assert_allclose(found, [0.8, 0.2, 0.05, 0.05], rtol=1e-6)


def written_out(prior, condition):
    """All codes of a small prior, and p(code | condition), its hidden units summed over."""
    m = prior.machine
    codes = np.array(list(product((0.0, 1.0), repeat=m.shape[0])))
    hidden = np.array(list(product((0.0, 1.0), repeat=len(m.hidden))))
    many = (len(hidden), len(codes))
    parts = (codes[None], np.asarray(condition)[None, None], hidden[:, None])
    s = np.concatenate([np.broadcast_to(part, (*many, part.shape[-1])) for part in parts], 2)
    i, j = m.graph.edges.T
    weight, bias = np.asarray(m.weight, float), np.asarray(m.bias, float)
    minus = np.logaddexp.reduce(s @ bias + (s[..., i] * s[..., j]) @ weight, axis=0)
    log_z = np.logaddexp.reduce(minus)
    return codes, np.exp(minus - log_z), log_z


@pytest.fixture(scope="module")
def clamped():
    """A prior that shows a condition of three categories, and has two hidden units."""
    recipe = QVAERecipe(latent=6, hidden_units=2, hidden=(4,), clamp=True, spread=1.0, sweeps=30)
    spec = replace(BITS, condition=3, classes=(3,))
    model = recipe.resolve(spec).build(spec, jax.random.key(0))
    bias = jax.random.normal(jax.random.key(1), (11,))
    model = eqx.tree_at(lambda m: m.prior.machine.bias, model, bias)
    return recipe.conclude(model, jax.random.key(2))


def test_every_event_has_a_clamp_of_its_own(clamped):
    """Codes and their probabilities under each condition, against all codes written out."""
    rows = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(clamped.prior.rows, rows)
    given = jnp.asarray(rows[np.arange(6000) % 3])
    keys = jax.random.split(jax.random.key(3), len(given))
    draw = eqx.filter_jit(lambda keys: jax.vmap(clamped.sample_code)(keys, given))
    drawn = np.asarray(draw(keys), float)
    means = []
    for place, row in enumerate(rows):
        codes, p, log_z = written_out(clamped.prior, row)
        assert float(clamped.prior.known.upper[place]) == pytest.approx(log_z, abs=1e-4)
        log_p = jax.vmap(clamped.code_prior(jnp.asarray(row)).log_prob)(
            jnp.asarray(codes, "float32")
        )
        np.testing.assert_allclose(log_p, np.log(p), atol=1e-4)
        mean = p @ codes
        own = drawn[place::3]
        # 18 means of 2000 bits: one is beyond 4.5 standard errors once in ten thousand times.
        assert (np.abs(own.mean(0) - mean) < 4.5 * np.sqrt(mean * (1 - mean) / 2000)).all()
        means.append(mean)
    assert np.ptp(means, axis=0).max() > 0.1


def test_steps_show_a_number_and_pull_at_every_bit():
    steps = Steps((1.0, 2.0, 4.0))
    np.testing.assert_array_equal(steps.rows, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
    shown = [np.asarray(steps(jnp.array([number]))).tolist() for number in (0.5, 1.5, 3.0, 9.0)]
    assert shown == steps.rows.tolist()
    placed = place_latents("chain:5", (), 3, 0, (), 0, 2)
    for coupled in (True, False):
        graph = pulled(placed, 2, coupled).graph
        # Nodes 3 and 4 show the number, and the two hidden ones come behind them.
        pulls = {(i, j) for i in range(3) for j in (3, 4)}
        edges = {tuple(edge) for edge in graph.edges.tolist()}
        assert graph.nodes == 7
        assert pulls <= edges
        rest = {(i + 2 * (i > 2), j + 2 * (j > 2)) for i, j in placed.graph.edges.tolist()}
        assert edges - pulls == (rest if coupled else set())


class Ones(Sampler):
    """A sampler that knows one code only, and the condition it was given."""

    code: jax.Array

    def sample(self, key, condition=None):
        return self.code + jnp.sum(condition * jnp.arange(3.0))


def test_another_sampler_may_draw_the_codes(clamped):
    prior = clamped.prior.drawn_by(Ones(jnp.ones(6)))
    model = eqx.tree_at(lambda m: m.prior, clamped, prior, is_leaf=lambda x: x is clamped.prior)
    code = model.sample_code(jax.random.key(0), jnp.array([0.0, 0.0, 1.0]))
    np.testing.assert_array_equal(code, np.full(6, 3.0))
    # What is known of its energies stays.
    given = jnp.array([1.0, 0.0, 0.0])
    for codes in (jnp.ones(6), jnp.zeros(6)):
        before, after = (m.code_prior(given).log_prob(codes) for m in (clamped, model))
        np.testing.assert_array_equal(before, after)


def test_a_device_draws_the_codes_of_a_model(clamped):
    pytest.importorskip("dwave.samplers", reason="pip install 'ansatz-learn[ocean]'")
    row = np.array([0.0, 1.0, 0.0], np.float32)
    drawn = clamped.drawn_by(Device())
    keys = jax.random.split(jax.random.key(0), 2000)
    with jax.disable_jit():
        own = np.asarray(jax.vmap(lambda key: drawn.sample_code(key, jnp.asarray(row)))(keys))
    codes, p, _ = written_out(clamped.prior, row)
    mean = p @ codes
    # 6 means of 2000 bits: one is beyond 4.5 standard errors once in 25,000 times.
    assert (np.abs(own.mean(0) - mean) < 4.5 * np.sqrt(mean * (1 - mean) / 2000)).all()


def test_a_prior_that_is_no_machine_is_not_drawn_by_a_device():
    recipe = QVAERecipe(latent=6, hidden=(4,), prior="bernoulli").resolve(BITS)
    coins = recipe.build(BITS, jax.random.key(0))
    with pytest.raises(OptionError, match="no Boltzmann machine"):
        coins.drawn_by(None)


def test_log_z_is_annealed_where_it_cannot_be_summed(monkeypatch):
    prior = MachinePrior.of(machine("multipartite:5x3x4", visible=8), Categories(()))
    exact = prior.normalised(jax.random.key(0), 10).known
    assert not exact.error.any()
    monkeypatch.setattr(machine_prior, "enumerable", lambda _: False)
    monkeypatch.setattr(machine_prior, "narrow", lambda _: False)
    known = prior.normalised(jax.random.key(1), 300).known
    assert 0 < known.error[0] < 0.05
    # Of both estimates the error is known to a few percent, and their bias is smaller.
    assert abs(known.low[0] - exact.low[0]) < 5 * known.error[0]
    assert abs(known.high[0] - exact.low[0]) < 5 * known.error[0]


def test_nothing_is_known_of_log_z_before_the_end():
    recipe = QVAERecipe(latent=6, hidden=(4,)).resolve(BITS)
    model = recipe.build(BITS, jax.random.key(0))
    assert float(model.prior.known.upper[0]) == np.inf
    assert "not known before the fit is done" in recipe.caveat(model)
    concluded = recipe.conclude(model, jax.random.key(0))
    assert recipe.caveat(concluded) == "; log Z of the prior exact"
    # Six bits and as many hidden units have 2^12 states, all of energy zero but for couplings
    # that are small.
    assert float(concluded.prior.known.upper[0]) == pytest.approx(12 * np.log(2), abs=0.05)


def test_a_wide_gap_of_log_z_is_said():
    recipe = QVAERecipe(latent=6, hidden=(4,)).resolve(BITS)
    model = recipe.build(BITS, jax.random.key(0))
    wide = Known(*(jnp.array([x]) for x in (1.0, 3.5, 0.2, 1.0)))
    model = eqx.tree_at(lambda m: m.prior.known, model, wide)
    assert float(wide.upper[0]) == 3.5
    (remark,) = recipe.remarks(model, BITS)
    assert "known to 2.50 nats" in remark
    assert recipe.caveat(model).endswith("1.00 to 3.50, and the upper one taken")


def batch(events=50):
    x = jax.random.bernoulli(jax.random.key(9), 0.5, (events, 4)).astype(jnp.float32)
    return Batch(x, None, jnp.ones(events), jnp.float32(events))


def stepped(update, state, steps, first=0):
    step = eqx.filter_jit(update)
    for k in range(first, first + steps):
        state, metrics = step(state, batch(), jnp.int32(k), jax.random.key(k))
    return state, metrics


def leaves(tree):
    return jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))


def test_the_prior_goes_on_alone():
    recipe = QVAERecipe(
        latent=6,
        hidden_units=3,
        hidden=(4,),
        epochs=2,
        prior_epochs=1,
        method="pcd",
        chains=8,
    ).resolve(BITS)
    update = recipe.update(BITS)
    state = update.initial(recipe.build(BITS, jax.random.key(0)))
    early, metrics = stepped(update, state, 6)
    late, _ = stepped(update, early, 3, first=6)
    for part in (lambda m: m.encoder, lambda m: m.decoder):
        for before, after in zip(leaves(part(early.model)), leaves(part(late.model)), strict=True):
            np.testing.assert_array_equal(before, after)
        assert any(
            np.any(a != b)
            for a, b in zip(leaves(part(state.model)), leaves(part(early.model)), strict=True)
        )
    assert np.any(early.model.prior.machine.weight != late.model.prior.machine.weight)
    np.testing.assert_array_equal(early.model.prior.known.error, late.model.prior.known.error)
    assert np.any(early.carry.prior.chains != late.carry.prior.chains)
    assert set(metrics) == {"reconstruction", "entropy", "energy", "gap"}
    assert update.score is None


@pytest.fixture(scope="module")
def events():
    """Two bits and copies of them, and which of the first bits is up."""
    two = np.random.default_rng(0).integers(0, 2, (300, 2))
    return np.column_stack([two, two]).astype(np.uint8), two[:, :1].astype(np.uint8)


@pytest.fixture(scope="module")
def fitted(events, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "qvae"
    np.save(path.with_suffix(".npy"), events[0])
    settings = {**TINY, "hidden_units": 2, "method": "pcd", "chains": 16, "rate": 0.01}
    return ansatz.fit("qvae", path.with_suffix(".npy"), out=path, epochs=3, **settings)


def test_a_fit_goes_on_to_the_same_bits_with_its_chains(fitted, tmp_path):
    data = fitted.path.with_suffix(".npy")
    settings = {**TINY, "hidden_units": 2, "method": "pcd", "chains": 16, "rate": 0.01}
    ansatz.fit("qvae", data, out=tmp_path / "part", epochs=1, **settings)
    ansatz.resume(tmp_path / "part", epochs=3, quiet=True)
    for name in ("model.safetensors", "history.jsonl"):
        assert (tmp_path / "part" / name).read_bytes() == (fitted.path / name).read_bytes()


def test_a_run_says_what_its_numbers_are(fitted, events):
    again = ansatz.load(fitted.path)
    measures = {m.name: m for m in judge(again, again.read(events[0]), samples=2)}
    assert "log Z of the prior exact" in measures["bound (K = 1)"].what
    assert measures["log Z"].value == pytest.approx(float(again.model.prior.known.low[0]))
    rate, distortion = measures["rate"].value, measures["distortion"].value
    assert -measures["bound (K = 1)"].value == pytest.approx(rate + distortion, abs=0.5)
    assert {"lag of the prior", "active latents", "autocorrelation time"} <= set(measures)
    figures = {figure.name for figure in again.figures(events[0])}
    assert {"energies", "moments", "autocorrelation", "bound", "rate-distortion"} <= figures
    with pytest.raises(OptionError, match="refine"):
        again.diagnose(events[0], refine=3)


def test_coins_are_the_twin_with_an_exact_bound(events):
    run = ansatz.fit("qvae", events[0], epochs=2, prior="bernoulli", **TINY)
    assert {"loss", "kl", "reconstruction", "validation_loss"} <= set(run.history[-1])
    measures = {m.name: m for m in judge(run, run.read(events[0]), samples=1)}
    assert measures["bound (K = 1)"].what.startswith("evidence lower bound; probability")
    assert "log Z" not in measures


def test_a_classifier_tells_codes_from_those_of_the_prior(events, monkeypatch):
    """Codes of nets that say nothing are coins; as biased as the prior's, or far from them."""
    monkeypatch.setattr(told_apart, "SMALL", {**told_apart.SMALL, "epochs": 3})
    run = ansatz.fit("qvae", events[0], epochs=1, prior="bernoulli", **TINY)

    def with_bias(bias):
        model = jax.tree.map(lambda x: 0 * x if eqx.is_inexact_array(x) else x, run.model)
        model = eqx.tree_at(lambda m: m.prior.raw, model, jnp.full((1, 6), bias))
        return replace(run, pipeline=eqx.tree_at(lambda p: p.model, run.pipeline, model))

    data = run.read(np.tile(events[0], (10, 1)))
    alike = of_codes.code_measure(with_bias(0.0), data, seed=0)
    assert abs(alike.value - 0.5) < 4 * alike.error
    assert alike.error < 0.02
    unlike = of_codes.code_measure(with_bias(4.0), data, seed=0)
    assert unlike.value > 0.95


def test_moments_lie_on_the_diagonal_of_what_is_alike():
    bits = np.random.default_rng(0).integers(0, 2, (50, 4)).astype(float)
    bits[:, 3] = bits[:, 0]
    found = moment_figure(bits, bits)
    means, pairs = (cloud.points for cloud in found.clouds)
    np.testing.assert_array_equal(means[:, 0], bits.mean(0))
    np.testing.assert_allclose(pairs[:, 0], pairs[:, 1])
    assert pairs.shape == (6, 2)
    assert pairs[2, 0] == pytest.approx(1)
