"""The engine: the same bits however it is cut, every event once, the best model kept."""

import math
from dataclasses import replace
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.data.batches import Batches
from ansatz.data.dataset import Dataset
from ansatz.data.preprocessing import Preprocessing
from ansatz.protocol.errors import NonFiniteError
from ansatz.protocol.gradient import gradient
from ansatz.protocol.optimiser import Optimiser
from ansatz.protocol.source import AbstractSource, Batch
from ansatz.protocol.update import AbstractObjective, AbstractUpdate, Score
from ansatz.training import Engine, engine

EVENTS, PER_EPOCH = 23, 5
RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(EVENTS, 3)).astype(np.float32)


def source_of(events, batch=5, seed=3):
    dataset = Dataset(events)
    index = np.arange(len(events))
    return Batches(dataset, index, Preprocessing(()), None, batch=batch, dtype="float32", seed=seed)


class Line(eqx.Module):
    slope: jax.Array
    offset: jax.Array


class Errors(AbstractObjective):
    """Squared errors of a line, with noise, so that keys matter; the carry averages them."""

    @property
    def score(self):
        return Score("error")

    def initial(self, model):
        return jnp.zeros(())

    def __call__(self, model, batch, carry, step, key):
        x = batch.event[:, :2] + 0.1 * jax.random.normal(key, (len(batch.event), 2))
        error = batch.mean((x @ model.slope + model.offset - batch.event[:, 2]) ** 2)
        return error, 0.9 * carry + 0.1 * error, {"error": error, "carry": carry}


class Walk(AbstractSource):
    """Batches from a state of its own that never repeats: the logistic map."""

    steps: int = eqx.field(static=True)

    @property
    def steps_per_epoch(self):
        return self.steps

    def initial(self):
        return jnp.array([0.3, 0.4, 0.2])

    def reach(self, step):
        return self.steps_per_epoch - step % self.steps_per_epoch

    def load(self, step):
        return None

    def draw(self, state, loaded, model, step, key):
        state = 3.9 * state * (1 - state)
        noise = jax.random.uniform(key, (4, 3))
        return Batch(noise * state[None], None, jnp.ones(4), jnp.array(4.0)), state


class Sums(eqx.Module):
    mean: jax.Array
    total: jax.Array
    count: jax.Array


class Mean(AbstractUpdate):
    """The mean of all events, solved from sums at the end of an epoch."""

    @property
    def score(self):
        return None

    def initial(self, model):
        return Sums(model, jnp.zeros(3), jnp.zeros(()))

    def __call__(self, state, batch, step, key):
        total = state.total + batch.weight @ batch.event
        moved = Sums(state.mean, total, state.count + batch.size)
        return moved, {"total": jnp.sum(total)}

    def finish_epoch(self, state):
        return Sums(state.total / state.count, jnp.zeros(3), jnp.zeros(()))

    def model(self, state):
        return state.mean

    def evaluate(self, state, batch, step, key):
        return {"distance": batch.mean(jnp.sum((batch.event - state.mean[None]) ** 2, 1))}


ADAM = Optimiser(rate=0.05, schedule="cosine", warmup=3)
LINE = Line(jnp.array([0.5, -0.5]), jnp.zeros(()))
ENGINES = {
    "gradient": (
        Engine(
            gradient(Errors(), ADAM, steps=3 * PER_EPOCH, average=0.8),
            source_of(TABLE), source_of(TABLE[:7], seed=None), seed=1, epochs=3, patience=0,
        ),
        LINE,
    ),
    "statistics": (
        Engine(Mean(), source_of(TABLE), source_of(TABLE[:7], seed=None), 1, 3, 0),
        jnp.zeros(3),
    ),
    "source with a memory": (
        Engine(gradient(Errors(), ADAM, steps=15), Walk(PER_EPOCH), None, 1, 3, 0),
        LINE,
    ),
}  # fmt: skip

CUTS = {
    "one by one": (0.0, 512, [1, 1, 1, 1, 1] * 3),
    "growing": (1e9, 512, [1, 4, 5, 5]),
    "pairs": (1e9, 2, [1, 2, 2, 2, 2, 1, 2, 2, 1]),
    "threes": (1e9, 3, [1, 3, 1, 3, 2, 3, 2]),
}


@pytest.fixture
def cut(monkeypatch):
    """Sets how training is cut into chunks."""

    def use(name):
        seconds, longest, lengths = CUTS[name]
        monkeypatch.setattr(engine, "SECONDS_PER_CHUNK", seconds)
        # Compiled code has room for as many steps as a chunk may ever have.
        monkeypatch.setattr(engine, "LONGEST_CHUNK", longest)
        return lengths

    return use


def trees(state):
    """All that a state holds in arrays."""
    return state.update, state.source, state.best


def outcome(state, rows):
    """All that training computed, to compare by ==."""
    arrays = [
        np.asarray(leaf).tobytes()
        for leaf in jax.tree.leaves(eqx.filter(trees(state), eqx.is_array))
    ]
    return arrays, state.step, state.standings, rows


def finish(trainer, state):
    ends = list(trainer.train(state))
    rows = [end.rows[0] for end in ends if end.rows]
    return outcome(ends[-1].state, rows)


@pytest.fixture(scope="module", params=ENGINES)
def case(request):
    """An engine, its model, and what it does when left alone; compiled at full length."""
    trainer, model = ENGINES[request.param]
    return trainer, model, finish(trainer, trainer.initial(model))


@pytest.mark.parametrize("name", CUTS)
def test_the_bits_are_the_same_however_training_is_cut(case, cut, name):
    trainer, model, expected = case
    lengths = cut(name)
    ends = list(trainer.train(trainer.initial(model)))
    assert [end.steps for end in ends] == lengths
    assert outcome(ends[-1].state, [end.rows[0] for end in ends if end.rows]) == expected


def test_training_goes_on_to_the_same_bits_from_any_step(case, cut):
    trainer, model, (*expected, all_rows) = case
    cut("one by one")
    ends = list(trainer.train(trainer.initial(model)))
    assert len(ends) == 15
    cut("growing")
    for end in ends[:-1]:
        saved = jax.tree.map(np.array, eqx.filter(trees(end.state), eqx.is_array))
        another = replace(trainer)
        fresh = another.initial(jax.tree.map(jnp.zeros_like, model))
        rest = eqx.filter(trees(fresh), eqx.is_array, inverse=True)
        update, source, best = eqx.combine(jax.tree.map(jnp.array, saved), rest)
        again = replace(
            fresh,
            update=update,
            source=source,
            best=best,
            step=end.state.step,
            standings=end.state.standings,
        )
        *found, rows = finish(another, again)
        assert found == expected, end.state.step
        assert rows == all_rows[end.state.step // PER_EPOCH :]


def test_more_epochs_go_on_as_if_they_had_been_asked_for_at_once(case):
    trainer, model, expected = case
    short = replace(trainer, epochs=1)
    ends = list(short.train(short.initial(model)))
    assert ends[-1].stop == "all 1 epochs done"
    rows = [end.rows[0] for end in ends if end.rows]
    assert list(short.train(ends[-1].state)) == []
    *found, more = finish(trainer, ends[-1].state)
    assert (*found, rows + more) == expected


def test_another_seed_gives_other_noise():
    trainer, model = ENGINES["gradient"]
    other = replace(trainer, seed=2)
    found, expected = (finish(each, each.initial(model)) for each in (other, trainer))
    assert found[3][0]["error"] != expected[3][0]["error"]


def test_what_the_mean_update_learns_is_the_mean():
    trainer, model = ENGINES["statistics"]
    *_, end = trainer.train(trainer.initial(model))
    np.testing.assert_allclose(trainer.result(end.state), TABLE.mean(0), atol=1e-6)
    distance = ((TABLE[:7] - TABLE.mean(0)) ** 2).sum(1).mean()
    # Seven events in batches of four and three: each event counts the same.
    assert end.rows[0]["validation_distance"] == pytest.approx(distance, rel=1e-5)


@pytest.mark.parametrize(("name", "ends"), [("gradient", 0), ("statistics", 1)])
def test_the_end_of_an_epoch_is_compiled_only_where_something_is_left_to_do(
    monkeypatch, name, ends
):
    trainer, model = ENGINES[name]
    asked, finish_epoch = [], engine.compiled.finish_epoch
    monkeypatch.setattr(
        engine.compiled, "finish_epoch", lambda *a: (asked.append(a), finish_epoch(*a))[1]
    )
    list(replace(trainer, epochs=1).train(trainer.initial(model)))
    assert len(asked) == ends


class Noise(AbstractUpdate):
    """Keeps the numbers drawn at every step: the source's, and its own."""

    @property
    def score(self):
        return None

    def initial(self, model):
        return model

    def __call__(self, state, batch, step, key):
        drawn = jnp.array([batch.event[0, 0], jax.random.uniform(key)])
        return state.at[step].set(drawn), {}

    def model(self, state):
        return state

    def evaluate(self, state, batch, step, key):
        event, own = batch.event[0, 0], jax.random.uniform(key)
        return {"event": event, "own": own, "event squared": event**2, "own squared": own**2}


class Static(AbstractSource):
    @property
    def steps_per_epoch(self):
        return 4

    def initial(self):
        return None

    def reach(self, step):
        return self.steps_per_epoch - step % self.steps_per_epoch

    def load(self, step):
        return None

    def draw(self, state, loaded, model, step, key):
        return Batch(jax.random.uniform(key, (1, 1)), None, jnp.ones(1), jnp.array(1.0)), state


def test_every_step_has_noise_of_its_own_and_validation_always_the_same():
    trainer = Engine(Noise(), Static(), Static(), 0, 3, 0)
    ends = list(trainer.train(trainer.initial(jnp.zeros((12, 2)))))
    rows = [end.rows[0] for end in ends if end.rows]
    assert all(row | {"epoch": 1, "step": 4} == rows[0] for row in rows)
    means = {rows[0]["validation_event"], rows[0]["validation_own"]}
    # The mean of squares is above the square of the mean, unless all batches draw alike.
    assert rows[0]["validation_event squared"] > rows[0]["validation_event"] ** 2 + 1e-3
    assert rows[0]["validation_own squared"] > rows[0]["validation_own"] ** 2 + 1e-3
    drawn = np.asarray(ends[-1].state.update)
    assert len(np.unique(drawn)) == 24
    assert len(means | {*np.float64(drawn.reshape(3, 4, 2).mean(1)).ravel()}) == 8


class Tally(eqx.Module):
    counts: jax.Array
    spoilt: jax.Array


class Script(AbstractUpdate):
    """Counts the events it sees; its losses, its scores and its accidents are written down."""

    losses: jax.Array
    """The loss of every step."""
    scores: jax.Array
    """The validation score of every epoch."""
    spoil: jax.Array
    """The step at which a parameter becomes NaN."""
    spoil_epoch: jax.Array
    """The epoch at whose end a parameter becomes NaN."""
    better: Literal["lower", "higher"] = eqx.field(static=True, default="lower")
    least: float = eqx.field(static=True, default=0.0)

    @property
    def score(self):
        return Score("grade", self.better, self.least)

    def initial(self, model):
        return (model, jnp.zeros((), jnp.int32))

    def __call__(self, state, batch, step, key):
        model, epoch = state
        places = batch.event[:, 0].astype(jnp.int32)
        counts = model.counts.at[places].add(batch.weight)
        spoilt = jnp.where(step == self.spoil, jnp.nan, model.spoilt)
        past = self.losses[jnp.maximum(step - 2, 0)]
        metrics = {"loss": self.losses[step], "size": batch.size, "past": past}
        return (Tally(counts, spoilt), epoch), metrics

    def finish_epoch(self, state):
        model, epoch = state
        spoilt = jnp.where(epoch + 1 == self.spoil_epoch, jnp.nan, model.spoilt)
        return (Tally(model.counts, spoilt), epoch + 1)

    def model(self, state):
        return state[0]

    def evaluate(self, state, batch, step, key):
        return {"grade": self.scores[step // PER_EPOCH - 1]}


EPOCHS = 8
LOSSES = RANDOM.normal(size=EPOCHS * PER_EPOCH).astype(np.float32)
NUMBERED = np.arange(EVENTS, dtype=np.float32)[:, None]
NUMBERED_SOURCE, JUDGES = source_of(NUMBERED), source_of(NUMBERED[:6], seed=None)


def scripted(
    scores=range(EPOCHS, 0, -1), *, losses=LOSSES, spoil=-1, spoil_epoch=-1, better="lower",
    patience=0, judged=True, least=0.0,
):  # fmt: skip
    update = Script(
        jnp.asarray(losses, jnp.float32),
        jnp.asarray(list(scores), jnp.float32),
        jnp.int32(spoil),
        jnp.int32(spoil_epoch),
        better,
        least,
    )
    trainer = Engine(update, NUMBERED_SOURCE, JUDGES if judged else None, 0, EPOCHS, patience)
    return trainer, trainer.initial(Tally(jnp.zeros(EVENTS), jnp.zeros(())))


def test_every_event_is_used_once_an_epoch():
    trainer, state = scripted()
    seen = [end.state.update[0].counts for end in trainer.train(state) if end.rows]
    np.testing.assert_array_equal(seen, np.outer(np.arange(1, EPOCHS + 1), np.ones(EVENTS)))


@pytest.mark.parametrize("name", CUTS)
def test_metrics_of_an_epoch_are_means_over_its_steps(cut, name):
    trainer, state = scripted()
    list(trainer.train(state))  # compiled at full length
    cut(name)
    rows = [end.rows[0] for end in trainer.train(state) if end.rows]
    losses = LOSSES.astype(float).reshape(EPOCHS, PER_EPOCH)
    np.testing.assert_allclose(
        [row["loss"] for row in rows], [math.fsum(one) / PER_EPOCH for one in losses], rtol=1e-13
    )
    assert [row["size"] for row in rows] == [EVENTS / PER_EPOCH] * EPOCHS
    assert [row["epoch"] for row in rows] == list(range(1, EPOCHS + 1))
    assert [row["step"] for row in rows] == list(range(PER_EPOCH, 41, PER_EPOCH))


SCORES = [5.0, 4.0, 2.0, 3.0, 2.0, 2.5, 1.0, 0.5]  # the tie of epoch 5 is no improvement


@pytest.mark.parametrize(
    ("patience", "last", "best"),
    [(0, 8, 8), (1, 4, 3), (2, 5, 3), (3, 6, 3), (4, 8, 8), (7, 8, 8)],
)
@pytest.mark.parametrize("better", ["lower", "higher"])
def test_training_stops_when_patience_is_over_and_keeps_the_best(patience, last, best, better):
    sign = 1 if better == "lower" else -1
    trainer, state = scripted([sign * s for s in SCORES], patience=patience, better=better)
    ends = list(trainer.train(state))
    assert ends[-1].state.step == last * PER_EPOCH
    assert [end.stop for end in ends[:-1]] == [None] * (len(ends) - 1)
    words = "all 8 epochs done" if last == 8 else f"no better validation score for {patience} epoch"
    assert ends[-1].stop is not None
    assert ends[-1].stop.startswith(words)
    # The model of an epoch has seen every event as often as there were epochs.
    final = ends[-1].state
    (standing,) = final.standings
    assert (standing.best_epoch, standing.best_score) == (best, sign * SCORES[best - 1])
    np.testing.assert_array_equal(trainer.result(final).counts, np.full(EVENTS, best))
    rows = [end.rows[0] for end in ends if end.rows]
    assert [row["validation_grade"] for row in rows] == [sign * s for s in SCORES[:last]]
    expected = [1 + int(np.argmin(SCORES[:n])) for n in range(1, last + 1)]
    assert [row["best_epoch"] for row in rows] == expected


@pytest.mark.parametrize(("better", "sign"), [("lower", 1), ("higher", -1)])
def test_a_score_must_be_better_by_more_than_the_least(better, sign):
    """Small gains count once they add up to more than that."""
    scores = [sign * s for s in (5.0, 4.75, 4.5, 4.25, 4.0, 4.0, 4.0, 4.0)]
    trainer, state = scripted(scores, patience=3, better=better, least=0.5)
    ends = list(trainer.train(state))
    (standing,) = ends[-1].state.standings
    assert (standing.best_epoch, standing.best_score) == (4, sign * 4.25)
    assert ends[-1].state.step == 7 * PER_EPOCH


def test_what_has_stopped_does_not_start_again():
    trainer, state = scripted(SCORES, patience=1)
    *_, end = trainer.train(state)
    assert list(trainer.train(end.state)) == []


def test_without_validation_the_last_model_is_the_result():
    trainer, state = scripted(SCORES, patience=1, judged=False)
    assert trainer.score is None
    *_, end = trainer.train(state)
    assert end.state.step == EPOCHS * PER_EPOCH
    assert "best_epoch" not in end.rows[0]
    np.testing.assert_array_equal(trainer.result(end.state).counts, np.full(EVENTS, EPOCHS))


def test_before_the_first_validation_the_result_is_the_model_so_far():
    trainer, state = scripted()
    end = next(trainer.train(state))
    assert end.state.step == 1
    assert float(trainer.result(end.state).counts.sum()) in (4, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("bad", [0, 1, 4, 17, 39])
def test_the_first_number_that_is_not_finite_is_named_with_its_step(bad, value):
    losses = LOSSES.copy()
    losses[bad:] = value
    trainer, state = scripted(losses=losses)
    with pytest.raises(NonFiniteError, match=rf"^loss is not finite at step {bad}\. Try "):
        list(trainer.train(state))


def test_a_parameter_that_is_not_finite_is_caught_at_the_end_of_its_chunk(cut):
    cut("one by one")
    trainer, state = scripted(spoil=13)
    with pytest.raises(NonFiniteError, match=r"^a parameter is not finite at step 13\."):
        list(trainer.train(state))
    cut("growing")
    done = []
    with pytest.raises(NonFiniteError, match=r"^a parameter is not finite at step 14\."):
        for end in trainer.train(state):
            done.append(end.state.step)
    assert done == [1, 5, 10]


@pytest.mark.parametrize("judged", [True, False])
def test_a_parameter_spoilt_by_the_end_of_the_last_epoch_is_caught(judged):
    trainer, state = scripted(spoil_epoch=EPOCHS, judged=judged)
    with pytest.raises(NonFiniteError, match=r"^a parameter is not finite at step 39\."):
        list(trainer.train(state))


def test_a_validation_score_that_is_not_finite_is_named():
    trainer, state = scripted([3, 2, np.nan, 1, 1, 1, 1, 1])
    with pytest.raises(NonFiniteError, match=r"^validation_grade is not finite at step 15\."):
        list(trainer.train(state))
