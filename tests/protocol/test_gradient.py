"""The gradient update: penalties, groups of parameters, averages, evaluation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.protocol.errors import OptionError
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractObjective, Score

STEPS = 9
SGD = Optimiser(optimiser="sgd", rate=0.1, momentum=0.0)
ADAM = Optimiser(optimiser="adam", rate=0.05)
HEAVY = Optimiser(optimiser="sgd", rate=0.02, momentum=0.9)


@pytest.fixture(autouse=True, scope="module")
def _float64():
    with jax.enable_x64(True):
        yield


class Layer(eqx.Module):
    weight: jax.Array
    bias: jax.Array


class Two(eqx.Module):
    """Two layers with dropout between them, and a count that no gradient moves."""

    lower: Layer
    upper: Layer
    dropout: eqx.nn.Dropout
    count: jax.Array

    def __call__(self, x, key):
        hidden = jnp.tanh(self.lower.weight @ x + self.lower.bias)
        return self.upper.weight @ self.dropout(hidden, key=key) + self.upper.bias


class Squares(AbstractObjective):
    """Half the squared error of predicting the event itself; the carry counts steps."""

    @property
    def score(self):
        return Score("loss")

    def initial(self, model):
        return jnp.zeros((), jnp.int32)

    def __call__(self, model, batch, carry, step, key):
        # Without dropout no key is split, which is what takes long to compile.
        keys = jax.random.split(key, len(batch.event)) if model.dropout.p else None
        error = jnp.sum((jax.vmap(model)(batch.event, keys) - batch.event) ** 2, 1)
        loss = batch.mean(error) / 2
        return loss, carry + 1, {"loss": loss}


def build(dropout=0.0):
    random = np.random.default_rng(1)
    return Two(
        Layer(jnp.array(random.normal(size=(4, 3))), jnp.array(random.normal(size=4))),
        Layer(jnp.array(random.normal(size=(3, 4))), jnp.array(random.normal(size=3))),
        eqx.nn.Dropout(dropout),
        jnp.array(7),
    )


EVENTS = np.random.default_rng(2).normal(size=(6, 3))


@pytest.fixture(scope="module")
def batch():
    return Batch(jnp.array(EVENTS), None, jnp.array([1.0, 2, 0.5, 1, 1, 0.5]), jnp.array(6.0))


def forward(model, x):
    (w, b), (v, c) = parts_of(model)
    return np.tanh(x @ w.T + b) @ v.T + c


@jax.jit
@jax.grad
def _slope(parts):
    """The gradient of the loss as written out for these events, without any penalty."""
    (w, b), (v, c) = parts
    guess = jnp.tanh(jnp.array(EVENTS) @ w.T + b[None]) @ v.T + c[None]
    error = jnp.sum((guess - jnp.array(EVENTS)) ** 2, 1)
    return jnp.dot(jnp.array([1.0, 2, 0.5, 1, 1, 0.5]), error) / 12


def slope(model):
    return jax.device_get(_slope(parts_of(model)))


def parts_of(model):
    return jax.device_get(tuple((layer.weight, layer.bias) for layer in (model.lower, model.upper)))


@eqx.filter_jit
def _train(update, model, batch):
    state = update.initial(model)
    arrays, rest = eqx.partition(state, eqx.is_array)

    def one(arrays, step):
        state, _ = update(eqx.combine(arrays, rest), batch, step, jax.random.key(3))
        arrays = eqx.filter(state, eqx.is_array)
        return arrays, arrays

    return state, jax.lax.scan(one, arrays, jnp.arange(STEPS, dtype=jnp.int32))[1]


@eqx.filter_jit
def evaluate(update, *arguments):
    return update.evaluate(*arguments)


def train(update, model, batch):
    """The state before the first step, and those after every step along a leading axis."""
    return jax.device_get(_train(update, model, batch))


def same(a, b):
    """Which leaves are equal to the last bit."""
    return [np.array_equal(x, y) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True)]


def at(tree, step):
    return jax.tree.map(lambda x: x[step], tree)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.3, 0.2)])
def test_penalties_pull_weights_and_leave_biases_free(batch, l1, l2):
    model = build()
    rule = Optimiser(optimiser="sgd", rate=0.1, momentum=0.0, l1=l1, l2=l2)
    update = gradient(Squares(), rule, steps=STEPS)
    after = at(train(update, model, batch)[1], 0).model
    moved = zip(parts_of(model), parts_of(after), slope(model), strict=True)
    for (w, b), (w_after, b_after), (w_slope, b_slope) in moved:
        # d/dw (l1 |w| + l2 w^2) = l1 sign w + 2 l2 w
        pull = l1 * np.sign(w) + 2 * l2 * np.asarray(w)
        np.testing.assert_allclose(w_after, w - 0.1 * (w_slope + pull), rtol=1e-12)
        np.testing.assert_allclose(b_after, b - 0.1 * b_slope, rtol=1e-12)


def test_a_penalty_of_one_group_leaves_the_other(batch):
    model = build()
    rule = Optimiser(optimiser="sgd", rate=0.1, momentum=0.0, l2=0.2)
    update = gradient(Squares(), (Group(rule, "lower"), Group(SGD)), steps=STEPS)
    after = at(train(update, model, batch)[1], 0).model
    lower, upper = slope(model)
    (w, _), (v, _) = parts_of(model)
    expected = w - 0.1 * (lower[0] + 0.4 * w)
    np.testing.assert_allclose(after.lower.weight, expected, rtol=1e-12)
    np.testing.assert_allclose(after.upper.weight, v - 0.1 * upper[0], rtol=1e-12)


def test_what_no_gradient_moves_stays_and_the_carry_goes_on(batch):
    update = gradient(Squares(), SGD, steps=STEPS)
    _, states = train(update, build(), batch)
    np.testing.assert_array_equal(states.model.count, np.full(STEPS, 7))
    np.testing.assert_array_equal(states.carry, np.arange(1, STEPS + 1))


def test_a_part_follows_its_own_optimiser(batch):
    model = build()
    own = Optimiser(optimiser="sgd", rate=0.7, momentum=0.0)
    update = gradient(Squares(), (Group(own, "upper"), Group(SGD)), steps=STEPS)
    after = at(train(update, model, batch)[1], 0).model
    lower, upper = slope(model)
    (_, b), (_, c) = parts_of(model)
    np.testing.assert_allclose(after.lower.bias, b - 0.1 * lower[1], rtol=1e-12)
    np.testing.assert_allclose(after.upper.bias, c - 0.7 * upper[1], rtol=1e-12)


def test_a_part_without_optimiser_is_frozen_to_the_bit(batch):
    model = build()
    update = gradient(Squares(), (Group(None, "lower"), Group(HEAVY)), steps=STEPS)
    _, states = train(update, model, batch)
    assert all(same(at(states, -1).model.lower, model.lower))
    assert not any(same(at(states, -1).model.upper, model.upper))
    assert len(states.optimisers) == 1


@pytest.mark.parametrize("order", [1, -1])
def test_a_part_within_a_part_is_its_own(batch, order):
    """The outer group leaves it what the inner one holds, whichever comes first."""
    model = build()
    groups = (Group(None, "lower.bias"), Group(HEAVY, "lower"))[::order]
    last = at(train(gradient(Squares(), groups, steps=STEPS), model, batch)[1], -1).model
    assert same(last.lower, model.lower) == [False, True]
    assert all(same(last.upper, model.upper))


def test_what_no_group_holds_is_frozen(batch):
    model = build()
    update = gradient(Squares(), (Group(HEAVY, "upper"),), steps=STEPS)
    last = at(train(update, model, batch)[1], -1)
    assert all(same(last.model.lower, model.lower))
    assert not any(same(last.model.upper, model.upper))


@pytest.mark.parametrize(
    ("first", "last", "every", "learning"),
    [
        (2, 7, 2, {2, 4, 6}),
        (4, None, 1, {4, 5, 6, 7, 8}),
        (1, None, 3, {1, 4, 7}),
        (2, 2, 1, set()),
    ],
)
def test_a_group_learns_at_its_steps_and_rests_at_all_others(batch, first, last, every, learning):
    group = Group(HEAVY, "lower", first=first, last=last, every=every)
    update = gradient(Squares(), (group, Group(HEAVY)), steps=STEPS)
    before, states = train(update, build(), batch)
    for step in range(STEPS):
        after = at(states, step)
        mine = [
            *same(after.model.lower, before.model.lower),
            *same(after.optimisers[0], before.optimisers[0]),
        ]
        assert not any(mine) if step in learning else all(mine), step
        # The other group learns at every step.
        assert not any(same(after.model.upper, before.model.upper))
        before = after


def test_what_rested_goes_on_as_if_it_had_not(batch):
    """With everything else frozen, learning every third step is learning, only slower."""
    slow = Group(HEAVY, "lower", every=3)
    update = gradient(Squares(), (slow,), steps=STEPS)
    _, late = train(update, build(), batch)
    update = gradient(Squares(), (Group(HEAVY, "lower"),), steps=STEPS)
    _, prompt = train(update, build(), batch)
    np.testing.assert_allclose(
        late.model.lower.weight[[0, 3, 6]], prompt.model.lower.weight[:3], rtol=1e-12
    )


def test_a_schedule_is_over_when_its_group_stands_still_again(batch):
    """A cosine over the group's own steps: as in a fit that is no longer than those."""
    falling = Optimiser(optimiser="sgd", rate=0.1, momentum=0.0, schedule="cosine")
    update = gradient(Squares(), (Group(falling, "lower", last=4),), steps=STEPS)
    _, states = train(update, build(), batch)
    short = gradient(Squares(), (Group(falling, "lower"),), steps=4)
    _, expected = train(short, build(), batch)
    np.testing.assert_allclose(
        states.model.lower.weight[:4], expected.model.lower.weight[:4], rtol=1e-12
    )


class Counted(Squares):
    """What is judged by the steps that were made."""

    def __call__(self, model, batch, carry, step, key):
        loss, carry, _ = super().__call__(model, batch, carry, step, key)
        return loss, carry, {"steps": carry.astype(float)}


def test_a_judge_sees_the_model_and_the_carry(batch):
    update = gradient(Squares(), SGD, steps=STEPS, judge=Counted())
    state, _ = update(update.initial(build()), batch, jnp.int32(0), jax.random.key(0))
    assert update.evaluate(state, batch, jnp.int32(0), jax.random.key(0)) == {"steps": 2.0}
    assert update.score == Score("loss")


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ((Group(SGD), Group(ADAM)), "Only one group"),
        ((Group(SGD), Group(None)), "Only one group"),
        ((Group(SGD, "lower"), Group(ADAM, "lower")), "same part"),
    ],
)
def test_parameters_belong_to_one_group(groups, words):
    with pytest.raises(OptionError, match=words):
        gradient(Squares(), groups, steps=STEPS)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"every": 0}, "every of a group of parameters must be at least 1; it is 0"),
        ({"first": -1}, "first of a group of parameters must be at least 0"),
        ({"first": 5, "last": 4}, "last of a group of parameters must be at least 5"),
    ],
)
def test_impossible_steps_of_a_group(when, words):
    with pytest.raises(OptionError, match=words):
        Group(SGD, **when)


@pytest.mark.parametrize("average", [-0.1, 1.0])
def test_impossible_average(average):
    with pytest.raises(OptionError, match=r"average must lie in \[0, 1\)"):
        gradient(Squares(), SGD, steps=STEPS, average=average)


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_average_is_the_normalised_weighted_mean_of_all_steps(batch, decay):
    update = gradient(Squares(), HEAVY, steps=STEPS, average=decay)
    _, states = train(update, build(), batch)
    for n in range(1, STEPS + 1):
        weights = decay ** (n - np.arange(1, n + 1.0))
        for kept, all_ in [
            (states.average.lower.weight, states.model.lower.weight),
            (states.average.upper.bias, states.model.upper.bias),
        ]:
            expected = np.average(np.asarray(all_)[:n], axis=0, weights=weights)
            np.testing.assert_allclose(kept[n - 1], expected, rtol=1e-10)


def test_the_model_kept_is_the_average_with_all_that_is_not_averaged(batch):
    update = gradient(Squares(), (Group(None, "lower"), Group(SGD)), steps=STEPS, average=0.9)
    model = build()
    _, states = train(update, model, batch)
    state = eqx.combine(jax.tree.map(jnp.array, at(states, -1)), update.initial(model))
    kept = update.model(state)
    assert all(same(kept.upper, state.average.upper))
    assert not any(same(kept.upper, state.model.upper))
    assert all(same(kept.lower, model.lower))
    assert int(kept.count) == 7
    found = evaluate(update, state, batch, jnp.array(0), jax.random.key(0))["loss"]
    error = ((forward(kept, EVENTS) - EVENTS) ** 2).sum(1)
    np.testing.assert_allclose(found, np.sum(batch.weight * error) / 12, rtol=1e-12)


def test_in_single_precision_the_start_leaves_no_trace_in_the_average():
    class Bowl(Squares):
        def __call__(self, model, batch, carry, step, key):
            return jnp.sum(model**2) / 2, carry, {}

    with jax.enable_x64(False):
        rule = Optimiser(optimiser="sgd", rate=1.0, momentum=0.0)
        update = gradient(Bowl(), rule, steps=1, average=0.9999)
        batch = Batch(jnp.zeros((1, 1)), None, jnp.ones(1), jnp.ones(()))
        # One step down this bowl ends at zero exactly.
        state = update.initial(jnp.full(2, 1e4))
        state, _ = update(state, batch, jnp.int32(0), jax.random.key(0))
        assert np.abs(state.model).max() == 0
        # The share of the first parameters is one up to a few roundings.
        assert np.abs(state.average).max() < 4 * 1e4 * np.finfo(np.float32).eps


def test_dropout_acts_in_training_and_is_off_in_evaluation(batch):
    update = gradient(Squares(), SGD, steps=STEPS)
    state = update.initial(build(dropout=0.5))
    model = update.model(state)
    keys = jax.random.split(jax.random.key(5), 2)
    step = jnp.array(0)
    found = [float(evaluate(update, state, batch, step, key)["loss"]) for key in keys]
    error = ((forward(model, EVENTS) - EVENTS) ** 2).sum(1)
    np.testing.assert_allclose(found, np.sum(batch.weight * error) / 12, rtol=1e-12)
    take = eqx.filter_jit(lambda *arguments: update(*arguments)[1]["loss"])
    trained = [float(take(state, batch, step, key)) for key in keys]
    assert trained[0] != trained[1]
    assert found[0] not in trained
    assert not model.dropout.inference
