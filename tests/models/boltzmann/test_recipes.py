"""Machines fitted through the recipes: from events to units, and what a run then says."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from machines import Enumerated

import ansatz
from ansatz.cli.main import run as command
from ansatz.evaluate.judge import judge
from ansatz.models.boltzmann import BoltzmannRecipe, RBMRecipe, normaliser
from ansatz.models.boltzmann.classes import log_classes
from ansatz.models.boltzmann.device import Device
from ansatz.models.boltzmann.placement import place
from ansatz.protocol.errors import OptionError
from ansatz.protocol.recipe import Spec

BITS = {"levels": (2,), "lowest": (0.0,), "highest": (1.0,)}
SPINS = {"levels": (0,), "lowest": (-1.0,), "highest": (1.0,)}
PIXELS = {"levels": (17,), "lowest": (0.0,), "highest": (16.0,)}
REAL = {"levels": (0,), "lowest": (-3.0,), "highest": (2.0,)}


@pytest.fixture(scope="module")
def events():
    """Two bits and their exclusive or, twice; the label is the first bit."""
    generator = np.random.default_rng(0)
    two = generator.integers(0, 2, (600, 2))
    row = np.column_stack([two, two[:, 0] ^ two[:, 1]])
    return np.column_stack([row, row]).astype(np.uint8), two[:, :1].astype(np.uint8)


@pytest.fixture(scope="module")
def conditional(events):
    x, label = events
    return ansatz.fit(
        "rbm",
        (x, label),
        hidden=3,
        epochs=8,
        rate=0.1,
        spread=0.3,
        batch=100,
        quiet=True,
        method="exact",
        sweeps=40,
        seed=1,
    )


@pytest.mark.parametrize(
    ("recipe", "shape", "data", "units", "steps"),
    [
        (RBMRecipe(), (4,), BITS, "binary", ("none",)),
        (RBMRecipe(units="spin"), (4,), BITS, "spin", ("spin",)),
        (RBMRecipe(), (4,), SPINS, "spin", ("scale", "spin")),
        (RBMRecipe(), (2, 2), PIXELS, "binary", ("scale", "binarise")),
        (RBMRecipe(), (4,), PIXELS, "binary", ("standardise",)),
        (RBMRecipe(), (4,), REAL, "binary", ("standardise",)),
        (BoltzmannRecipe(), (2, 2), PIXELS, "binary", ("scale", "binarise")),
        (BoltzmannRecipe(units="spin"), (2, 2), PIXELS, "spin", ("scale", "binarise", "spin")),
    ],
)
def test_units_suit_the_data(recipe, shape, data, units, steps):
    resolved = recipe.resolve(Spec(shape=shape, **data))
    assert (resolved.units, resolved.preprocess) == (units, steps)
    if isinstance(recipe, RBMRecipe):
        assert (resolved.visible == "gaussian") == (steps == ("standardise",))


@pytest.mark.parametrize(
    ("recipe", "data", "told"),
    [
        (BoltzmannRecipe(), REAL, "two values"),
        (BoltzmannRecipe(units="binary"), SPINS, "from -1 to 1"),
        (BoltzmannRecipe(preprocess=("scale",)), PIXELS, "threshold or ... binarise"),
        (BoltzmannRecipe(units="spin", preprocess=("binarise",)), BITS, "spin, at its end"),
        (BoltzmannRecipe(graph="grid:1x2"), BITS, "need 4"),
        (BoltzmannRecipe(edges=("0-x",)), BITS, "0-1, not '0-x'"),
        (RBMRecipe(method="exact", hidden=40), {**BITS, "shape": (40,)}, "enumerates 40 units"),
        (RBMRecipe(), {**BITS, "condition": 1, "classes": (0,)}, "categories for conditions"),
    ],
)
def test_what_cannot_be_is_said(recipe, data, told):
    with pytest.raises(OptionError, match=told):
        recipe.resolve(Spec(**{"shape": (4,), **data}))


@pytest.mark.parametrize(
    "settings", [{"gibbs": 0}, {"hottest": 1.0}, {"spread": -1.0}, {"method": "tempered"}]
)
def test_settings_are_checked(settings):
    with pytest.raises(OptionError):
        RBMRecipe(**settings)


def test_hidden_units_are_spread_where_no_edge_joins_them():
    graph, visible = place("grid:4x4", (), 8, 8, "auto")
    hidden = sorted(set(range(16)) - set(visible))
    assert graph.nodes == 16
    assert not any({i, j} <= set(hidden) for i, j in graph.edges.tolist())
    assert place("bipartite:3x5", (), 3, 5, "auto")[1] == (0, 1, 2)
    part, visible = place("pegasus:2", (), 10, 2, "auto")
    assert (part.nodes, len(visible)) == (12, 10)
    listed, visible = place("", ("0-1", "1-2"), 3, 0, "auto")
    assert listed.edges.tolist() == [[0, 1], [1, 2]]


def joint(machine):
    """log p of visible states, by enumeration."""
    exact = Enumerated(machine.general())
    count = len(machine.visible)

    def log_p(rows):
        shown = exact.states[:, :count]
        return np.array([np.log(exact.p[(shown == row).all(1)].sum()) for row in rows])

    return log_p


def test_a_conditional_machine_scores_samples_and_classifies(conditional, events):
    x, label = events
    model = conditional.model
    assert (model.shape, len(model.given)) == ((6,), 2)
    log_p = joint(model)
    few = (x[:20], label[:20])
    rows = np.column_stack([x[:20], 1 - label[:20], label[:20]])
    other = np.column_stack([x[:20], label[:20], 1 - label[:20]])
    here, there = log_p(rows), log_p(other)
    found = np.asarray(log_classes(model, jnp.asarray(x[:20], "float32")))
    both = np.logaddexp(here, there)
    np.testing.assert_allclose(found[np.arange(20), label[:20, 0]], here - both, atol=1e-4)
    # log p(x | c) = log p(x, c) - log p(c).
    whole = np.array(list(np.ndindex(*(2,) * 6)))
    given = [
        np.logaddexp.reduce(log_p(np.column_stack([whole, np.full((64, 2), code)])))
        for code in ((1, 0), (0, 1))
    ]
    expected = here - np.array(given)[label[:20, 0]]
    scores = conditional.log_likelihood(few)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert conditional.log_likelihood_is() == "exact; probability"
    drawn = conditional.sample(2000, condition=["condition=1"])
    p = np.exp(log_p(np.column_stack([whole, np.tile([0, 1], (64, 1))])) - given[1])
    # Means of 2000 bits, with chains that forget in a few sweeps of forty.
    sigma = np.sqrt(p @ whole * (1 - p @ whole) / 2000) + 1e-3
    assert (np.abs(drawn.mean(0) - p @ whole) < 5 * sigma).all()


def test_a_device_draws_the_events_of_a_run(conditional, events, tmp_path):
    pytest.importorskip("dwave.samplers", reason="pip install 'ansatz-learn[ocean]'")
    drawn = conditional.drawn_by(Device()).sample(2000, condition=["condition=1"])
    whole = np.array(list(np.ndindex(*(2,) * 6)))
    log_p = joint(conditional.model)(np.column_stack([whole, np.tile([0, 1], (64, 1))]))
    means = np.exp(log_p - np.logaddexp.reduce(log_p)) @ whole
    sigma = np.sqrt(means * (1 - means) / 2000) + 1e-3
    assert (np.abs(drawn.mean(0) - means) < 5 * sigma).all()
    with pytest.raises(OptionError, match="cannot be sampled by another sampler"):
        replace(conditional, pipeline=replace(conditional.pipeline, model=None)).drawn_by(Device())
    folder = tmp_path / "run"
    ansatz.fit("rbm", events[0], hidden=2, epochs=1, sweeps=5, quiet=True, out=folder)
    assert command(["sample", str(folder), "-n", "7", "--sampler", "annealer", "--quiet"]) == 0
    assert np.load(folder / "samples.npy").shape == (7, 6)


def test_learning_reaches_what_the_data_allow(events):
    """Four events of equal probability twice over: log p = -log 4 at the best."""
    run = ansatz.fit(
        "rbm",
        events[0],
        hidden=4,
        epochs=120,
        rate=0.1,
        spread=0.5,
        batch=100,
        quiet=True,
        patience=0,
    )
    assert run.record.recipe.method == "exact"
    best = max(row["validation_log_likelihood"] for row in run.history)
    assert -np.log(4) - 0.3 < best < -np.log(4) + 0.2


def test_a_general_machine_under_a_condition_is_the_rest_of_it(conditional):
    model = conditional.model.general()
    assert len(model.given) == 2
    condition = jnp.asarray([0.0, 1.0])
    left, shift = model.under(condition)
    small, same = conditional.model.under(condition)
    events = np.array(list(np.ndindex(*(2,) * 6)), "float32")[::7]
    for machine, constant in ((left, shift), (small, same)):
        free = jax.vmap(machine.free_energy)(jnp.asarray(events)) + constant
        whole = jax.vmap(lambda v: conditional.model.energy(v, condition))(jnp.asarray(events))
        np.testing.assert_allclose(free, whole, atol=1e-4)


def test_a_gaussian_machine_fits_and_scores_in_the_units_of_the_data():
    generator = np.random.default_rng(3)
    x = (5 + 2 * generator.normal(size=(400, 2))).astype(np.float32)
    run = ansatz.fit("rbm", x, hidden=2, epochs=3, batch=100, quiet=True, sweeps=10, validation=0.0)
    assert run.record.recipe.visible == "gaussian"
    scores = run.log_likelihood(x)
    # Hardly anything is coupled yet: nearly a normal distribution of these means and deviations.
    z = (x - x.mean(0)) / x.std(0)
    normal = -(z**2).sum(1) / 2 - np.log(2 * np.pi) - np.log(x.std(0)).sum()
    assert np.abs(scores - normal).mean() < 0.1
    assert run.log_likelihood_is() == "exact; density in the units of the data"


def test_figures_show_weights_energies_and_memory(conditional, events):
    names = [figure.name for figure in conditional.figures((events[0], events[1]))]
    assert {"weights", "energies", "autocorrelation"} <= set(names)


def test_a_spin_machine_on_a_lattice_learns_and_draws_spins(events):
    x = 2 * events[0].reshape(-1, 2, 3).astype(np.int8) - 1
    run = ansatz.fit(
        BoltzmannRecipe(
            graph="king:2x3",
            epochs=2,
            batch=200,
            sweeps=20,
            gibbs=2,
            method="tempered",
            chains=10,
            rungs=2,
        ),
        x,
        quiet=True,
    )
    assert run.record.recipe.units == "spin"
    drawn = run.sample(5)
    assert drawn.dtype == np.int8
    assert set(np.unique(drawn)) <= {-1, 1}
    recipe = replace(run.record.recipe, method="pcd", average=0.9)
    assert recipe.update(run.record.spec).score is not None


def test_judging_says_what_is_known_of_log_z(conditional, events, monkeypatch):
    dataset = conditional.read((events[0][:100], events[1][:100]))
    exact = {m.name: m for m in judge(conditional, dataset, samples=1)}
    assert exact["log-likelihood"].what == "exact; probability"
    assert "gap" not in exact
    monkeypatch.setattr(normaliser, "enumerable", lambda _: False)
    monkeypatch.setattr(normaliser, "STEPS", 100)
    annealed = replace(conditional, known={})
    measures = {m.name: m for m in judge(annealed, dataset, samples=1)}
    gap, value = measures["gap"], measures["log-likelihood"]
    assert "annealed from both sides under 2 conditions" in value.what
    # Both estimates have this error together; four of them.
    assert abs(gap.value) < 4 * gap.error + 1e-3
    assert abs(value.value - exact["log-likelihood"].value) < 4 * gap.error + 1e-3
    assert 0 < gap.error < 0.1
