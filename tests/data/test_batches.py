"""Batches of a dataset: every event once an epoch, in a known order, rightly weighted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ansatz.data.batches import Batches
from ansatz.data.conditions import fit_conditions
from ansatz.data.dataset import Column, Dataset
from ansatz.data.preprocessing import Preprocessing, fit_preprocessing
from ansatz.data.statistics import survey
from ansatz.protocol.errors import DataError

NOTHING = Preprocessing(())


def source_of(dataset, *, index=None, batch=4, seed=0, preprocessing=NOTHING, encoder=None):
    index = np.arange(len(dataset)) if index is None else index
    return Batches(dataset, index, preprocessing, encoder, batch=batch, dtype="float32", seed=seed)


def epoch_of(source, epoch=0):
    """The batches of an epoch, each leaf with a leading axis of steps, as NumPy arrays."""
    first = epoch * source.steps_per_epoch
    loaded = source.load(first)

    @jax.jit
    @jax.vmap
    def draw(step):
        return source.draw(None, loaded, None, step, jax.random.fold_in(jax.random.key(1), step))[0]

    return jax.device_get(draw(first + jnp.arange(source.steps_per_epoch, dtype=jnp.int32)))


def events_in_order(batches):
    """The real events of an epoch, one after another."""
    return batches.event[batches.weight > 0]


@pytest.mark.parametrize(
    ("n", "batch"), [(1, 1), (1, 8), (7, 3), (10, 4), (23, 5), (12, 4), (5, 8), (100, 99)]
)
def test_every_event_is_drawn_once_and_sizes_differ_by_one_at_most(n, batch):
    values = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    source = source_of(Dataset(values), batch=batch)
    batches = epoch_of(source, epoch=3)
    assert source.steps_per_epoch == -(-n // batch) == len(batches.size)
    drawn = events_in_order(batches)
    np.testing.assert_array_equal(drawn[drawn[:, 0].argsort()], values[values[:, 0].argsort()])
    assert batches.size.sum() == n
    assert batches.size.max() <= batch
    assert batches.size.max() - batches.size.min() <= 1
    # Without weights a real event has weight one, and padding has none.
    np.testing.assert_array_equal((batches.weight == 1).sum(1), batches.size)
    np.testing.assert_array_equal((batches.weight == 0).sum(1), batch_width(batches) - batches.size)


def batch_width(batches):
    return batches.weight.shape[1]


@pytest.fixture(scope="module")
def numbered():
    return Dataset(np.arange(23, dtype=np.float32)[:, None])


def test_padding_repeats_events_of_the_data(numbered):
    batches = epoch_of(source_of(numbered, batch=5))
    assert np.isin(batches.event, numbered.events).all()
    assert (batches.weight == 0).sum() == 2  # 5 batches of five places for 23 events


def test_the_order_depends_on_seed_and_epoch_alone(numbered):
    def order(seed, epoch, batch=5):
        source = source_of(numbered, seed=seed, batch=batch)
        steps = source.steps_per_epoch
        within = [source.load(epoch * steps + i) for i in range(steps)]
        assert all((one == within[0]).all() for one in within)
        return tuple(np.asarray(within[0]).tolist())

    orders = {(seed, epoch): order(seed, epoch) for seed in range(4) for epoch in range(4)}
    assert len(set(orders.values())) == 16
    assert orders == {pair: order(*pair) for pair in reversed(orders)}
    assert orders[2, 1] == order(2, 1, batch=7)
    assert all(sorted(one) == list(range(23)) for one in orders.values())
    # An order that was dealt at random leaves one event of n in its place on average, with
    # variance one: 16 orders leave 16 +- 4, and 4 sigma are 16.
    kept = sum(np.sum(np.array(one) == np.arange(23)) for one in orders.values())
    assert kept <= 32


def test_without_a_seed_the_order_is_that_of_the_index(numbered):
    index = np.array([4, 2, 9, 7, 0])
    batches = epoch_of(source_of(numbered, index=index, batch=2, seed=None), epoch=2)
    np.testing.assert_array_equal(events_in_order(batches)[:, 0], index)


def test_batches_follow_the_order_that_was_loaded(numbered):
    source = source_of(numbered, batch=5)
    batches = epoch_of(source, epoch=1)
    np.testing.assert_array_equal(
        events_in_order(batches)[:, 0], np.asarray(source.load(source.steps_per_epoch))
    )


@pytest.mark.parametrize("sign", ["positive", "mixed"])
def test_weighted_means_of_batches_average_to_the_weighted_mean(sign):
    random = np.random.default_rng(5)
    values = random.normal(size=(23, 1))
    weights = random.uniform(0.1, 9, 23)
    if sign == "mixed":
        weights[::3] *= -0.3
    source = source_of(Dataset(values, weights=weights), batch=5)
    assert float(np.mean(source.weights)) == pytest.approx(1, rel=1e-6)
    batches = epoch_of(source)
    means = np.array([
        float(batch.mean(batch.event[:, 0]))
        for batch in (jax.tree.map(lambda x, k=k: jnp.asarray(x[k]), batches) for k in range(5))
    ])  # fmt: skip
    np.testing.assert_allclose(
        np.average(means, weights=batches.size),
        np.average(values[:, 0], weights=weights),
        rtol=1e-5,
    )
    np.testing.assert_array_equal((batches.weight != 0).sum(1), batches.size)
    # Each event keeps its own weight, whatever batch it is in.
    by_value = dict(zip(values[:, 0].astype(np.float32), weights / weights.mean(), strict=True))
    for value, weight in zip(batches.event[..., 0].ravel(), batches.weight.ravel(), strict=True):
        assert weight == 0 or weight == pytest.approx(by_value[value], rel=1e-6)
    assert (batches.weight != 0).sum() == 23


def test_weights_are_relative_to_the_events_chosen():
    weights = np.array([1.0, 2.0, 3.0, 100.0])
    dataset = Dataset(np.zeros((4, 1)), weights=weights)
    source = source_of(dataset, index=np.array([2, 0]))
    np.testing.assert_allclose(source.weights, [1.5, 0.5], rtol=1e-6)


@pytest.mark.parametrize(
    "weights", [[1.0, -1.0], [-2.0, 1.0], [0.0, 0.0], [float("nan"), 1.0]]
)  # fmt: skip
def test_weights_without_a_positive_mean_are_refused(weights):
    dataset = Dataset(np.zeros((2, 1)), weights=np.array(weights), name="decays.h5")
    with pytest.raises(DataError, match=r"weights of decays.h5 have mean .* must be positive"):
        source_of(dataset)


def test_conditions_are_encoded_with_their_events():
    columns = (Column("kind", categories=("a", "b", "c")), Column("energy"))
    rows = np.array([[0, 1.0], [2, 2.0], [1, 4.0], [2, 9.0], [0, -1.0]])
    dataset = Dataset(np.arange(5.0)[:, None], rows, condition_columns=columns)
    source = source_of(dataset, batch=2, encoder=fit_conditions(columns, rows, "float32"))
    batches = epoch_of(source)
    place = batches.event[..., 0].astype(int)
    expected = np.concatenate(
        [np.eye(3)[rows[:, 0].astype(int)], (rows[:, 1:] - 3) / rows[:, 1:].std()], axis=1
    )
    np.testing.assert_allclose(batches.condition, expected[place], rtol=1e-6)


def test_without_an_encoder_conditions_are_left_out():
    dataset = Dataset(np.zeros((3, 1)), np.zeros((3, 1)), condition_columns=(Column("e"),))
    source = source_of(dataset)
    assert source.conditions is None
    assert epoch_of(source).condition is None


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        ("uint8", "uint8"), ("bool", "bool"), ("int16", "int16"), ("float32", "float32"),
        ("float64", "float32"), ("float16", "float32"), ("int64", "float32"),
    ],
)  # fmt: skip
def test_numbers_stay_as_narrow_as_they_were_until_drawn(stored, kept):
    events = np.array([[0, 1], [1, 1], [1, 0]]).astype(stored)
    source = source_of(Dataset(events), seed=None)
    assert source.events.dtype == kept
    batches = epoch_of(source)
    assert batches.event.dtype == np.float32
    np.testing.assert_array_equal(batches.event[0], events.astype(float))


def test_events_are_preprocessed_with_noise_of_their_own_when_drawn():
    pixels = np.full((40, 2), 200, np.uint8)
    chain = fit_preprocessing(("dequantise", "scale=256"), (2,), "float32", survey(pixels))
    batches = epoch_of(source_of(Dataset(pixels), batch=20, preprocessing=chain))
    assert np.floor(batches.event * 256).min() == 200 == np.floor(batches.event * 256).max()
    assert len(np.unique(batches.event)) > 75  # of 80 draws, which rarely meet by chance
