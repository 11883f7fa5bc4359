"""Deep machines against sums over all states; layers that learn in turn."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ansatz
from ansatz.models.boltzmann import DeepMachine, DeepRecipe, RestrictedMachine, normaliser
from ansatz.models.boltzmann.bounded import bounded
from ansatz.models.boltzmann.deep import raised, tied
from ansatz.models.boltzmann.exact import log_z
from ansatz.protocol.errors import DataError, OptionError
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch


def restricted(visible, hidden, seed, units="binary", scale=1.0):
    generator = np.random.default_rng(seed)
    return RestrictedMachine.of(
        generator.normal(0, 0.5, visible),
        generator.normal(0, 0.5, hidden),
        generator.normal(0, scale, (visible, hidden)),
        units=units,
        sweeps=60,
    )


def states(count, units):
    low = 0.0 if units == "binary" else -1.0
    return np.array(list(itertools.product((low, 1.0), repeat=count)))


def energies(machine):
    """E of every pair of states of both sides."""
    b, c, w = (np.asarray(p, float) for p in jax.tree.leaves(machine)[:3])
    v, h = (states(len(side), machine.units) for side in (b, c))
    return -(v @ b)[:, None] - (h @ c)[None] - v @ w @ h.T


def log_p_visible(deep):
    """log p(v) of all states, from the top downwards."""
    e = energies(deep.top)
    log_p = np.logaddexp.reduce(-e, axis=1)
    log_p -= np.logaddexp.reduce(log_p)
    for layer in reversed(deep.layers[:-1]):
        e = -energies(layer)
        given = e - np.logaddexp.reduce(e, axis=0)
        log_p = np.logaddexp.reduce(given + log_p[None], axis=1)
    return log_p


def three_layers(units, scale):
    sizes = ((4, 3), (3, 4), (4, 2))
    return DeepMachine.of([restricted(*s, k, units, scale) for k, s in enumerate(sizes)])


@pytest.fixture(scope="module")
def deep():
    return three_layers("binary", 1.0)


@pytest.mark.parametrize(("units", "scale"), [("binary", 1.0), ("spin", 0.4)])
def test_weights_have_the_mean_p_and_their_logarithms_lie_below(units, scale):
    deep = three_layers(units, scale)
    every = jnp.asarray(states(4, deep.top.units), "float32")
    exact = log_p_visible(deep)
    assert np.logaddexp.reduce(exact) == pytest.approx(0)
    keys = jax.random.split(jax.random.key(0), len(every))
    draws = 4000
    weigh = jax.jit(jax.vmap(lambda v, k: deep.log_weights(v, key=k, samples=draws)))
    log_w = np.asarray(weigh(every, keys), float) - float(log_z(deep.top))
    w = np.exp(log_w - exact[:, None])
    error = w.std(1) / np.sqrt(draws)
    # Sixteen means at once: beyond four and a half errors once in ten thousand times.
    assert (np.abs(w.mean(1) - 1) < 4.5 * error).all()
    assert (log_w.mean(1) < exact + 4.5 * log_w.std(1) / np.sqrt(draws)).all()
    found = jax.jit(jax.vmap(lambda v, k: deep.evidence(v, key=k, samples=draws)))(every, keys)
    np.testing.assert_allclose(found.bound, exact + np.log(w.mean(1)), atol=2e-4)
    np.testing.assert_allclose(found.effective, w.sum(1) ** 2 / (w**2).sum(1), rtol=1e-3)
    # The jackknife adds what the mean of a logarithm loses.
    lost = w.var(1) / (2 * draws * w.mean(1) ** 2)
    np.testing.assert_allclose(found.corrected - found.bound, lost, rtol=0.05)


def test_a_tied_layer_says_what_the_layer_below_says():
    """Every weight is p of the layer below itself, whatever was drawn."""
    below = restricted(5, 3, 7)
    deep = DeepMachine.of([below, tied(below)])
    every = jnp.asarray(states(5, "binary"), "float32")
    keys = jax.random.split(jax.random.key(0), 32)
    one = jax.jit(jax.vmap(lambda v, k: deep.evidence(v, key=k, samples=1).bound))
    alone = -np.asarray(jax.vmap(below.free_energy)(every)) - float(log_z(below))
    np.testing.assert_allclose(one(every, keys), alone, atol=1e-4)
    np.testing.assert_allclose(log_p_visible(deep), alone, atol=1e-4)


def test_samples_come_from_the_top(deep):
    count = 20_000
    keys = jax.random.split(jax.random.key(1), count)
    drawn = np.asarray(jax.jit(jax.vmap(deep.sample))(keys))
    low = 0 if deep.top.units == "binary" else -1
    number = ((drawn > low) @ (1 << np.arange(4)[::-1])).astype(int)
    expected = count * np.exp(log_p_visible(deep))
    counts = np.bincount(number, minlength=16)
    # A χ² of 15: beyond 45 once in ten thousand times.
    assert ((counts - expected) ** 2 / expected).sum() < 45


def test_what_a_layer_learns_from_is_drawn_given_events(deep):
    first = deep.layers[0]
    events = jnp.asarray(np.repeat(states(4, first.units)[:2], 5000, axis=0), "float32")
    drawn = np.asarray(raised(jax.random.key(0), [first], events))
    for half, event in ((drawn[:5000], events[0]), (drawn[5000:], events[-1])):
        means = np.asarray(first.encode(event))
        # Numbers of deviation one at the most.
        assert np.abs(half.mean(0) - means).max() < 4.5 / np.sqrt(5000)


def test_log_z_of_a_large_top_is_annealed(deep, monkeypatch):
    events = jnp.asarray(states(4, deep.top.units), "float32")
    exact = bounded(jax.random.key(0), deep, events, samples=50)
    assert exact.log_z.what == "exact"
    monkeypatch.setattr(normaliser, "enumerable", lambda _: False)
    monkeypatch.setattr(normaliser, "STEPS", 100)
    found = bounded(jax.random.key(0), deep, events, samples=50)
    shift = found.values - exact.values
    np.testing.assert_allclose(shift, shift[0], atol=1e-5)
    assert abs(shift[0]) < 4 * found.log_z.error + 1e-3
    np.testing.assert_allclose(found.surely - found.values, found.log_z.value - found.log_z.high)


def test_layers_learn_in_turn():
    recipe = DeepRecipe(layers=(3, 2), epochs=4, batch=8, method="cd", rate=0.1, spread=0.3)
    spec = Spec(shape=(4,), levels=(2,), lowest=(0.0,), highest=(1.0,), steps_per_epoch=5)
    recipe = recipe.resolve(spec)
    update = recipe.update(spec)
    assert update.steps == 10
    model = recipe.build(spec, jax.random.key(0))
    events = jnp.asarray(states(4, "binary")[:8], "float32")
    batch = Batch(event=events, condition=None, weight=jnp.ones(8), size=jnp.asarray(8.0))
    state, step = update.initial(model), eqx.filter_jit(update)
    for at, changes in ((0, (True, False)), (9, (True, False)), (10, (False, True))):
        after, metrics = step(state, batch, jnp.asarray(at), jax.random.key(at))
        old, new = update.model(state), update.model(after)
        moved = [not eqx.tree_equal(a, b) for a, b in zip(old.layers, new.layers, strict=True)]
        assert tuple(map(bool, moved)) == changes
        assert float(metrics["layer"]) == 1 + changes[1]
        state = after


def test_a_deep_machine_is_fitted_scored_and_shown():
    generator = np.random.default_rng(0)
    two = generator.integers(0, 2, (300, 2))
    x = np.column_stack([two, two]).astype(np.uint8)
    run = ansatz.fit(
        "deep-rbm",
        x,
        layers=(4, 3),
        epochs=60,
        batch=50,
        rate=0.1,
        spread=0.3,
        sweeps=30,
        quiet=True,
        seed=1,
    )
    drawn = run.sample(1000)
    assert drawn.shape == (1000, 4)
    assert (drawn[:, :2] == drawn[:, 2:]).all(1).mean() > 0.6
    scores = run.log_likelihood(x[:100], samples=20)
    assert -np.log(16) < scores.mean() < -np.log(4) + 0.2
    assert "bound" in run.log_likelihood_is()
    assert run.encode(x[:5]).shape == (5, 3)
    names = [figure.name for figure in run.figures(x)]
    assert names == ["layer-1", "layer-2", "autocorrelation"] or {"layer-1", "layer-2"} < set(names)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: DeepMachine.of([]), "one layer at least"),
        (lambda: DeepMachine.of([restricted(4, 3, 0), restricted(4, 2, 0)]), "3 hidden units is"),
        (
            lambda: DeepMachine.of([restricted(4, 3, 0), restricted(3, 2, 0, "spin")]),
            "the same in all layers",
        ),
        (lambda: DeepRecipe(layers=()), "whole numbers from 1"),
        (lambda: DeepRecipe(layers=(4, 4, 4), epochs=2), "3 layers need"),
        (lambda: DeepRecipe(method="exact"), "by chains"),
        (
            lambda: DeepRecipe().resolve(Spec(shape=(4,), condition=2, classes=(2,))),
            "takes no conditions",
        ),
        (
            lambda: DeepMachine.of([restricted(4, 17, 0), restricted(17, 17, 0)]).evidence(
                jnp.zeros(4), key=jax.random.key(0), samples=1
            ),
            "`bounded` estimates it",
        ),
    ],
)
def test_what_is_no_deep_machine_is_said(call, said):
    with pytest.raises((DataError, OptionError), match=said):
        call()


def test_the_first_layers_are_a_machine_of_their_own(deep):
    assert len(deep.lower(2).layers) == 2
    assert deep.lower(2).top is deep.layers[1]
